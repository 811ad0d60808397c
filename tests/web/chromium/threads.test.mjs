// Threads in a real Chromium: on cross-origin isolated pages under a strict Content-Security-Policy, and on other
// pages.
import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { after, before, describe, test } from "node:test";

import { openBrowser, startSite, strictPolicy } from "../lib/browser.mjs";
import { followNestedWorkers } from "../lib/nested-workers.mjs";

const skip = availableParallelism() < 2 ? "this machine has one core" : false;

describe("threads in Chromium", { skip }, () => {
  let browser;
  const sites = {};
  const pages = {};
  before(async () => {
    browser = await openBrowser();
    for (const isolated of [true, false]) {
      sites[isolated] = await startSite({ policy: strictPolicy, isolated });
      pages[isolated] = await browser.newPage();
      await pages[isolated].goto(`${sites[isolated].url}/tests/web/lib/blank.html`);
      assert.equal(await pages[isolated].evaluate(() => crossOriginIsolated), isolated);
    }
  });
  after(async () => {
    await browser?.close();
    for (const site of Object.values(sites)) await site.close();
  });

  /** A model's results and engine in a page. */
  const resultsOf = (isolated, options) =>
    pages[isolated].evaluate(async (options) => {
      const { CamelGPTInference } = await import("/npm/dist/browser.js");
      const url = new URL("/models/smollm2-135m.gguf", location.href).href;
      const model = await CamelGPTInference.load(url, { contextLength: 256, ...options });
      const { engine } = await model.info();
      const answer = await model.stream("The history of bread begins", { maxTokens: 12, ignoreEos: true, logprobs: 2 });
      const score = await model.score("The quick brown fox jumps over the lazy dog. ".repeat(9), { logprobs: true });
      await model.dispose();
      return { engine, results: { text: answer.text, logprobs: answer.logprobs, scores: score.logprobs } };
    }, options);

  for (const flavour of ["relaxed", "simd"]) {
    test(`two threads compute the same as one on an isolated page (${flavour})`, async () => {
      const one = await resultsOf(true, { flavour, threads: 1 });
      const two = await resultsOf(true, { flavour, threads: 2 });
      assert.equal(one.engine.threads, 1);
      assert.equal(two.engine.threads, 2);
      assert.deepEqual(two.engine.notes, []);
      assert.deepEqual(two.results, one.results);
    });
  }

  test("a page that is not isolated runs one thread, and the engine names the missing headers", async () => {
    for (const threads of [2, "auto"]) {
      const { engine } = await resultsOf(false, { threads });
      assert.equal(engine.threads, 1);
      assert.match(
        engine.notes.join(),
        /not cross-origin isolated .*Cross-Origin-Opener-Policy.* so 1 thread computes/,
      );
    }
    assert.deepEqual((await resultsOf(false, { threads: 1 })).engine.notes, []);
  });

  test("if helper threads fail to start, one thread computes, with a note", async () => {
    const { engine } = await resultsOf(true, { threads: 2, workerUrl: "/tests/web/lib/no-helpers.js" });
    assert.equal(engine.threads, 1);
    assert.match(engine.notes.join(), /could not be started \(.*no helpers here.* so 1 thread computes/);
  });

  test("if a helper thread fails while it computes, the call ends with worker-failed", async () => {
    const options = { threads: 2, workerUrl: "/tests/web/lib/failing-helpers.js" };
    await assert.rejects(resultsOf(true, options), /A helper thread of the engine died/);
  });

  test("if a helper thread is terminated, the call ends with worker-failed, and the next one answers", async () => {
    const terminateHelpers = await followNestedWorkers(pages.true);
    await pages.true.evaluate(async () => {
      const { CamelGPTInference } = await import("/npm/dist/browser.js");
      const url = new URL("/models/smollm2-135m.gguf", location.href).href;
      window.model = await CamelGPTInference.load(url, { contextLength: 1024, threads: 2 });
      const code = window.model.generateText("Once", { maxTokens: 1000, ignoreEos: true }).catch(({ code }) => code);
      window.outcome = code.then((code) => ({ code, at: performance.now() }));
    });
    await pages.true.waitForTimeout(300);
    const terminated = await pages.true.evaluate(() => performance.now());
    await terminateHelpers();
    const { code, at } = await pages.true.evaluate(() => window.outcome);
    assert.equal(code, "worker-failed");
    assert.ok(at - terminated < 10_000, `after ${at - terminated} ms`);
    const answer = await pages.true.evaluate(() => window.model.generateText("The capital of France is", 6));
    assert.match(answer, /Paris/);
    await pages.true.evaluate(() => window.model.dispose());
  });

  test("the page's own thread computes by itself, with a note", async () => {
    const { engine } = await resultsOf(true, { threads: 2, worker: false });
    assert.equal(engine.threads, 1);
    assert.match(engine.notes.join(), /own thread may not wait/);
  });
});
