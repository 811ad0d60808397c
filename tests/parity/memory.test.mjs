// What a process holds more at its peak, while a model is loaded and while it generates, than before the load: at most 1.1 times
// the file, and the cache of keys and values. That counts a cache in full of which short texts touch little, so that a second
// check leaves it out: nothing of the size of the model but what the plan names.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { after, before, describe, test } from "node:test";

import { openBrowser, startSite } from "../web/lib/browser.mjs";
import { modelPath } from "../web/lib/model.mjs";
import { percent } from "./lib.mjs";
import { canMeasure, forgetPeak, memoryOf } from "./process-memory.mjs";

const skip = canMeasure ? false : "resident memory is read from /proc, which this system does not have";
const tokens = 64;

/** For a thread, its JavaScript, and the compiled engine: the same for every model. */
const runtimeBytes = 60e6;

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

/** `load` and `generate`: bytes over what the process held before. */
function checkPeak(t, { plan, load, generate }) {
  const { fileBytes, cacheBytes, totalBytes } = plan;
  const parts = ["weight", "cache", "tokenizer", "workspace", "staging"].map((part) => `${part} ${megabytes(plan[`${part}Bytes`])}`);
  t.diagnostic(`file ${megabytes(fileBytes)}; plan ${megabytes(plan.totalBytes)}: ${parts.join(", ")}`);
  for (const [what, peak] of Object.entries({ load, generate })) {
    const others = peak - (totalBytes - cacheBytes);
    t.diagnostic(`${what}: peak ${megabytes(peak)}; ${percent(peak / (1.1 * fileBytes + cacheBytes), 1)} of what is allowed; ` +
      `${percent(peak / fileBytes, 1)} of the file; ${megabytes(others)} more than the plan without its cache`);
    assert.ok(peak <= 1.1 * fileBytes + cacheBytes, `${what}: ${megabytes(peak)}`);
    assert.ok(others <= runtimeBytes, `${what}: ${megabytes(others)} beside the plan`);
  }
}

describe("peak memory in Node", { skip }, () => {
  const probe = (where) => {
    const script = fileURLToPath(new URL("memory-probe.mjs", import.meta.url));
    return JSON.parse(execFileSync(process.execPath, [script, modelPath, where], { encoding: "utf8" }));
  };

  test("with a worker it is at most 1.1 times the file and the cache", (t) => checkPeak(t, probe("worker")));

  test("inline it is the same, and a generation does not grow the WebAssembly memory", (t) => {
    const result = probe("inline");
    checkPeak(t, result);
    t.diagnostic(`WebAssembly memory ${megabytes(result.linear.after)}`);
    assert.equal(result.tokens, tokens);
    assert.equal(result.linear.after, result.linear.before);
  });
});

describe("peak memory in Chromium", { skip }, () => {
  let site;
  let browser;
  before(async () => {
    site = await startSite();
    browser = await openBrowser();
  });
  after(async () => {
    await browser?.close();
    await site?.close();
  });

  test("of the pages' processes it is at most 1.1 times the file and the cache", async (t) => {
    const page = await browser.newPage();
    await page.goto(`${site.url}/demo/`);
    await page.waitForTimeout(1000); // until the page's own start-up has ended
    const session = await browser.newBrowserCDPSession();
    const { processInfo } = await session.send("SystemInfo.getProcessInfo");
    const renderers = processInfo.filter(({ type }) => type === "renderer").map(({ id }) => id);
    assert.ok(renderers.length > 0);
    renderers.forEach(forgetPeak);
    const total = (field) => renderers.reduce((sum, pid) => sum + memoryOf(pid)[field], 0);
    const before = total("now");

    const plan = await page.evaluate(async () => {
      const { CamelGPTInference } = await import("/npm/dist/browser.js");
      window.model = await CamelGPTInference.load(new URL("/models/smollm2-135m.gguf", location.href));
      return (await window.model.info()).memoryPlan;
    });
    const load = total("peak") - before;
    await page.evaluate((maxTokens) => window.model.generateText("Once upon a time,", { maxTokens, ignoreEos: true }), tokens);
    checkPeak(t, { plan, load, generate: total("peak") - before });
  });
});
