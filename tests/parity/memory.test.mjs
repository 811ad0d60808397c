// What a process holds more at its peak, while a model is loaded and while it generates, than before the load: at most 1.1 times
// the file, and the cache of keys and values. That counts a cache in full of which short texts touch little, so that a second
// check leaves it out: nothing of the size of the model but what the plan names.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { openBrowser, startSite } from "../web/lib/browser.mjs";
import { modelPath } from "../web/lib/model.mjs";
import { checkPeak, measureInChromium, measureInNode, megabytes } from "./peak.mjs";
import { canMeasure } from "./process-memory.mjs";

const skip = canMeasure ? false : "resident memory is read from /proc, which this system does not have";
const tokens = 64;

describe("peak memory in Node", { skip }, () => {
  test("with a worker it is at most 1.1 times the file and the cache", async (t) => checkPeak(t, await measureInNode(modelPath, "worker")));

  test("inline it is the same, and a generation does not grow the WebAssembly memory", async (t) => {
    const result = await measureInNode(modelPath, "inline");
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
    const result = await measureInChromium(browser, site, "/models/smollm2-135m.gguf");
    checkPeak(t, result);
    assert.equal(result.tokens, tokens);
  });
});
