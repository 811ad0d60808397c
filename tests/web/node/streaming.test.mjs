// Streams: pieces and the whole, leaving the loop, abort, overlapping calls.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { modelPath, rejectsWith } from "../lib/model.mjs";
import { startClock } from "../lib/processor-time.mjs";

const story = "Once upon a time,";

for (const worker of [true, false]) {
  describe(`streaming ${worker ? "from a worker" : "on the caller's thread"}`, () => {
    let model;
    before(async () => {
      model = await CamelGPTInference.load(modelPath, { worker });
    });
    after(() => model.dispose());

    test("the pieces make up the text", async () => {
      const stream = model.stream(story, { maxTokens: 20 });
      const pieces = [];
      for await (const piece of stream) pieces.push(piece);
      assert.ok(pieces.length > 5);
      assert.equal(pieces.join(""), (await stream).text);
    });

    test("a second loop receives all pieces too", async () => {
      const stream = model.stream(story, { maxTokens: 8 });
      const loop = async () => {
        let text = "";
        for await (const piece of stream) text += piece;
        return text;
      };
      const [first, second] = await Promise.all([loop(), loop()]);
      assert.equal(first, second);
      assert.equal(await loop(), first);
    });

    test("leaving the loop cancels, and the result says so", async () => {
      const stream = model.stream(story, { maxTokens: 2000, ignoreEos: true });
      let count = 0;
      for await (const _ of stream) if (++count === 5) break;
      const { finishReason, tokens, text } = await stream;
      assert.equal(finishReason, "abort");
      assert.ok(tokens.length >= 5 && tokens.length < 500, String(tokens.length));
      assert.ok(text.length > 0);
    });

    test("an abort ends the loop and keeps the text", async () => {
      const abort = new AbortController();
      const stream = model.stream(story, { maxTokens: 2000, ignoreEos: true, signal: abort.signal });
      let shown = "";
      for await (const piece of stream) {
        shown += piece;
        if (shown.length > 30) abort.abort();
      }
      const { finishReason, text } = await stream;
      assert.equal(finishReason, "abort");
      assert.equal(text, shown);
    });

    test("generateText rejects soon after an abort", async () => {
      const abort = new AbortController();
      setTimeout(() => abort.abort("enough"), 150);
      const clock = startClock();
      const error = await rejectsWith(
        "aborted",
        model.generateText(story, { maxTokens: 3000, ignoreEos: true, signal: abort.signal }),
      );
      assert.equal(error.name, "AbortError");
      assert.equal(error.cause, "enough");
      clock.expectBelow(300);
    });

    test("an abort during a long prompt takes effect", async () => {
      const abort = new AbortController();
      const prompt = Array.from({ length: 4000 }, (_, i) => 1000 + i);
      const clock = startClock();
      const stream = model.stream(prompt, { signal: abort.signal });
      setTimeout(() => abort.abort(), 100);
      assert.equal((await stream).finishReason, "abort");
      clock.expectBelow(500);
    });

    test("an aborted signal rejects before any work", async () => {
      const signal = AbortSignal.abort("no");
      const error = await rejectsWith("aborted", model.generateText(story, { signal }));
      assert.equal(error.cause, "no");
      await rejectsWith("aborted", model.stream(story, { signal }));
      await rejectsWith("aborted", model.tokenize(story, { signal }));
      await rejectsWith("aborted", model.score(story, { signal }));
      await rejectsWith("aborted", async () => {
        for await (const _ of model.stream(story, { signal }));
      });
    });

    test("overlapping calls queue, and each returns its own text", async () => {
      const alone = await model.generateText("The sky is", 12);
      const [a, tokens, b, c] = await Promise.all([
        model.generateText("The sky is", 12),
        model.tokenize("hello world"),
        model.generateText(story, 12),
        model.generateText("The sky is", 12),
      ]);
      assert.equal(a, alone);
      assert.equal(c, alone);
      assert.notEqual(b, alone);
      assert.equal(await model.detokenize(tokens), "hello world");
    });

    test("aborting a queued call does not affect the others", async () => {
      const abort = new AbortController();
      const first = model.generateText("The sky is", 40);
      const queued = model.generateText(story, { maxTokens: 40, signal: abort.signal });
      const last = model.generateText("The sky is", 40);
      abort.abort();
      await rejectsWith("aborted", queued);
      assert.equal(await first, await last);
    });

    test("a failing stream without a consumer causes no unhandled rejection", async () => {
      model.stream("", {});
      model.stream("x", { maxTokens: -1 });
      await model.generateText("The sky is", 2);
    });

    test("a score can be aborted", async () => {
      const abort = new AbortController();
      setTimeout(() => abort.abort(), 100);
      await rejectsWith("aborted", model.score("word ".repeat(8000), { signal: abort.signal }));
    });
  });
}

test("the caller's thread is free while a worker generates", async () => {
  const model = await CamelGPTInference.load(modelPath);
  const before = performance.eventLoopUtilization();
  await model.generateText(story, { maxTokens: 60, ignoreEos: true });
  const { utilization } = performance.eventLoopUtilization(before);
  await model.dispose();
  assert.ok(utilization < 0.5, `busy for ${(100 * utilization).toFixed(0)} % of the time`);
});
