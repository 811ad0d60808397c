// The life of a model: lazy loading, failure, disposal, with and without a worker, and the end of the process.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { pathToFileURL } from "node:url";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { hasRelaxedSimd, modelPath, rejectsWith, repository } from "../lib/model.mjs";

const options = { contextLength: 128 };
const flavour = hasRelaxedSimd ? "relaxed" : "simd";

/** A source that never delivers a byte. */
const silentStream = () => new ReadableStream({ pull: () => new Promise(() => {}) });

const runScript = (source) =>
  runModule(`import { CamelGPTInference } from "@gpt-research/camelgpt-inference";\n${source}`);

function runModule(source) {
  return spawnSync(process.execPath, ["--input-type=module", "-e", source], {
    cwd: repository,
    encoding: "utf8",
    timeout: 60_000,
  });
}

describe("the life of a model", () => {
  test("the constructor loads nothing; the first call loads, once", async () => {
    const events = [];
    const model = new CamelGPTInference(modelPath, { ...options, onProgress: (event) => events.push(event) });
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.deepEqual(events, []);
    const [a, b] = await Promise.all([model.generateText("The sky is", 3), model.generateText("The sky is", 3)]);
    assert.equal(a, b);
    assert.equal(events.filter(({ status }) => status === "ready").length, 1);
    await model.dispose();
  });

  test("progress runs from initiate to ready and never decreases", async () => {
    const events = [];
    const model = await CamelGPTInference.load(modelPath, { ...options, onProgress: (event) => events.push(event) });
    await model.dispose();
    const order = ["initiate", "download", "progress", "done", "ready"];
    assert.deepEqual([...new Set(events.map(({ status }) => status))], order);
    for (let i = 1; i < events.length; i++) assert.ok(events[i].loaded >= events[i - 1].loaded);
    const last = events.at(-1);
    assert.equal(last.progress, 100);
    assert.equal(last.total, readFileSync(modelPath).length);
    assert.ok(events.every(({ file, progress }) => modelPath.endsWith(file) && progress >= 0 && progress <= 100));
  });

  test("a failed load rejects each call with the same error; a new object tries again", async () => {
    const model = new CamelGPTInference("./no-such-file.gguf");
    const first = await rejectsWith("not-found", model.generateText("a"));
    const second = await rejectsWith("not-found", model.tokenize("a"));
    assert.equal(first, second);
    await rejectsWith("not-found", model.chat([{ role: "user", content: "a" }]));
    await model.dispose();
    await rejectsWith("disposed", model.generateText("a"));
  });

  test("after dispose, every call is rejected, including calls in progress", async () => {
    for (const worker of [true, false]) {
      const model = await CamelGPTInference.load(modelPath, { ...options, worker });
      const running = model.generateText("The sky is", { maxTokens: 100, ignoreEos: true });
      const queued = model.generateText("The sky is", 4);
      setTimeout(() => model.dispose(), 30);
      await rejectsWith("disposed", running);
      await rejectsWith("disposed", queued);
      await rejectsWith("disposed", model.generateText("a"));
      await rejectsWith("disposed", model.info());
      await rejectsWith("disposed", model.stream("a"));
      await model.dispose();
    }
  });

  test("dispose works before and during the load", async () => {
    const never = new CamelGPTInference(modelPath);
    await never.dispose();
    await rejectsWith("disposed", never.info());
    for (const worker of [true, false]) {
      const loading = new CamelGPTInference(silentStream(), { worker });
      const info = loading.info();
      setTimeout(() => loading.dispose(), 20);
      await rejectsWith("disposed", info);
    }
  });

  test("aborting the load rejects it and the calls that wait for it", async () => {
    for (const worker of [true, false]) {
      const abort = new AbortController();
      const model = new CamelGPTInference(silentStream(), { worker, signal: abort.signal });
      const waiting = model.generateText("a");
      setTimeout(() => abort.abort(), 40);
      await rejectsWith("aborted", waiting);
      await rejectsWith("aborted", model.info());
    }
    await rejectsWith("aborted", CamelGPTInference.load(modelPath, { signal: AbortSignal.abort() }));
  });

  test("aborting a call that waits for the load does not abort the load", async () => {
    const model = new CamelGPTInference(modelPath, options);
    const abort = new AbortController();
    const call = model.generateText("a", { signal: abort.signal });
    abort.abort();
    await rejectsWith("aborted", call);
    assert.ok(await model.generateText("The sky is", 2));
    await model.dispose();
  });

  test("a worker and the caller's thread give the same text", async () => {
    const text = {};
    for (const worker of [true, false]) {
      const model = await CamelGPTInference.load(modelPath, { ...options, worker });
      assert.equal((await model.info()).engine.worker, worker);
      text[worker] = await model.generateText("The history of bread", 24);
      await model.dispose();
    }
    assert.equal(text[true], text[false]);
  });

  test("two models do not affect each other", async () => {
    const [a, b] = await Promise.all([
      CamelGPTInference.load(modelPath, options),
      CamelGPTInference.load(modelPath, options),
    ]);
    const [one, two] = await Promise.all([a.generateText("The sky is", 10), b.generateText("The sky is", 10)]);
    assert.equal(one, two);
    await a.dispose();
    assert.equal(await b.generateText("The sky is", 10), one);
    await b.dispose();
  });

  test("info describes the model", async () => {
    const model = await CamelGPTInference.load(modelPath, options);
    const info = await model.info();
    assert.equal(info.architecture, "llama");
    assert.equal(info.layers, 30);
    assert.equal(info.hidden, 576);
    assert.equal(info.vocabulary, 49_152);
    assert.equal(info.eosToken, 2);
    assert.ok(info.parameters > 130e6 && info.parameters < 170e6);
    assert.ok(info.engine.threads >= 1);
    assert.match(info.engine.kernels, /\w/);
    const { memoryPlan: plan } = info;
    assert.equal(
      plan.totalBytes,
      plan.weightBytes +
        plan.cacheBytes +
        plan.tokenizerBytes +
        plan.workspaceBytes +
        plan.pruneBytes +
        plan.stagingBytes,
    );
    const report = await model.report();
    assert.equal(report.macsPerToken, info.macsPerToken);
    await model.dispose();
  });

  test("inspect reads only the header", async () => {
    const { architecture, parameters, tensors, memoryPlan, metadata } = await CamelGPTInference.inspect(
      modelPath,
      options,
    );
    assert.equal(architecture, "llama");
    assert.ok(parameters > 130e6);
    assert.equal(tensors.length, 272);
    assert.equal(memoryPlan.contextLength, 128);
    assert.equal(metadata["general.architecture"], "llama");
    assert.equal(metadata["llama.block_count"], 30);
  });

  test("a compiled module or its address can be passed in", async () => {
    const file = new URL(`../../../npm/dist/wasm/camelgpt-${flavour}.wasm`, import.meta.url);
    const wasmModule = await WebAssembly.compile(readFileSync(file));
    for (const given of [{ wasmModule }, { wasmUrl: file }, { wasmUrl: { [flavour]: file.href } }]) {
      const model = await CamelGPTInference.load(modelPath, { ...options, ...given });
      assert.match(await model.generateText("The capital of France is", 6), /Paris/);
      await model.dispose();
    }
    await rejectsWith(
      "engine-unavailable",
      CamelGPTInference.load(modelPath, { wasmUrl: "file:///nowhere/engine.wasm" }),
    );
    const other = await WebAssembly.compile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));
    await rejectsWith("engine-unavailable", CamelGPTInference.load(modelPath, { wasmModule: other }));
  });

  test("a worker that cannot start is an error and does not hang", async () => {
    await rejectsWith("worker-failed", CamelGPTInference.load(modelPath, { workerUrl: "file:///nowhere/worker.js" }));
  });

  test("if the worker dies, pending calls are rejected, and the next call starts a new one", async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "camelgpt-death-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const [script, sign] = [join(folder, "worker.mjs"), join(folder, "die")];
    const worker = new URL("../../../npm/dist/node-worker.js", import.meta.url).href;
    writeFileSync(
      script,
      `import "${worker}"; import { existsSync, rmSync } from "node:fs";
      setInterval(() => existsSync(${JSON.stringify(sign)}) && (rmSync(${JSON.stringify(sign)}), process.exit(3)), 5);`,
    );
    let exits = 0;
    const onWorker = (worker) => worker.once("exit", () => exits++);
    process.on("worker", onWorker);
    t.after(() => process.off("worker", onWorker));
    const model = await CamelGPTInference.load(modelPath, { ...options, workerUrl: pathToFileURL(script).href });
    t.after(() => model.dispose());
    const question = "The capital of France is";
    const expected = await model.generateText(question, 6);

    const pending = [1, 2].map(() => model.generateText(question, { maxTokens: 100, ignoreEos: true }));
    writeFileSync(sign, "");
    for (const each of pending) await rejectsWith("worker-failed", each);
    assert.equal(await model.generateText(question, 6), expected);

    writeFileSync(sign, ""); // while no call is pending
    while (exits < 2) await new Promise((resolve) => setTimeout(resolve, 20)); // a worker keeps no test waiting
    const answers = await Promise.all([model.generateText(question, 6), model.generateText(question, 6)]);
    assert.deepEqual(answers, [expected, expected]);
  });

  test("a script that forgets to dispose still ends", () => {
    const { status, stdout, stderr } = runScript(`
      const model = new CamelGPTInference(${JSON.stringify(modelPath)}, { contextLength: 64 });
      console.log(await model.generateText("The capital of France is", 6));
    `);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /Paris/);
  });

  for (const entry of ["node", "browser"]) {
    test(`importing the ${entry} entry and constructing a model has no side effects, for server rendering`, () => {
      const { status, stderr } = runModule(`
        import assert from "node:assert/strict";
        // Files that the import has read are closed a moment later.
        const open = () => process.getActiveResourcesInfo().filter((name) => name !== "CloseReq");
        const state = () => ({ globals: Reflect.ownKeys(globalThis), open: open() });
        const before = state();
        const { CamelGPTInference } = await import("./npm/dist/${entry}.js");
        new CamelGPTInference();
        assert.deepEqual(state(), before);`);
      assert.equal(status, 0, stderr);
    });
  }
});
