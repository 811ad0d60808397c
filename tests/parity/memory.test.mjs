// The peak memory of a process while a model is loaded and while it generates, above its memory before the load, is at
// most 1.1 times the file plus the cache of keys and values. That allowance includes the whole cache, of which short
// texts use little, so a second check excludes it: only the memory plan may hold anything of the size of the model.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { openBrowser, startSite } from "../web/lib/browser.mjs";
import { modelPath } from "../web/lib/model.mjs";
import { checkPeak, downloadBytes, measureInChromium, measureInNode, megabytes } from "./peak.mjs";
import { canMeasure } from "./process-memory.mjs";

const skip = canMeasure ? false : "resident memory is read from /proc, which this system lacks";
const tokens = 64;

describe("peak memory in Node", { skip }, () => {
  test("with a worker is at most 1.1 times the file plus the cache", async (t) =>
    checkPeak(t, await measureInNode(modelPath, "worker")));

  test("inline is the same, and a generation does not grow the WebAssembly memory", async (t) => {
    const result = await measureInNode(modelPath, "inline");
    checkPeak(t, result);
    t.diagnostic(`WebAssembly memory ${megabytes(result.linear.after)}`);
    assert.equal(result.tokens, tokens);
    assert.equal(result.linear.after, result.linear.before);
  });

  // There is no limit inline: there the caller's process decides when the garbage of fetch is collected.
  test("over HTTP with a worker is at most 1.1 times the file plus the cache", async (t) => {
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

  test("of the pages' processes is at most 1.1 times the file plus the cache", (t) => measured(t, {}));

  test("does not increase when the file is stored or read from the store", async (t) => {
    const context = await browser.newContext();
    for (const _ of ["keeps", "reads"]) await measured(t, { options: { cache: true }, context });
    const page = await context.newPage();
    await page.goto(`${site.url}/tests/web/lib/blank.html`);
    const kept = await page.evaluate(async () => (await import("/npm/dist/browser.js")).CamelGPTInference.listCached());
    assert.equal(kept.length, 1);
    await context.close();
  });
});
