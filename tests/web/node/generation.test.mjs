// Generation through the class: options, determinism, endings.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { modelPath, rejectsWith } from "../lib/model.mjs";

describe("generation", () => {
  let model;
  before(async () => {
    model = await CamelGPTInference.load(modelPath, { contextLength: 512 });
  });
  after(() => model.dispose());

  test("continues a text with the given number of tokens", async () => {
    const text = await model.generateText("Once upon a time,", 12);
    assert.ok(text.length > 10, text);
    const { tokens, usage, finishReason } = await model.stream("Once upon a time,", { maxTokens: 12 });
    assert.equal(tokens.length, 12);
    assert.equal(usage.completionTokens, 12);
    assert.equal(usage.promptTokens, await model.countTokens("Once upon a time,"));
    assert.equal(finishReason, "length");
  });

  test("generateText accepts options instead of the number, and after it", async () => {
    const plain = await model.generateText("The sky is", 8);
    assert.equal(await model.generateText("The sky is", { maxTokens: 8 }), plain);
    assert.equal(await model.generateText("The sky is", 8, { seed: 3 }), plain);
  });

  test("token ids as a prompt give the same result as their text", async () => {
    const tokens = await model.tokenize("The sky is");
    assert.equal(await model.generateText(tokens, 8), await model.generateText("The sky is", 8));
  });

  test("greedy answers do not depend on the seed; sampled answers do and are reproducible", async () => {
    const sample = (options) => model.generateText("A list of animals:", { maxTokens: 24, ...options });
    assert.equal(await sample({ seed: 1 }), await sample({ seed: 2 }));
    const first = await sample({ temperature: 1.5, topP: 1, minP: 0, seed: 1 });
    assert.equal(await sample({ temperature: 1.5, topP: 1, minP: 0, seed: 1 }), first);
    assert.notEqual(await sample({ temperature: 1.5, topP: 1, minP: 0, seed: 2 }), first);
  });

  test("a random seed is reported and reproduces the text", async () => {
    const options = { maxTokens: 16, temperature: 1 };
    const first = await model.stream("A list of animals:", options);
    const second = await model.stream("A list of animals:", options);
    assert.notEqual(first.seed, second.seed);
    const again = await model.stream("A list of animals:", { ...options, seed: first.seed });
    assert.equal(again.text, first.text);
  });

  test("seeds beyond 32 bits differ from their low half", async () => {
    const sample = (seed) =>
      model.generateText("A list:", { maxTokens: 24, temperature: 2, topK: 0, topP: 1, minP: 0, seed });
    assert.notEqual(await sample(5), await sample(2 ** 32 + 5));
  });

  test("a stop string ends the text before it, even if it spans tokens", async () => {
    const whole = await model.generateText("The capital of France is", 24);
    // The stop string begins and ends inside tokens.
    const stop = whole.slice(9, 17);
    const { text, finishReason } = await model.stream("The capital of France is", {
      maxTokens: 24,
      stop: ["never there", stop],
    });
    assert.equal(text, whole.slice(0, whole.indexOf(stop)));
    assert.equal(finishReason, "stop");
  });

  test("pieces never contain the beginning of a stop string", async () => {
    const whole = await model.generateText("The capital of France is", 24);
    const stop = whole.slice(9, 17);
    let shown = "";
    for await (const piece of model.stream("The capital of France is", { maxTokens: 24, stop })) shown += piece;
    assert.equal(shown, whole.slice(0, whole.indexOf(stop)));
  });

  test("logprobs cover each token, are sorted and not positive", async () => {
    const { tokens, text, logprobs } = await model.stream("The capital of France is", { maxTokens: 6, logprobs: 5 });
    assert.equal(logprobs.length, tokens.length);
    assert.equal(logprobs.map((step) => step.text).join(""), text);
    for (const [i, step] of logprobs.entries()) {
      assert.equal(step.token, tokens[i]);
      assert.equal(step.top.length, 5);
      assert.ok(step.logprob <= 0);
      // Greedy: the chosen token is the best one.
      assert.equal(step.top[0].token, step.token);
      assert.ok(Math.abs(step.top[0].logprob - step.logprob) < 1e-4);
      for (let j = 1; j < 5; j++) assert.ok(step.top[j].logprob <= step.top[j - 1].logprob);
    }
  });

  test("the bytes of log-probabilities join to the text", async () => {
    const prompt = "Unicode has emoji such as 🦙🐪🦒 🦙🐪🦒 🦙🐪🦒";
    const { text, logprobs } = await model.stream(prompt, { maxTokens: 12, logprobs: 2 });
    const bytes = logprobs.flatMap((step) => step.bytes);
    assert.equal(new TextDecoder().decode(Uint8Array.from(bytes)), text);
    assert.ok(
      bytes.some((byte) => byte > 127),
      text,
    );
    for (const { top } of logprobs) {
      for (const each of top) assert.equal(new TextDecoder().decode(Uint8Array.from(each.bytes)), each.text);
    }
  });

  test("minTokens forbids the end token only for the first tokens", async () => {
    const prompt = "<|im_start|>user\nSay yes.<|im_end|>\n<|im_start|>assistant\n";
    const free = await model.stream(prompt, { maxTokens: 80 });
    const most = free.tokens.length - 1; // without the end token
    const same = await model.stream(prompt, { maxTokens: 80, minTokens: most });
    assert.deepEqual(same.tokens, free.tokens);
    const longer = await model.stream(prompt, { maxTokens: 80, minTokens: most + 3, logprobs: 1 });
    assert.ok(longer.tokens.length > most + 3);
    assert.equal(longer.finishReason, "stop");
    // Log-probabilities are those of the model.
    assert.equal(longer.logprobs[most].top[0].token, free.tokens[most]);
    await rejectsWith("bad-option", model.generateText(prompt, { minTokens: -1 }));
  });

  test("ignoreEos continues after the end token", async () => {
    const prompt = "<|im_start|>user\nSay yes.<|im_end|>\n<|im_start|>assistant\n";
    const stopped = await model.stream(prompt, { maxTokens: 80 });
    assert.equal(stopped.finishReason, "stop");
    const ignored = await model.stream(prompt, { maxTokens: 80, ignoreEos: true });
    assert.equal(ignored.finishReason, "length");
    assert.equal(ignored.tokens.length, 80);
    assert.ok(ignored.text.startsWith(stopped.text));
  });

  test("a forbidden token is never chosen, a strongly favoured one always", async () => {
    const {
      tokens: [best],
    } = await model.stream("The capital of France is", { maxTokens: 1 });
    const without = await model.stream("The capital of France is", { maxTokens: 8, logitBias: { [best]: -Infinity } });
    assert.ok(!without.tokens.includes(best));
    const [token] = await model.tokenize(" yes");
    const only = await model.stream("The capital of France is", { maxTokens: 3, logitBias: { [token]: 1000 } });
    assert.deepEqual(only.tokens, [token, token, token]);
  });

  test("a repetition penalty changes a repetitive text", async () => {
    const prompt = "la la la la la la la la la la la la";
    const plain = await model.generateText(prompt, 16);
    assert.notEqual(await model.generateText(prompt, { maxTokens: 16, repeatPenalty: 2 }), plain);
    assert.notEqual(await model.generateText(prompt, { maxTokens: 16, frequencyPenalty: 5 }), plain);
  });

  test("the same prompt gives the same text, regardless of the cache", async () => {
    const first = await model.generateText("Water boils at", 16);
    await model.generateText("Water freezes when", 16);
    assert.equal(await model.generateText("Water boils at", 16), first);
    assert.equal(await model.generateText("Water boils at", 16), first);
  });

  test("a full context ends with the finish reason length", async () => {
    const prompt = Array.from({ length: 500 }, () => 253);
    const { finishReason, tokens, usage } = await model.stream(prompt, { maxTokens: 100, ignoreEos: true });
    assert.equal(finishReason, "length");
    assert.equal(usage.promptTokens, 500);
    assert.ok(tokens.length >= 12 && tokens.length <= 13, String(tokens.length));
  });

  test("with contextShift an answer continues past the end of the context", async () => {
    const prompt = Array.from({ length: 500 }, () => 253);
    const stream = model.stream(prompt, { maxTokens: 30, ignoreEos: true, contextShift: true });
    let shown = "";
    for await (const piece of stream) shown += piece;
    const { finishReason, tokens, text, usage } = await stream;
    assert.equal(finishReason, "length");
    assert.equal(tokens.length, 30);
    assert.equal(text, shown);
    assert.equal(usage.promptTokens, 500);
    // The continuation equals that of a prompt of the first 32 tokens and the newer half.
    const full = [...prompt, ...tokens.slice(0, 12)];
    const remaining = [...full.slice(0, 32), ...full.slice(272)];
    assert.deepEqual((await model.stream(remaining, { maxTokens: 18, ignoreEos: true })).tokens, tokens.slice(12));
    await rejectsWith("bad-option", model.generateText("a", { contextShift: 1 }));
  });

  test("a prompt longer than the context is an error with both lengths", async () => {
    const error = await rejectsWith(
      "context-overflow",
      model.generateText(
        Array.from({ length: 600 }, () => 253),
        5,
      ),
    );
    assert.match(`${error.message} ${error.expected} ${error.found}`, /600/);
    assert.match(`${error.message} ${error.expected} ${error.found}`, /51[0-2]/);
    assert.ok(error.hint);
  });

  test("an empty prompt and an unknown token id are errors and leave the model usable", async () => {
    await rejectsWith("bad-input", model.generateText("", 5));
    await rejectsWith("bad-input", model.generateText([49_152], 5));
    await rejectsWith("bad-option", model.generateText("a", { logitBias: { 49152: 1 } }));
    assert.ok(await model.generateText("Still", 3));
  });

  test("characters of several tokens are never split between pieces", async () => {
    const prompt = "Emoji: 😀 😃 😄 😁 😆 😅 😂 🤣 😊 😇 😀 😃 😄 😁 😆";
    let shown = "";
    for await (const piece of model.stream(prompt, { maxTokens: 40, ignoreEos: true })) {
      assert.ok(piece.isWellFormed());
      shown += piece;
    }
    assert.ok(!shown.includes("\ufffd"), shown);
  });

  test("timings and usage are reported", async () => {
    const { timings, usage } = await model.stream("Some text that was not seen before.", { maxTokens: 8 });
    for (const name of ["loadMs", "prefillMs", "decodeMs", "prefillTokensPerSecond", "decodeTokensPerSecond"]) {
      assert.ok(timings[name] > 0, name);
    }
    assert.equal(usage.completionTokens, 8);
  });
});
