// Scores: perplexity of texts, by windows.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { modelPath, rejectsWith } from "../lib/model.mjs";

const text =
  "The history of the city goes back to the Roman period, when a small settlement stood at the crossing of two " +
  "roads. In the twelfth century it received the right to hold a market, and its walls were built soon after.";

describe("score", () => {
  let model;
  before(async () => {
    model = await CamelGPTInference.load(modelPath, { contextLength: 256 });
  });
  after(() => model.dispose());

  test("sense is more probable than nonsense", async () => {
    const words = text.split(" ");
    const nonsense = words.map((_, i) => words[(i * 7) % words.length]).join(" ");
    const sense = await model.score(text);
    assert.ok(sense.perplexity > 2 && sense.perplexity < 40, String(sense.perplexity));
    assert.ok((await model.score(nonsense)).perplexity > 4 * sense.perplexity);
    assert.ok(Math.abs(Math.exp(sense.nll) - sense.perplexity) < 1e-9);
  });

  test("the first token of each window is not scored", async () => {
    const count = await model.countTokens(text);
    assert.equal((await model.score(text)).tokens, count - 1);
    assert.equal((await model.score(text, { contextLength: 16 })).tokens, count - Math.ceil(count / 16));
    // Windows of 16, 16 and 1 tokens; the last one scores nothing.
    assert.equal((await model.score(text, { contextLength: 16, maxTokens: 33 })).tokens, 30);
    assert.equal((await model.score(text, { maxTokens: 20 })).tokens, 19);
  });

  test("windows are scored independently", async () => {
    const tokens = await model.tokenize(text);
    const { logprobs } = await model.score(tokens, { contextLength: 16, maxTokens: 32, logprobs: true });
    const second = await model.score(tokens.slice(16, 32), { logprobs: true });
    assert.deepEqual(logprobs.slice(15), second.logprobs);
  });

  test("the first logprobs do not depend on what follows", async () => {
    const tokens = await model.tokenize(text);
    const long = await model.score(tokens, { logprobs: true });
    const short = await model.score(tokens.slice(0, 9), { logprobs: true });
    assert.deepEqual(long.logprobs.slice(0, 8), short.logprobs);
  });

  test("a score agrees with the logprobs of a generation", async () => {
    const generated = await model.stream(text, { maxTokens: 8, logprobs: 1 });
    const tokens = [...(await model.tokenize(text)), ...generated.tokens];
    const { logprobs } = await model.score(tokens, { logprobs: true });
    generated.logprobs.forEach((step, i) => {
      assert.ok(Math.abs(step.logprob - logprobs[logprobs.length - 8 + i]) < 0.05, `token ${i}`);
    });
  });

  test("a generation does not change a score", async () => {
    const { nll } = await model.score(text);
    await model.generateText(text, 5);
    assert.equal((await model.score(text)).nll, nll);
  });

  test("a text that is too short and a window that is too long are errors", async () => {
    await rejectsWith("bad-input", model.score(""));
    await rejectsWith("bad-input", model.score("a"));
    await rejectsWith("context-overflow", model.score(text, { contextLength: 300 }));
    await rejectsWith("bad-option", model.score(text, { contextLength: 1 }));
  });
});
