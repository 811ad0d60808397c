// Overlapping calls of one model with several sequences: they decode together, with the answers of separate calls.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { modelPath } from "../lib/model.mjs";
import { ensureSidecar } from "../lib/sidecar.mjs";

const prompts = [
  "The capital of France is",
  "Bees make honey from the nectar of flowers, and",
  "In 1969, the first",
  "A recipe for bread: take",
  "The largest ocean of the Earth is the Pacific; the second largest",
  "Once upon a time there was a king who",
];

/** Requests of all kinds: greedy and sampled, short and long, with a format, with reports. */
const requests = prompts.map((prompt, i) => ({
  prompt,
  options: {
    maxTokens: [24, 40, 7, 33, 18, 28][i],
    temperature: i % 2,
    seed: i,
    ...(i === 1 && { logprobs: 2 }),
    ...(i === 3 && { responseFormat: { type: "regex", pattern: "[a-z ]{20,60}\\." } }),
    ...(i === 4 && { stop: ["Ocean"], repeatPenalty: 1.2 }),
  },
}));

async function ask(model, { prompt, options }) {
  const stream = model.stream(prompt, options);
  const pieces = [];
  for await (const piece of stream) pieces.push(piece);
  const { text, tokens, finishReason, logprobs, usage } = await stream;
  assert.equal(pieces.join(""), text);
  return { text, tokens, finishReason, logprobs, completionTokens: usage.completionTokens };
}

async function askInTurn(model, list = requests) {
  const answers = [];
  for (const request of list) answers.push(await ask(model, request));
  return answers;
}

for (const worker of [true, false]) {
  describe(`side by side ${worker ? "in the worker" : "on the caller's thread"}`, () => {
    let model, expected;
    before(async () => {
      const one = await CamelGPTInference.load(modelPath, { contextLength: 256, worker });
      expected = await askInTurn(one);
      await one.dispose();
      model = await CamelGPTInference.load(modelPath, { contextLength: 256, sequences: 4, worker });
    });
    after(() => model.dispose());

    test("more calls than sequences overlap, with the answers of calls one after the other", async () => {
      assert.deepEqual(await Promise.all(requests.map((request) => ask(model, request))), expected);
      assert.deepEqual(await askInTurn(model), expected);
    });

    test("answers arrive together: each begins before another has ended", async () => {
      const order = [];
      const stream = async (i) => {
        for await (const _ of model.stream(prompts[i], { maxTokens: 30, temperature: 0 })) order.push(i);
      };
      await Promise.all([0, 1, 2, 3].map(stream));
      for (const i of [0, 1, 2, 3]) {
        const first = order.indexOf(i);
        for (const other of [0, 1, 2, 3]) assert.ok(first < order.lastIndexOf(other), order.join(""));
      }
    });

    test("a call that is aborted ends by itself, and one that is wrong fails by itself", async () => {
      const abort = new AbortController();
      const aborted = model.stream(prompts[5], { maxTokens: 200, temperature: 0, signal: abort.signal });
      const failing = model.generateText("word ".repeat(300), 5);
      const others = Promise.all(requests.slice(0, 3).map((request) => ask(model, request)));
      let pieces = 0;
      const ended = (async () => {
        for await (const _ of aborted) if (++pieces === 5) abort.abort();
        return aborted;
      })();
      await assert.rejects(failing, { code: "context-overflow" });
      assert.deepEqual(await others, expected.slice(0, 3));
      const { finishReason, tokens } = await ended;
      assert.equal(finishReason, "abort");
      assert.ok(tokens.length < 200, String(tokens.length));
      assert.deepEqual(await ask(model, requests[5]), expected[5]); // its sequence is free again
    });

    test("other calls take turns with generations, and tokenizing does not wait", async () => {
      const answers = Promise.all(requests.slice(0, 4).map((request) => ask(model, request)));
      let isDone = false;
      void answers.then(() => {
        isDone = true;
      });
      const vector = model.embed("A short text.");
      const score = model.score("Paris is the capital of France.");
      const later = ask(model, requests[4]);
      await model.countTokens("Several words.");
      assert.ok(!isDone);
      assert.deepEqual(await answers, expected.slice(0, 4));
      assert.deepEqual(await vector, await model.embed("A short text."));
      assert.deepEqual((await score).logprobs, (await model.score("Paris is the capital of France.")).logprobs);
      assert.deepEqual(await later, expected[4]);
    });
  });
}

describe("side by side", () => {
  test("a common prompt is evaluated once, unless salts keep callers apart", async () => {
    const model = await CamelGPTInference.load(modelPath, { contextLength: 512, sequences: 3 });
    const system = "You are a helpful assistant who answers briefly and never mentions the weather. ".repeat(4);
    const ask = async (question, cacheSalt) => {
      const { usage } = await model.stream(system + question, { maxTokens: 4, temperature: 0, cacheSalt });
      return usage.cachedTokens ?? 0;
    };
    const shared = await Promise.all([ask("One", "a"), ask("Two", "a"), ask("Three", "a")]);
    assert.equal(shared[0], 0);
    assert.ok(shared[1] > 40 && shared[2] > 40, shared.join(" "));
    assert.equal(await ask("Four", "b"), 0);
    assert.ok((await ask("Five", "b")) > 40);
    assert.equal(await ask("Six"), 0);
    await model.dispose();
  });

  test("several answers to one prompt are generated side by side, with their seeds", async () => {
    const options = { n: 5, maxTokens: 20, temperature: 1, seed: 4 };
    const texts = async (sequences) => {
      const model = await CamelGPTInference.load(modelPath, { contextLength: 256, sequences });
      const { choices, usage } = await model.stream(prompts[0], options);
      await model.dispose();
      return { texts: choices.map(({ text }) => text), seeds: choices.map(({ seed }) => seed), usage };
    };
    const [one, three] = [await texts(1), await texts(3)];
    assert.equal(new Set(one.texts).size, 5);
    assert.deepEqual(three, one);
  });

  test("pruned answers side by side are those of separate calls, and pruning can change meanwhile", async () => {
    const sidecar = await ensureSidecar();
    const options = { contextLength: 256, epdp: "balanced", sidecar };
    const one = await CamelGPTInference.load(modelPath, options);
    const expected = await askInTurn(one);
    await one.dispose();
    const model = await CamelGPTInference.load(modelPath, { ...options, sequences: 4 });
    assert.deepEqual(await Promise.all(requests.map((request) => ask(model, request))), expected);
    const steps = [];
    const switching = Promise.all(
      requests.slice(0, 3).map(({ prompt }) =>
        model.generateText(prompt, {
          maxTokens: 60,
          temperature: 0,
          ignoreEos: true,
          onActivity: ({ headRows }) => {
            steps.push(headRows);
            if (steps.length === 30) void model.setEpdp("off");
          },
        }),
      ),
    );
    for (const text of await switching) assert.ok(text.length > 0);
    assert.ok(steps[20] < 49152 && steps.at(-1) === 49152, `${steps[20]} ${steps.at(-1)}`);
    await model.dispose();
  });
});
