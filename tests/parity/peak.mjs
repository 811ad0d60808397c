// Measures the peak memory of loading and running a model in Node and Chromium and compares it with the memory plan.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { percent } from "./lib.mjs";
import { forgetPeak, memoryOf } from "./process-memory.mjs";

/** A thread, its JavaScript, and the compiled engine: equal for every model. */
const runtimeBytes = 60e6;
/** The code of a download, and its chunks until they are collected. Node's fetch needs the most. */
export const downloadBytes = 60e6;

export const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

/**
 * `load` and `generate`: bytes above the memory before the load. `beside`: allowance in addition to plan and runtime.
 */
export function checkPeak(t, { plan, load, generate }, beside = 0) {
  const { fileBytes, cacheBytes, totalBytes } = plan;
  const parts = ["weight", "cache", "tokenizer", "workspace", "staging"].map(
    (part) => `${part} ${megabytes(plan[`${part}Bytes`])}`,
  );
  t.diagnostic(`file ${megabytes(fileBytes)}; plan ${megabytes(plan.totalBytes)}: ${parts.join(", ")}`);
  for (const [what, peak] of Object.entries({ load, generate })) {
    const others = peak - (totalBytes - cacheBytes);
    t.diagnostic(
      `${what}: peak ${megabytes(peak)}; ${percent(peak / (1.1 * fileBytes + cacheBytes), 1)} of the limit; ` +
        `${percent(peak / fileBytes, 1)} of the file; ${megabytes(others)} more than the plan without its cache`,
    );
    assert.ok(peak <= 1.1 * fileBytes + cacheBytes, `${what}: ${megabytes(peak)}`);
    assert.ok(others <= runtimeBytes + beside, `${what}: ${megabytes(others)} in addition to the plan`);
  }
}

/** Runs memory-probe.mjs on a model in a child process. */
export async function measureInNode(source, where, { maxTokens = 64, options = {} } = {}) {
  const script = fileURLToPath(new URL("memory-probe.mjs", import.meta.url));
  const args = [script, source, where, String(maxTokens), JSON.stringify(options)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { encoding: "utf8" });
  return JSON.parse(stdout);
}

/**
 * Measures all renderers of a browser: `{plan, load, generate, tokens, decodeTokensPerSecond}`. The page is opened in
 * `context`.
 */
export async function measureInChromium(
  browser,
  site,
  source,
  { maxTokens = 64, options = {}, context = browser } = {},
) {
  const page = await context.newPage();
  await page.goto(`${site.url}/tests/web/lib/blank.html`);
  await page.waitForTimeout(1000); // until the page has started up
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  const renderers = processInfo.filter(({ type }) => type === "renderer").map(({ id }) => id);
  assert.ok(renderers.length > 0);
  renderers.forEach(forgetPeak);
  const total = (field) => renderers.reduce((sum, pid) => sum + memoryOf(pid)[field], 0);
  const before = total("now");

  const plan = await page.evaluate(
    async ({ source, options }) => {
      const { CamelGPTInference } = await import("/npm/dist/browser.js");
      window.model = await CamelGPTInference.load(new URL(source, location.href), options);
      return (await window.model.info()).memoryPlan;
    },
    { source, options },
  );
  const load = total("peak") - before;
  const { usage, timings } = await page.evaluate(
    async (maxTokens) => await window.model.stream("Once upon a time,", { maxTokens, ignoreEos: true }),
    maxTokens,
  );
  const generate = total("peak") - before;
  await page.evaluate(() => window.model.dispose());
  await page.close();
  return { plan, load, generate, tokens: usage.completionTokens, decodeTokensPerSecond: timings.decodeTokensPerSecond };
}
