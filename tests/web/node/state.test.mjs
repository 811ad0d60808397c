// Saved states through the class, and the tokens that a second turn of a conversation evaluates.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { modelPath, rejectsWith, repository } from "../lib/model.mjs";

const story =
  "The river rises in the mountains, flows through three countries and reaches the sea after eight hundred " +
  "kilometres. ";
const reglu = `${repository}models/reglu-tiny/reglu-tiny.gguf`;

describe("saved states", () => {
  let model, other;
  before(async () => {
    model = await CamelGPTInference.load(modelPath, { contextLength: 2048 });
    other = await CamelGPTInference.load(modelPath, { contextLength: 1536, worker: false, threads: 1 });
  });
  after(async () => {
    await model.dispose();
    await other.dispose();
  });

  test("another model object continues from a saved state, with the same tokens and from the cache", async () => {
    const prompt = await model.tokenize(story.repeat(10));
    const first = await model.stream(prompt, { maxTokens: 16, ignoreEos: true });
    const state = await model.saveState();
    const text = [...prompt, ...first.tokens];
    const { tokens } = await other.loadState(state);
    assert.equal(tokens, text.length - 1); // the last token of an answer is not evaluated
    const next = [...text, ...(await model.tokenize("And then"))];
    const here = await model.stream(next, { maxTokens: 16, ignoreEos: true });
    const there = await other.stream(next, { maxTokens: 16, ignoreEos: true });
    assert.deepEqual(there.tokens, here.tokens);
    assert.equal(there.usage.cachedTokens, tokens);
    assert.equal(here.usage.cachedTokens, tokens);
    assert.deepEqual(await other.saveState(), await model.saveState());
  });

  test("an ArrayBuffer is accepted, and the caller's bytes are not changed", async () => {
    await model.generateText(story, 4);
    const state = await model.saveState();
    const { tokens } = await model.loadState(state.slice().buffer);
    assert.deepEqual(await model.loadState(state), { tokens });
    assert.ok(state.length > 40);
    assert.equal(
      (await model.stream(story, { maxTokens: 4 })).usage.cachedTokens,
      (await model.countTokens(story)) - 1,
    );
  });

  test("invalid bytes are errors, and the model remains usable", async () => {
    const expected = await model.generateText(story, 8);
    const state = await model.saveState();
    const changed = (at, value) => Object.assign(state.slice(), { [at]: value });
    await rejectsWith("truncated", model.loadState(new Uint8Array(0)));
    await rejectsWith("truncated", model.loadState(state.subarray(0, 1000)));
    await rejectsWith("bad-format", model.loadState(changed(0, 0)));
    await rejectsWith("unsupported-version", model.loadState(changed(4, 9)));
    await rejectsWith("bad-input", model.loadState(changed(16, state[16] ^ 1)));
    for (const wrong of [undefined, "state", [1, 2], new Uint16Array(4)])
      await rejectsWith("bad-input", model.loadState(wrong));
    assert.equal(
      (await model.stream(story, { maxTokens: 8 })).usage.cachedTokens,
      (await model.countTokens(story)) - 1,
    );
    await rejectsWith("bad-format", model.loadState(changed(state.length - 200, state[state.length - 200] ^ 1)));
    const { text, usage } = await model.stream(story, { maxTokens: 8 });
    assert.equal(text, expected);
    assert.equal(usage.cachedTokens, undefined);
  });

  test("the state of another model, of another cache type, or longer than the context is refused", async () => {
    await model.generateText(story.repeat(10), 1);
    const state = await model.saveState();
    for (const [source, options, code] of [
      [reglu, { contextLength: 256 }, "bad-input"],
      [modelPath, { contextLength: 256, kvCache: "q8" }, "bad-input"],
      [modelPath, { contextLength: 64 }, "context-overflow"],
    ]) {
      const small = await CamelGPTInference.load(source, options);
      const error = await rejectsWith(code, small.loadState(state));
      assert.ok(error.expected && error.found && error.hint, error.message);
      await small.dispose();
    }
  });

  test("without a text there is no state to save, and an aborted signal stops saving and loading", async () => {
    const empty = await CamelGPTInference.load(reglu);
    await rejectsWith("bad-state", empty.saveState());
    await empty.generateText("The", 2);
    const state = await empty.saveState();
    const signal = AbortSignal.abort();
    await rejectsWith("aborted", empty.saveState({ signal }));
    await rejectsWith("aborted", empty.loadState(state, { signal }));
    await empty.dispose();
    await rejectsWith("disposed", empty.saveState());
  });

  test("the second turn of a conversation of 1,000 tokens evaluates only the new tokens", async (t) => {
    const messages = [{ role: "user", content: `${story.repeat(47)}\nWhere does the river end?` }];
    const first = await model.chat(messages, { maxTokens: 24, temperature: 0 });
    assert.ok(first.usage.promptTokens >= 900 && first.usage.promptTokens <= 1100, String(first.usage.promptTokens));
    messages.push({ role: "assistant", content: first.text }, { role: "user", content: "And where does it rise?" });
    const { usage, timings } = await model.chat(messages, { maxTokens: 8 });
    const evaluated = usage.promptTokens - usage.cachedTokens;
    const [milliseconds, before] = [timings, first.timings].map(({ prefillMs }) => `${prefillMs.toFixed(0)} ms`);
    t.diagnostic(
      `${usage.promptTokens} tokens, ${evaluated} of them evaluated in ${milliseconds}; the first turn took ${before}`,
    );
    assert.ok(evaluated <= 32, String(evaluated));
  });
});
