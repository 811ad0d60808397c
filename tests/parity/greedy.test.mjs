// Our greedy answers and llama.cpp's, from the same file and the same prompt ids. Both compute with 8-bit activations, rounded
// differently, so they may part: a float32 evaluation of the dequantised weights then says who strayed, and how far.
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { before, describe, test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";
import { Template } from "@huggingface/jinja";

import { ensurePeers } from "../../scripts/lib/peers.mjs";
import { modelPath } from "../web/lib/model.mjs";
import { evaluationData, flavours, runReference } from "./lib.mjs";

const tasks = 20;
const maxTokens = 64;
const largestGap = 0.15;

const { path, skip } = evaluationData("instructions.jsonl");

function questions() {
  const lines = readFileSync(path, "utf8").trim().split("\n").slice(0, tasks);
  return lines.map((line) => {
    const { instruction, instances } = JSON.parse(line);
    return [instruction, instances[0].input].filter(Boolean).join("\n\n");
  });
}

async function promptsOf(messages) {
  const { metadata } = await CamelGPTInference.inspect(modelPath);
  const template = new Template(metadata["tokenizer.chat_template"]);
  const model = await CamelGPTInference.load(modelPath, { contextLength: 64 });
  const prompts = [];
  for (const each of messages) {
    const text = template.render({ messages: each, add_generation_prompt: true, bos_token: "", eos_token: "" });
    prompts.push(await model.tokenize(text, { addSpecial: false }));
  }
  await model.dispose();
  return prompts;
}

async function answersOf(flavour, prompts) {
  const model = await CamelGPTInference.load(modelPath, { flavour, contextLength: 2048 });
  const answers = [];
  for (const prompt of prompts) answers.push((await model.stream(prompt, { maxTokens, temperature: 0 })).tokens);
  await model.dispose();
  return answers;
}

/** One request to llama.cpp in a process of its own. */
async function askLlamaCpp(request) {
  const { modules } = await ensurePeers();
  const child = fork(new URL("llama-cpp.mjs", import.meta.url), [modules, modelPath, "1"]);
  const ended = once(child, "exit").then(([code]) => assert.fail(`llama.cpp ended with exit code ${code}`));
  const message = () => Promise.race([once(child, "message"), ended]).then(([value]) => value);
  await message();
  child.send(request);
  const answer = await message();
  ended.catch(() => {}); // it ends because we disconnect
  child.disconnect();
  return answer;
}

/** Where answers part, with all that comes before and both next tokens: one for each pair that differs. */
function divergences(prompts, ours, theirs) {
  return prompts.flatMap((prompt, task) => {
    const place = theirs[task].findIndex((token, i) => i < ours[task].length && token !== ours[task][i]);
    if (place < 0) return [];
    const prefix = [...prompt, ...theirs[task].slice(0, place)];
    return [{ task, place, prefix, mine: ours[task][place], other: theirs[task][place] }];
  });
}

describe(`greedy answers to ${tasks} tasks, ours and llama.cpp's`, { skip }, () => {
  const messages = skip ? [] : questions().map((content) => [{ role: "user", content }]);
  const ours = {};
  const parted = {};
  let prompts;

  before(async () => {
    prompts = await promptsOf(messages);
    const { answers: theirs } = await askLlamaCpp({ prompts, maxTokens });
    for (const flavour of flavours) {
      ours[flavour] = await answersOf(flavour, prompts);
      parted[flavour] = divergences(prompts, ours[flavour], theirs);
    }
    const all = Object.values(parted).flat();
    const inputs = { prefixes: all.map(({ prefix }) => prefix) };
    const tops = all.length > 0 ? await runReference("reference.py", modelPath, { inputs }) : [];
    const { gaps } = await askLlamaCpp(inputs);
    all.forEach((each, i) => {
      Object.assign(each, { best: tops[i].tokens, gap: tops[i].logits[0] - tops[i].logits[1], theirGap: gaps[i] });
    });
  });

  test("the prompts are those that chat makes", async () => {
    const model = await CamelGPTInference.load(modelPath, { flavour: flavours[0], contextLength: 2048 });
    const { usage, tokens } = await model.chat(messages[1], { maxTokens, temperature: 0 });
    await model.dispose();
    assert.equal(usage.promptTokens, prompts[1].length);
    assert.deepEqual(tokens, ours[flavours[0]][1]);
  });

  for (const flavour of flavours) {
    test(`${flavour}: where they part, the reference's two best are nearly equal or ours is its best`, (t) => {
      t.diagnostic(`${flavour}: ${tasks - parted[flavour].length} of ${tasks} answers are identical`);
      for (const { task, place, best, gap, theirGap, mine, other } of parted[flavour]) {
        const rank = (token) => (best.includes(token) ? `its ${["best", "second"][best.indexOf(token)]}` : "neither of its two best");
        t.diagnostic(`${flavour}: task ${task}, token ${place}: gap ${gap.toFixed(3)}; ours is ${rank(mine)}, llama.cpp's ${rank(other)}, its own gap ${theirGap.toFixed(3)}`);
      }
      // A larger gap is no fault of ours where we chose as the reference does. llama.cpp strays further: on 1,023 places of
      // WikiText-2 it agrees with the reference's best token in 96.8 % (we: 99.3 %), and gaps that it misses reach 0.40 (0.07).
      const wrong = parted[flavour].filter(({ gap, best, mine }) => gap > largestGap && mine !== best[0]);
      assert.deepEqual(wrong.map(({ task, place, gap }) => ({ task, place, gap })), []);
    });
  }
});
