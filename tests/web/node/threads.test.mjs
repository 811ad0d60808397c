// Several threads: identical results to the last bit, notes when only one thread runs, and no leftover threads.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { describe, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { Worker } from "node:worker_threads";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { entry, helperModule, maxPages } from "../lib/helper-module.mjs";
import { hasRelaxedSimd, modelPath, rejectsWith, repository } from "../lib/model.mjs";

const cores = availableParallelism();
const skip = cores < 2 ? "this machine has one core" : false;
const flavours = hasRelaxedSimd ? ["relaxed", "simd"] : ["simd"];
const wasm = (build) =>
  WebAssembly.compile(readFileSync(new URL(`../../../npm/dist/wasm/camelgpt-${build}.wasm`, import.meta.url)));

/** A model's results with all their bits, and its engine. */
async function resultsOf(options) {
  const model = await CamelGPTInference.load(modelPath, { contextLength: 256, ...options });
  const { engine } = await model.info();
  const answer = await model.stream("The history of bread begins", { maxTokens: 12, ignoreEos: true, logprobs: 2 });
  const score = await model.score("The quick brown fox jumps over the lazy dog. ".repeat(9), { logprobs: true });
  await model.dispose();
  return {
    engine,
    results: { text: answer.text, logprobs: answer.logprobs, scores: score.logprobs, best: score.best },
  };
}

describe("threads", () => {
  for (const flavour of flavours) {
    test(`two threads compute the same as one, in a worker and inline (${flavour})`, { skip }, async () => {
      const one = await resultsOf({ flavour, threads: 1 });
      assert.equal(one.engine.threads, 1);
      for (const worker of [true, false]) {
        const two = await resultsOf({ flavour, threads: 2, worker });
        assert.equal(two.engine.threads, 2);
        assert.equal(two.engine.flavour, flavour);
        assert.equal(two.engine.worker, worker);
        assert.deepEqual(two.engine.notes, []);
        assert.deepEqual(two.results, one.results);
      }
    });
  }

  test("the default is one thread for each core, at most four", async () => {
    const { engine } = await resultsOf({});
    assert.equal(engine.threads, Math.min(4, cores));
    assert.deepEqual(engine.notes, []);
  });

  test("threads beyond the machine's parallelism are not started, with a note", async () => {
    const { engine } = await resultsOf({ threads: 1000 });
    assert.equal(engine.threads, Math.min(cores, 32));
    assert.match(engine.notes.join(), /^1000 threads were requested; .* so /);
  });

  test("a module without threads runs one, a module with threads runs either number", {
    skip,
  }, async () => {
    const plain = await resultsOf({ threads: 2, wasmModule: await wasm("simd") });
    assert.equal(plain.engine.threads, 1);
    assert.match(plain.engine.notes.join(), /given WebAssembly module has no threads/);
    const wasmModule = await wasm("simd-threads");
    for (const threads of [1, 2]) {
      const { engine, results } = await resultsOf({ threads, wasmModule });
      assert.equal(engine.threads, threads);
      assert.deepEqual(engine.notes, []);
      assert.deepEqual(results, plain.results);
    }
  });

  test("if the build with threads cannot be loaded, the one without is used", { skip }, async () => {
    const { engine } = await resultsOf({
      threads: 2,
      flavour: "simd",
      wasmUrl: { "simd-threads": "/no/such/file.wasm" },
    });
    assert.equal(engine.threads, 1);
    assert.match(engine.notes.join(), /could not be loaded .*file\.wasm/);
  });

  test("a disposed model rejects calls, and another one starts its own threads", { skip }, async () => {
    const model = await CamelGPTInference.load(modelPath, { threads: 2, contextLength: 128, worker: false });
    await model.dispose();
    await rejectsWith("disposed", model.generateText("a"));
    assert.equal((await resultsOf({ threads: 2, worker: false })).engine.threads, 2);
  });

  for (const worker of [true, false]) {
    test(`the death of a helper thread ends a call soon (${worker ? "worker" : "inline"})`, { skip }, async (t) => {
      const workers = [];
      const onWorker = (each) => workers.push(each);
      process.on("worker", onWorker);
      t.after(() => process.off("worker", onWorker));
      const workerUrl = new URL("../lib/mortal-helpers.mjs", import.meta.url);
      const options = { threads: 2, worker, contextLength: 1024, ...(worker && { workerUrl }) };
      const model = await CamelGPTInference.load(modelPath, options);
      t.after(() => model.dispose());
      const killHelpers = () => {
        for (const each of workers.splice(0)) worker ? each.postMessage({ type: "kill" }) : each.terminate();
      };
      const moment = () => setTimeout(300);
      for (const isBusy of [true, false]) {
        if (!isBusy) killHelpers();
        await moment();
        const limits = { maxTokens: 1000, ignoreEos: true };
        const calls = ["Once", "Twice"].map((text) => rejectsWith("worker-failed", model.generateText(text, limits)));
        await moment();
        killHelpers();
        const killed = performance.now();
        await Promise.all(calls);
        assert.ok(performance.now() - killed < 10_000);
        assert.match(await model.generateText("The capital of France is", 6), /Paris/);
        assert.equal((await model.info()).engine.threads, 2);
      }
    });
  }

  test("a helper thread can use memory that grew while the thread received it", async (t) => {
    const page = 65536;
    const memory = new WebAssembly.Memory({ initial: 1, maximum: maxPages, shared: true });
    const words = new Int32Array(memory.buffer);
    const [address, failed] = [page + 16, 4];
    const worker = new Worker(new URL("../../../npm/dist/node-worker.js", import.meta.url));
    t.after(() => worker.terminate());
    worker.on("error", () => {}); // the memory shows it too
    await once(worker, "online");
    // The thread reads the members of a message in order: the first one leaves time until it reads the memory.
    const filler = Array.from({ length: 300_000 }, (_, i) => ({ i }));
    const start = { module: helperModule, memory, entry, index: 7, stack: address, failed };
    worker.postMessage({ filler, type: "help", start });
    await setTimeout(20);
    memory.grow(1);
    Atomics.store(words, 0, 1);
    while (Atomics.load(words, failed / 4) === 0) await setTimeout(5); // set when the function ends, too
    assert.deepEqual([...new Uint8Array(memory.buffer, address, 16)], Array(16).fill(7));
  });

  for (const worker of [true, false]) {
    test(`threads do not keep the process alive without dispose (${worker ? "worker" : "inline"})`, { skip }, () => {
      const script = `import { CamelGPTInference } from "@gpt-research/camelgpt-inference";
        const options = { threads: 2, worker: ${worker}, contextLength: 128 };
        const model = await CamelGPTInference.load(${JSON.stringify(modelPath)}, options);
        await model.generateText("The sky is", 4);
        console.log((await model.info()).engine.threads);`;
      const { status, stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
        cwd: repository,
        encoding: "utf8",
        timeout: 60_000,
      });
      assert.equal(status, 0, stderr);
      assert.equal(stdout.trim(), "2");
    });
  }
});
