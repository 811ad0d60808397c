// Options: unknown options and values outside their range are refused with the name, the range and the value.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, before, describe, test } from "node:test";

import { CamelGPTError, CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { hasRelaxedSimd, modelPath, rejectsWith } from "../lib/model.mjs";

function constructWith(options) {
  return () => new CamelGPTInference(modelPath, options);
}

describe("options", () => {
  let model;
  before(async () => {
    model = await CamelGPTInference.load(modelPath, { contextLength: 128 });
  });
  after(() => model.dispose());

  test("an unknown option is refused and the nearest known one suggested", async () => {
    const error = await rejectsWith("bad-option", constructWith({ contextLenght: 5 }));
    assert.match(error.hint, /contextLength/);
    assert.match((await rejectsWith("bad-option", model.generateText("a", { max_tokens: 5 }))).hint, /maxTokens/);
    assert.match((await rejectsWith("bad-option", model.generateText("a", { topk: 5 }))).hint, /topK/);
    assert.match(
      (await rejectsWith("bad-option", model.chat([{ role: "user", content: "a" }], { addSpecial: true }))).found,
      /addSpecial/,
    );
  });

  test("a number of sequences outside its range is refused, and the plan counts their caches", async () => {
    for (const sequences of [0, 17, 1.5, "2"]) await rejectsWith("bad-option", constructWith({ sequences }));
    const plan = async (sequences) =>
      (await CamelGPTInference.inspect(modelPath, { contextLength: 256, sequences })).memoryPlan;
    assert.equal((await plan(16)).cacheBytes, 16 * (await plan(1)).cacheBytes);
  });

  test("numbers outside their range are refused before generation", async () => {
    const wrong = {
      maxTokens: [0, -1, 1.5, NaN, Infinity, "5", 2 ** 40],
      temperature: [-0.1, NaN, Infinity, 101, "1"],
      topK: [-1, 0.5, NaN],
      topP: [0, -1, 1.1, NaN],
      minP: [-0.1, 1, NaN],
      typicalP: [0, 1.1, NaN],
      repeatPenalty: [0, -1, NaN, 101],
      repeatLast: [-1, 4097, 0.5],
      presencePenalty: [-101, 101, NaN],
      frequencyPenalty: [-101, 101, NaN],
      dryMultiplier: [-1, 101, NaN],
      dryBase: [0.5, 101, NaN],
      dryAllowedLength: [0, 1.5, 4097],
      dryRange: [-1, 4097, 0.5],
      xtcProbability: [-0.1, 1.1, NaN],
      xtcThreshold: [-0.1, 1.1, NaN],
      seed: [-1, 0.5, NaN, 2 ** 53],
      logprobs: [-1, 21, 1.5],
      stop: ["", [""], 5, Array(65).fill("a"), "\ud800"],
      logitBias: [{ "": 1 }, { 1: NaN }, { 1: Infinity }, { "-1": 1 }, [1], 3],
      ignoreEos: [1, "yes"],
      signal: [{}, true],
    };
    for (const [name, values] of Object.entries(wrong)) {
      for (const value of values) {
        const error = await rejectsWith("bad-option", model.generateText("a", { [name]: value }));
        assert.match(error.message, new RegExp(name));
        assert.ok(error.expected && error.found, name);
      }
    }
  });

  test("the engine accepts the limits of the ranges too", async () => {
    const ends = [
      { temperature: 100, topK: 0, topP: 1, minP: 0, typicalP: 1e-3, repeatPenalty: 100, repeatLast: 4096 },
      { temperature: 1e-3, topP: 1e-3, minP: 0.999, repeatLast: 0, presencePenalty: -100, frequencyPenalty: 100 },
      { seed: Number.MAX_SAFE_INTEGER, logprobs: 20, presencePenalty: 100, frequencyPenalty: -100, topK: 2 ** 31 - 1 },
      { dryMultiplier: 100, dryBase: 100, dryAllowedLength: 1, dryRange: 4096 },
      { dryMultiplier: 1, dryBase: 1, dryAllowedLength: 4096, dryRange: 0 },
      { temperature: 1, xtcProbability: 1, xtcThreshold: 0 },
      { temperature: 1, xtcProbability: 0, xtcThreshold: 1 },
      { seed: 2 ** 32 - 1, stop: Array(64).fill("never there"), logitBias: { 0: -Infinity, 49151: -1e30 } },
    ];
    for (const options of ends)
      assert.equal(typeof (await model.generateText("a", { maxTokens: 2, ...options })), "string");
  });

  test("undefined options mean the default", async () => {
    const text = await model.generateText("The sky is", 4);
    assert.equal(
      await model.generateText("The sky is", { maxTokens: 4, temperature: undefined, stop: undefined }),
      text,
    );
  });

  test("load options are validated in the constructor", async () => {
    const wrong = [
      { contextLength: 0 },
      { contextLength: -5 },
      { contextLength: NaN },
      { contextLength: 1.5 },
      { threads: 0 },
      { threads: "2" },
      { threads: 1.5 },
      { flavour: "fast" },
      { kvCache: "q4" },
      { weights: "f32" },
      { headers: { a: 1 } },
      { headers: "a" },
      { worker: "no" },
      { onProgress: {} },
      { fetch: 3 },
      { wasmModule: {} },
      { wasmUrl: 3 },
      { signal: {} },
      3,
      null,
      [],
    ];
    for (const options of wrong) await rejectsWith("bad-option", constructWith(options));
  });

  test("invalid pruning options are refused", async () => {
    for (const epdp of [
      "fast",
      true,
      { headRow: 5 },
      { headRows: -1 },
      { maxKl: 11 },
      { drafts: 1 },
      { kvTokens: 0.5 },
      { ffn: 0 },
      { ffn: 1.5 },
    ]) {
      await rejectsWith("bad-option", constructWith({ epdp }));
    }
    for (const sidecar of [5, {}, true]) await rejectsWith("bad-option", constructWith({ sidecar }));
    assert.equal((await model.report()).mode, "off");
  });

  test("the engine refuses a context beyond the model's", async () => {
    const error = await rejectsWith("bad-option", CamelGPTInference.load(modelPath, { contextLength: 100_000 }));
    assert.match(`${error.expected} ${error.message}`, /8192/);
  });

  test("sources of a wrong type are refused", async () => {
    for (const source of [null, 3, {}, () => {}]) {
      await rejectsWith("bad-option", new CamelGPTInference(source).info());
    }
  });

  test("the default context is the model's, at most 4096", async () => {
    const plain = await CamelGPTInference.load(modelPath);
    const { memoryPlan } = await plain.info();
    assert.equal(memoryPlan.contextLength, 4096);
    assert.equal(memoryPlan.modelContextLength, 8192);
    await plain.dispose();
    assert.equal((await model.info()).memoryPlan.contextLength, 128);
  });

  test("8-bit keys and values halve the cache memory and give the same answer", async () => {
    const q8 = await CamelGPTInference.load(modelPath, { kvCache: "q8", contextLength: 128 });
    const [small, plain] = [(await q8.info()).memoryPlan, (await model.info()).memoryPlan];
    const summaries = 30 * 3 * 8 * (64 * 2 + 4); // of pages, allocated in groups of eight
    assert.equal(plain.cacheBytes, 2 * 30 * 3 * 128 * (64 * 2 + 4) + summaries);
    assert.equal(small.cacheBytes, 2 * 30 * 3 * 128 * (64 + 4) + summaries);
    assert.equal(plain.totalBytes - small.totalBytes, plain.cacheBytes - small.cacheBytes);
    assert.match(await q8.generateText("The capital of France is", 6), /Paris/);
    await q8.dispose();
    const { memoryPlan } = await CamelGPTInference.inspect(modelPath, { kvCache: "q8", contextLength: 128 });
    assert.equal(memoryPlan.cacheBytes, small.cacheBytes);
  });

  test("weights other than F32 are not converted", async () => {
    const { memoryPlan } = await CamelGPTInference.inspect(modelPath, { weights: "f16", contextLength: 128 });
    assert.equal(memoryPlan.weights, "exact");
    assert.equal(memoryPlan.weightBytes, (await model.info()).memoryPlan.weightBytes);
  });

  test("the flavour can be forced", async () => {
    const simd = await CamelGPTInference.load(modelPath, { flavour: "simd", contextLength: 64 });
    assert.equal((await simd.info()).engine.flavour, "simd");
    const text = await simd.generateText("The capital of France is", 6);
    await simd.dispose();
    assert.match(text, /Paris/);
    if (!hasRelaxedSimd) {
      const error = await rejectsWith(
        "unsupported-environment",
        CamelGPTInference.load(modelPath, { flavour: "relaxed" }),
      );
      assert.match(error.hint, /simd/);
      assert.equal((await model.info()).engine.flavour, "simd");
      return;
    }
    const relaxed = await CamelGPTInference.load(modelPath, { flavour: "relaxed", contextLength: 64 });
    assert.equal((await relaxed.info()).engine.flavour, "relaxed");
    assert.match(await relaxed.generateText("The capital of France is", 6), /Paris/);
    await relaxed.dispose();
    assert.equal((await model.info()).engine.flavour, "relaxed");
  });

  test("without fused multiply-add, the simd flavour is selected", {
    skip: !hasRelaxedSimd || process.arch !== "x64",
  }, () => {
    const program = `
      import { CamelGPTInference } from "@gpt-research/camelgpt-inference";
      const model = await CamelGPTInference.load(${JSON.stringify(modelPath)}, { contextLength: 64 });
      const { flavour } = (await model.info()).engine;
      await model.dispose();
      const relaxed = CamelGPTInference.load(${JSON.stringify(modelPath)}, { flavour: "relaxed" });
      const { code } = await relaxed.catch((error) => error);
      console.log(flavour, code);`;
    const args = ["--no-enable-avx", "--input-type=module", "--eval", program]; // V8 has no FMA without AVX
    const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: import.meta.dirname, encoding: "utf8" });
    assert.equal(stdout.trim(), "simd unsupported-environment", stderr);
  });

  test("an error serialises to JSON", () => {
    const error = new CamelGPTError("bad-input", "No.", { expected: "yes" });
    assert.deepEqual(JSON.parse(JSON.stringify(error)), {
      code: "bad-input",
      message: "No.",
      expected: "yes",
      found: null,
      hint: null,
    });
  });
});
