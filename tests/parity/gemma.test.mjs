// Compares Gemma-3-270M, a real file whose vocabulary has 262,144 tokens, with llama.cpp: token ids and perplexity.
// llama.cpp evaluates the same weights as floats: with those of the file it rounds more than we do, and its perplexity
// of these texts is 0.9 % higher.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { ensureModel } from "../../scripts/fetch-model.mjs";
import { ensurePeers } from "../../scripts/lib/peers.mjs";
import { ensurePython } from "../../scripts/lib/python.mjs";
import { repositoryRoot, run } from "../../scripts/lib/run.mjs";
import { askProcess, evaluationData, percent, perplexityOf } from "./lib.mjs";

const windowLength = 768;
const start = 256; // of the tokens that are compared
const tolerance = 0.003;

const read = (path) => readFileSync(join(repositoryRoot, path), "utf8");
const hardTexts = JSON.parse(read("tests/parity/tokenizers/hard-texts.json"));

/** Texts of three kinds; evaluation data that is missing is left out. */
function textsOfKinds() {
  const wikitext = evaluationData("wikitext2-test.txt");
  const chinese = evaluationData("xquad/zh.json");
  return {
    "source code": read("src/tokenize/special_tokens.cpp"),
    "English documentation": read("docs/architecture.md"),
    ...(!wikitext.skip && { "English encyclopedia": readFileSync(wikitext.path, "utf8").slice(0, 8000) }),
    ...(!chinese.skip && { "Chinese encyclopedia": chineseText(chinese.path) }),
  };
}

function chineseText(path) {
  const { data } = JSON.parse(readFileSync(path, "utf8"));
  const contexts = data.flatMap(({ paragraphs }) => paragraphs.map(({ context }) => context));
  return contexts.slice(0, 5).join("\n");
}

describe("Gemma-3-270M agrees with llama.cpp", () => {
  const kinds = textsOfKinds();
  let folder, floatsPath, model;
  const askLlamaCpp = async (request) => {
    const { modules } = await ensurePeers();
    return askProcess("llama-cpp.mjs", request, { args: [modules, floatsPath, "2", "exact"] });
  };

  before(async () => {
    const path = await ensureModel("gemma-3-270m");
    folder = mkdtempSync(join(tmpdir(), "camelgpt-floats-"));
    floatsPath = join(folder, "gemma-3-270m-f32.gguf"); // 1.1 GB
    await run(await ensurePython(), [join(repositoryRoot, "tests/parity/make_floats.py"), path, floatsPath]);
    model = await CamelGPTInference.load(path, { contextLength: windowLength, epdp: "off" });
  });
  after(async () => {
    await model?.dispose();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  test("on token ids", async (t) => {
    // llama.cpp makes </s> an end token of every model. For Gemma it is a tag of HTML, as its own tokenizer has it.
    const texts = [...hardTexts, ...Object.values(kinds)].filter((text) => !text.includes("</s>"));
    const { ids } = await askLlamaCpp({ texts });
    let count = 0;
    for (const [i, text] of texts.entries()) {
      const ours = [...(await model.tokenize(text, { addSpecial: false, parseSpecial: false }))];
      assert.deepEqual(ours, ids[i], JSON.stringify(text.slice(0, 60)));
      count += ours.length;
    }
    t.diagnostic(`${texts.length} texts, ${count} tokens`);
  });

  test("on perplexity", async (t) => {
    const windows = [];
    const ours = [];
    for (const text of Object.values(kinds)) {
      const tokens = [...(await model.tokenize(text))].slice(0, windowLength);
      assert.equal(tokens.length, windowLength);
      const { logprobs } = await model.score(tokens, { logprobs: true });
      windows.push({ tokens, start });
      ours.push(logprobs.slice(start - 1));
    }
    const { logprobs: theirs } = await askLlamaCpp({ windows });
    for (const [i, kind] of Object.keys(kinds).entries()) {
      const change = perplexityOf(ours[i]) / perplexityOf(theirs[i]) - 1;
      t.diagnostic(`${kind}: perplexity ${perplexityOf(ours[i]).toFixed(3)} (${percent(change)})`);
    }
    const change = perplexityOf(ours.flat()) / perplexityOf(theirs.flat()) - 1;
    t.diagnostic(`${ours.flat().length} tokens: ${percent(change, 3)}`);
    assert.ok(Math.abs(change) <= tolerance, percent(change, 3));
  });
});
