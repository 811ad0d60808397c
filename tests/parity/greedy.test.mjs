// Compares our greedy answers with llama.cpp's, from the same file and prompt ids. Both compute with 8-bit activations,
// rounded differently, so they may diverge: a float32 evaluation of the dequantised weights then decides which is
// wrong, and by how much.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, describe, test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";
import { Template } from "@huggingface/jinja";

import { ensurePeers } from "../../scripts/lib/peers.mjs";
import { modelPath } from "../web/lib/model.mjs";
import {
  askProcess,
  configurations,
  evaluationData,
  flaggedConfigurations,
  measureWith,
  runReference,
} from "./lib.mjs";

const tasks = 20;
const flaggedTasks = 4; // for emulated machines
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

/** One request to llama.cpp in a child process. */
async function askLlamaCpp(request) {
  const { modules } = await ensurePeers();
  return askProcess("llama-cpp.mjs", request, { args: [modules, modelPath, "1"] });
}

/** The first difference of each pair of answers, with the tokens before it and both next tokens. */
function findDivergences(prompts, ours, theirs) {
  return ours.flatMap((answer, task) => {
    const place = theirs[task].findIndex((token, i) => i < answer.length && token !== answer[i]);
    if (place < 0) return [];
    const prefix = [...prompts[task], ...theirs[task].slice(0, place)];
    return [{ task, place, prefix, mine: answer[place], other: theirs[task][place] }];
  });
}

/** Adds the reference's and llama.cpp's results to divergences. Each prefix is evaluated once. */
async function judge(divergences) {
  const prefixes = [...new Map(divergences.map(({ prefix }) => [prefix.join(), prefix])).values()];
  if (prefixes.length === 0) return;
  const tops = await runReference("reference.py", modelPath, { inputs: { prefixes } });
  const { gaps } = await askLlamaCpp({ prefixes });
  const indices = new Map(prefixes.map((prefix, i) => [prefix.join(), i]));
  for (const each of divergences) {
    const i = indices.get(each.prefix.join());
    Object.assign(each, { best: tops[i].tokens, gap: tops[i].logits[0] - tops[i].logits[1], theirGap: gaps[i] });
  }
}

describe(`greedy answers to ${tasks} tasks, ours and llama.cpp's`, { skip }, () => {
  const messages = skip ? [] : questions().map((content) => [{ role: "user", content }]);
  const ours = {};
  const diverged = {};
  let prompts;

  before(async () => {
    prompts = await promptsOf(messages);
    const { answers: theirs } = await askLlamaCpp({ prompts, maxTokens });
    for (const configuration of [...configurations, ...flaggedConfigurations]) {
      const asked = prompts.slice(0, configuration.command ? flaggedTasks : tasks);
      const { answers } = await measureWith(configuration, { contextLength: 2048, prompts: asked, maxTokens });
      assert.deepEqual(
        answers.map(({ length }) => length > 0),
        asked.map(() => true),
      );
      ours[configuration.name] = answers;
      diverged[configuration.name] = findDivergences(prompts, answers, theirs);
    }
    await judge(Object.values(diverged).flat());
  });

  test("the prompts equal those of chat()", async () => {
    const model = await CamelGPTInference.load(modelPath, { flavour: configurations[0].flavour, contextLength: 2048 });
    const { usage, tokens } = await model.chat(messages[1], { maxTokens, temperature: 0 });
    await model.dispose();
    assert.equal(usage.promptTokens, prompts[1].length);
    assert.deepEqual(tokens, ours[configurations[0].name][1]);
  });

  for (const { name, command } of [...configurations, ...flaggedConfigurations]) {
    test(`${name}: where they diverge, the reference's two best are nearly equal or ours is its best`, (t) => {
      const asked = command ? flaggedTasks : tasks;
      t.diagnostic(`${name}: ${asked - diverged[name].length} of ${asked} answers are identical`);
      for (const { task, place, best, gap, theirGap, mine, other } of diverged[name]) {
        const rank = (token) =>
          best.includes(token) ? `its ${["best", "second"][best.indexOf(token)]}` : "neither of its two best";
        t.diagnostic(
          `${name}: task ${task}, token ${place}: gap ${gap.toFixed(3)}; ours is ${rank(mine)}, ` +
            `llama.cpp's ${rank(other)}, its own gap ${theirGap.toFixed(3)}`,
        );
      }
      // A larger gap is acceptable if ours is the reference's choice. llama.cpp deviates further: on 1,023 positions of
      // WikiText-2 it agrees with the reference's best token in 96.8 % (we: 99.3 %), and the gaps it misses reach 0.40
      // (0.07).
      const wrong = diverged[name].filter(({ gap, best, mine }) => gap > largestGap && mine !== best[0]);
      assert.deepEqual(
        wrong.map(({ task, place, gap }) => ({ task, place, gap })),
        [],
      );
    });
  }
});
