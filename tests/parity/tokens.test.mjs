// Compares our token ids with those of Hugging Face's tokenizers, made from the vocabulary and merges of the same file.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { repositoryRoot } from "../../scripts/lib/run.mjs";
import { modelPath } from "../web/lib/model.mjs";
import { evaluationData, runReference } from "./lib.mjs";

const wikitext = evaluationData("wikitext2-test.txt");
const hard = { path: join(repositoryRoot, "tests/data/tokenizer-hard.txt"), skip: false };

describe("token ids equal those of Hugging Face's tokenizers", () => {
  let model;
  before(async () => {
    model = await CamelGPTInference.load(modelPath, { contextLength: 64 });
  });
  after(() => model?.dispose());

  for (const [name, { path, skip }] of Object.entries({ "WikiText-2 test": wikitext, "the hard text": hard })) {
    for (const parseSpecial of [true, false]) {
      test(`on ${name}, special tokens ${parseSpecial ? "recognised" : "as plain text"}`, { skip }, async (t) => {
        const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(readFileSync(path));
        const ids = await model.tokenize(text, { addSpecial: false, parseSpecial });
        const args = [path, ...(parseSpecial ? [] : ["--plain"])];
        const expected = await runReference("tokenizer_reference.py", modelPath, { args });
        const differing = expected.findIndex((id, i) => id !== ids[i]);
        const around = (tokens) => tokens.slice(Math.max(0, differing - 3), differing + 3);
        assert.equal(differing, -1, `token ${differing}: ${around(ids)}, expected ${around(expected)}`);
        assert.equal(ids.length, expected.length);
        t.diagnostic(`${ids.length} tokens of ${text.length} characters, all equal`);
      });
    }
  }
});
