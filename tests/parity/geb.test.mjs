// A random model with exactly the shape of GEB-1.3B runs in Node and in Chromium within its memory plan: quantised, as
// halves, and from an F32 file whose matrices are converted to halves while loading. The files are generated while they
// are sent.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { gebModel } from "../geb/model.mjs";
import { serveModels } from "../geb/server.mjs";
import { openBrowser, startSite } from "../web/lib/browser.mjs";
import { checkPeak, downloadBytes, measureInChromium, measureInNode } from "./peak.mjs";
import { canMeasure } from "./process-memory.mjs";

const skip = canMeasure ? false : "resident memory is read from /proc, which this system lacks";
const maxTokens = 16;
const addressable = 2 ** 32;

describe("a model of the shape of GEB-1.3B", { skip }, () => {
  let server;
  before(async () => {
    const models = ["Q4_0", "Q8_0", "F16", "F32"].map((type) => [`/${type}.gguf`, gebModel(type)]);
    server = await serveModels(Object.fromEntries(models));
  });
  after(() => server?.close());

  const check = (t, result) => {
    checkPeak(t, result, downloadBytes);
    assert.ok(result.plan.totalBytes < addressable);
    assert.equal(result.tokens, maxTokens);
    const { loadMs, decodeTokensPerSecond } = result;
    t.diagnostic(
      `${loadMs ? `loaded in ${(loadMs / 1000).toFixed(1)} s; ` : ""}${decodeTokensPerSecond.toFixed(1)} tokens/s`,
    );
  };

  test("has 1,348 million parameters", () => assert.equal(Math.round(gebModel("F32").parameters / 1e6), 1348));

  for (const type of ["Q4_0", "Q8_0", "F16"]) {
    test(`${type} runs in Node`, async (t) => {
      const result = await measureInNode(`${server.url}/${type}.gguf`, "worker", { maxTokens });
      check(t, result);
      assert.equal(result.plan.weights, "exact");
    });
  }

  test("F32 is converted to halves while loading, since 5.4 GB would not fit", async (t) => {
    const result = await measureInNode(`${server.url}/F32.gguf`, "worker", { maxTokens });
    check(t, result);
    assert.equal(result.plan.weights, "f16");
    assert.match(result.notes.join(), /kept as halves/);
    assert.ok(result.plan.weightBytes < 0.51 * result.plan.fileBytes);
  });

  test("Q4_0 runs in Chromium", async (t) => {
    const site = await startSite();
    const browser = await openBrowser();
    t.after(async () => {
      await browser.close();
      await site.close();
    });
    check(t, await measureInChromium(browser, site, `${server.url}/Q4_0.gguf`, { maxTokens }));
  });
});
