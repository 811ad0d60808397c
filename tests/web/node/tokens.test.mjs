// Tokens: text to ids and back.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { modelPath, rejectsWith, tokenizerGolden } from "../lib/model.mjs";

const texts = [
  "Hello, world!",
  "  two spaces,   three, and a tab\t.\n\n\nnew lines \r\n",
  "中文字符，全角标点。",
  "مرحبا بالعالم",
  "👩‍👩‍👧‍👦 family, 🇫🇷 flag, e\u0301 combined, 👍🏽",
  "def f(x):\n    return x ** 2  # comment\n",
  "1234567890 3.14159 1e-9",
  "\u0000\u0001\u007f control",
  "\ufeffbyte order mark",
  "I'll don't can't WE'RE",
  "",
];

describe("tokens", () => {
  let model;
  before(async () => {
    model = await CamelGPTInference.load(modelPath, { contextLength: 64 });
  });
  after(() => model.dispose());

  test("every text is restored from its tokens", async () => {
    for (const text of texts) {
      const tokens = await model.tokenize(text);
      assert.equal(await model.detokenize(tokens, { keepSpecial: true }), text);
      assert.equal(await model.countTokens(text), tokens.length);
    }
  });

  test("special tokens in a text are recognised unless disabled", async () => {
    assert.deepEqual(await model.tokenize("<|im_start|>"), [1]);
    assert.ok((await model.tokenize("<|im_start|>", { parseSpecial: false })).length > 1);
    assert.equal(await model.detokenize([1, 2]), "");
    assert.equal(await model.detokenize([1, 2], { keepSpecial: true }), "<|im_start|><|im_end|>");
  });

  test("pieces are the texts of the tokens", async () => {
    const tokens = await model.tokenize("Hello, world!");
    assert.equal((await model.pieces(tokens)).join(""), "Hello, world!");
  });

  test("the ids are those of the reference tokenizer", async () => {
    const { text, ids } = tokenizerGolden();
    assert.deepEqual(await model.tokenize(text, { addSpecial: false }), ids);
    // The vocabulary lacks a few control characters: the reference drops them, and so do we.
    const possible = text.replace(/[\x04\x06\x13\x14\x16\x1d]/g, "");
    assert.equal(await model.detokenize(ids, { keepSpecial: true }), possible);
  });

  test("a megabyte of text is tokenized", async () => {
    const text = "The quick brown fox jumps over the lazy dog. ".repeat(25_000);
    const tokens = await model.tokenize(text);
    assert.equal(await model.detokenize(tokens), text);
  });

  test("half of a surrogate pair is an error with its position", async () => {
    for (const [text, position] of [
      ["ab\ud800", 2],
      ["\udc00", 0],
      ["😀\ud83dx", 2],
      ["x😀\ude00", 3],
    ]) {
      const error = await rejectsWith("bad-input", model.tokenize(text));
      assert.match(error.found, new RegExp(`position ${position}$`));
      await rejectsWith("bad-input", model.generateText(text));
      await rejectsWith("bad-input", model.score(text));
    }
  });

  test("values that are neither texts nor tokens are errors", async () => {
    for (const text of [undefined, null, 3, {}, ["a"]]) await rejectsWith("bad-input", model.tokenize(text));
    for (const tokens of [undefined, "abc", [1.5], [-1], [NaN], ["1"], [2 ** 31], [49_152]]) {
      await rejectsWith("bad-input", model.detokenize(tokens));
    }
  });
});
