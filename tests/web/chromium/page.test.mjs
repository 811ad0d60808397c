// The demo page in a real Chromium, used like a visitor would, under a strict Content-Security-Policy.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { openBrowser, startSite, strictPolicy } from "../lib/browser.mjs";

describe("the demo page", () => {
  let site;
  let browser;
  before(async () => {
    site = await startSite({ policy: strictPolicy });
    browser = await openBrowser();
  });
  after(async () => {
    await browser?.close();
    await site?.close();
  });

  /** Opens a new page and records the errors that it logs. */
  async function open(query = "") {
    const page = await browser.newPage();
    const problems = [];
    page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
    page.on("pageerror", (error) => problems.push(String(error)));
    await page.goto(`${site.url}/demo/${query}`);
    return { page, problems };
  }

  const finished = (page) =>
    page.waitForFunction(() => !document.querySelector("#generate").disabled, null, { timeout: 120_000 });

  for (const flavour of ["relaxed", "simd"]) {
    test(`answers a question with the flavour ${flavour}`, async () => {
      const { page, problems } = await open(`?flavour=${flavour}`);
      await page.fill("#prompt", "What is the capital of France?");
      await page.click("#generate");
      await finished(page);
      assert.match(await page.textContent("#answer"), /Paris/);
      assert.match(await page.textContent("#flavour"), new RegExp(`^${flavour}`));
      assert.match(await page.textContent("#speed"), /\d tok\/s/);
      assert.equal(await page.isHidden("#error"), true);
      assert.deepEqual(problems, []);
      await page.close();
    });
  }

  test("shows the download, streams, stops on request, and answers again", async () => {
    const { page, problems } = await open();
    await page.evaluate(() => {
      window.seen = { progress: [], answers: 0 };
      const progress = document.querySelector("#progress");
      new MutationObserver(() => window.seen.progress.push(progress.value)).observe(progress, { attributes: true });
      new MutationObserver(() => window.seen.answers++).observe(document.querySelector("#answer"), { childList: true });
    });
    await page.fill("#prompt", "Tell me a very long story about a camel.");
    await page.fill("#max-tokens", "3000");
    await page.click("#generate");
    await page.waitForFunction(() => document.querySelector("#answer").textContent.length > 60, null, {
      timeout: 120_000,
    });
    assert.equal(await page.isDisabled("#generate"), true);
    const begin = Date.now();
    await page.click("#stop");
    await finished(page);
    assert.ok(Date.now() - begin < 3000);
    assert.match(await page.textContent("#status"), /Stopped/);
    const seen = await page.evaluate(() => window.seen);
    assert.ok(seen.progress.length >= 3 && seen.progress.at(-1) > 90, JSON.stringify(seen.progress));
    assert.ok(seen.answers > 10);

    await page.fill("#prompt", "What is the capital of France?");
    await page.click("#generate");
    await finished(page);
    assert.match(await page.textContent("#answer"), /Paris/);
    assert.deepEqual(problems, []);
    await page.close();
  });

  test("stops while the model loads", async () => {
    const { page } = await open();
    await page.click("#generate");
    await page.waitForSelector("#download:not([hidden])");
    await page.click("#stop");
    await finished(page);
    assert.match(await page.textContent("#status"), /Stopped|Done/);
    await page.close();
  });

  test("continues a text without the chat template", async () => {
    const { page } = await open();
    await page.uncheck("#chat");
    await page.fill("#prompt", "The capital of France is");
    await page.fill("#max-tokens", "8");
    await page.click("#generate");
    await finished(page);
    assert.match(await page.textContent("#answer"), /Paris/);
    await page.close();
  });

  test("reports a wrong address, file and option", async () => {
    const { page } = await open();
    const failsWith = async (pattern) => {
      await page.click("#generate");
      await finished(page);
      assert.equal(await page.isVisible("#error"), true);
      assert.match(await page.textContent("#error"), pattern);
    };
    await page.fill("#model", "./none.gguf");
    await failsWith(/404/);
    await page.fill("#model", "./index.html");
    await failsWith(/web page/);
    await page.fill("#model", "smollm3");
    await failsWith(/404/);
    await page.setInputFiles("#file", {
      name: "broken.gguf",
      mimeType: "",
      buffer: Buffer.from("GGUF\u0003\0\0\0 and nothing more"),
    });
    await failsWith(/broken|expected|ends/);
    await page.close();
  });

  test("leaves the page's own thread free while it generates", async () => {
    const { page } = await open();
    await page.fill("#max-tokens", "1000");
    await page.fill("#prompt", "Tell me a story about a camel.");
    await page.click("#generate");
    await page.waitForFunction(() => document.querySelector("#answer").textContent.length > 10, null, {
      timeout: 120_000,
    });
    const longest = await page.evaluate(async () => {
      let last = performance.now();
      let gap = 0;
      const end = last + 500;
      while (performance.now() < end) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        gap = Math.max(gap, performance.now() - last);
        last = performance.now();
      }
      return gap;
    });
    assert.equal(await page.isDisabled("#generate"), true, "the generation ended too soon to measure");
    assert.ok(longest < 250, `the thread was busy for ${longest} ms`);
    await page.click("#stop");
    await finished(page);
    await page.close();
  });

  test("can be used without a mouse or sight: every field has a label", async () => {
    const { page } = await open();
    const nameless = await page.evaluate(() =>
      [...document.querySelectorAll("input, textarea, select, button, progress")]
        .filter((field) => !(field.labels?.length || field.textContent.trim() || field.ariaLabel))
        .map((field) => field.id),
    );
    assert.deepEqual(nameless, []);
    await page.close();
  });
});
