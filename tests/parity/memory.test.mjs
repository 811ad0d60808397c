// What a process holds more at its peak, while a model is loaded and while it generates, than before the load: at most 1.1 times
// the file, and the cache of keys and values. That counts a cache in full of which short texts touch little, so that a second
// check leaves it out: nothing of the size of the model but what the plan names.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { openBrowser, startSite } from "../web/lib/browser.mjs";
import { modelPath } from "../web/lib/model.mjs";
import { checkPeak, downloadBytes, measureInChromium, measureInNode, megabytes } from "./peak.mjs";
import { canMeasure } from "./process-memory.mjs";

const skip = canMeasure ? false : "resident memory is read from /proc, which this system does not have";
const tokens = 64;

describe("peak memory in Node", { skip }, () => {
  test("with a worker it is at most 1.1 times the file and the cache", async (t) =>
    checkPeak(t, await measureInNode(modelPath, "worker")));

  test("inline it is the same, and a generation does not grow the WebAssembly memory", async (t) => {
    const result = await measureInNode(modelPath, "inline");
    checkPeak(t, result);
    t.diagnostic(`WebAssembly memory ${megabytes(result.linear.after)}`);
    assert.equal(result.tokens, tokens);
    assert.equal(result.linear.after, result.linear.before);
  });

  // Inline is not promised: there what fetch leaves behind is collected by the rules of the caller's process.
  test("over HTTP with a worker it is at most 1.1 times the file and the cache", async (t) => {
    const site = await startSite();
    t.after(() => site.close());
    checkPeak(t, await measureInNode(`${site.url}/models/smollm2-135m.gguf`, "worker"), downloadBytes);
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

  const measured = async (t, more) => {
    const result = await measureInChromium(browser, site, "/models/smollm2-135m.gguf", more);
    checkPeak(t, result);
    assert.equal(result.tokens, tokens);
  };

  test("of the pages' processes it is at most 1.1 times the file and the cache", (t) => measured(t, {}));

  test("keeping the file takes no more, and reading what was kept neither", async (t) => {
    const context = await browser.newContext();
    for (const _ of ["keeps", "reads"]) await measured(t, { options: { cache: true }, context });
    const page = await context.newPage();
    await page.goto(`${site.url}/demo/`);
    const kept = await page.evaluate(async () => (await import("/npm/dist/browser.js")).CamelGPTInference.listCached());
    assert.equal(kept.length, 1);
    await context.close();
  });
});
