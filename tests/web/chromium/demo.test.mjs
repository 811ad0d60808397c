// The conversation of the demo page, as a visitor uses it, with a real model.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";

import { openBrowser } from "../lib/browser.mjs";
import { ask, modelIsReady, openDemo, sizes, startDemo } from "../lib/demo.mjs";
import { modelPath } from "../lib/model.mjs";
import { startSlowServer } from "../lib/slow-server.mjs";

const isFull = process.env.CAMELGPT_TEST_FULL === "1";
const greedy = `#chat?sampling=${encodeURIComponent(JSON.stringify({ temperature: 0, maxTokens: 48 }))}`;

describe("the conversation of the demo page", () => {
  let site;
  let browser;
  before(async () => {
    [site, browser] = await Promise.all([startDemo(), openBrowser()]);
  });
  after(async () => {
    await browser?.close();
    await site?.close();
  });

  test("a newcomer gets an answer with one click, and its speed", async () => {
    const { page, profile, problems } = await openDemo(browser, site, { hash: greedy });
    await modelIsReady(page);
    await page.click("text=Which ocean is the largest?");
    await page.waitForSelector(".message.assistant footer", { timeout: 120_000 });
    assert.match(await page.locator(".message.assistant").innerText(), /Pacific/);
    assert.match(await page.locator(".message.assistant footer").innerText(), /tokens · \d+(\.\d)? tokens\/s/);
    assert.deepEqual(problems, []);
    await profile.close();
  });

  test("a second question knows the first; a reload fetches nothing and keeps the conversation", async () => {
    const { page, profile, problems, requests } = await openDemo(browser, site, { hash: greedy });
    await modelIsReady(page);
    await ask(page, "My name is Zoe. What is the capital of France?");
    assert.match(await ask(page, "What is my name?"), /Zoe/);
    assert.ok(requests.length > 0);
    requests.length = 0;
    await page.reload();
    const begin = Date.now();
    await modelIsReady(page);
    assert.equal(await page.locator(".message").count(), 4);
    assert.match(await ask(page, "What is my name?"), /Zoe/);
    assert.ok(Date.now() - begin < 30_000);
    assert.deepEqual(requests, []);
    assert.deepEqual(problems, []);
    await profile.close();
  });

  test("an answer can be stopped, replaced and its question edited", async () => {
    const { page, profile, problems } = await openDemo(browser, site, {
      hash: `#chat?sampling=${encodeURIComponent(JSON.stringify({ maxTokens: 2000, ignoreEos: true }))}`,
    });
    await modelIsReady(page);
    await page.fill("#message", "Tell me a very long story about a camel.");
    await page.press("#message", "Enter");
    const draft = page.locator('.message.assistant[aria-busy="true"]');
    await page.waitForFunction(
      () => document.querySelector('.message.assistant[aria-busy="true"]')?.innerText.length > 60,
      null,
      { timeout: 60_000 },
    );
    await page.click('button:text-is("Stop")');
    await draft.waitFor({ state: "detached", timeout: 3000 });
    const first = await page.locator(".message.assistant").innerText();
    assert.ok(first.length > 60);
    await page.evaluate((hash) => (location.hash = hash), greedy);
    await page.click("text=Another answer");
    await page.waitForSelector(".message.assistant footer", { timeout: 120_000 });
    assert.notEqual(await page.locator(".message.assistant").innerText(), first);
    await page.locator(".message.user >> text=Edit").click();
    await page.locator(".message.user textarea").fill("What is the capital of France?");
    await page.click("text=Send again");
    await page.waitForFunction(() => /Paris/.test(document.querySelector(".message.assistant")?.innerText), null, {
      timeout: 60_000,
    });
    assert.equal(await page.locator(".message").count(), 2);
    assert.deepEqual(problems, []);
    await profile.close();
  });

  test("the map shows the rows that a token needed, and pruning changes during an answer", async () => {
    const { page, profile, problems } = await openDemo(browser, site, {
      hash: `#chat?sampling=${encodeURIComponent(JSON.stringify({ temperature: 0, maxTokens: 400, ignoreEos: true }))}`,
    });
    await modelIsReady(page);
    await page.fill("#message", "Tell me about camels.");
    await page.press("#message", "Enter");
    const rows = async () => {
      const [, shown] = /: ([\d,]+) of 49,152/.exec(await page.locator(".map figcaption").innerText()) ?? [];
      return Number(shown?.replace(",", ""));
    };
    await page.waitForFunction(() => / of 49,152/.test(document.querySelector(".map")?.innerText), null, {
      timeout: 60_000,
    });
    assert.ok((await rows()) < 20_000, `${await rows()} rows`);
    await page.check('input[value="off"]');
    await page.waitForFunction(() => /49,152 of 49,152/.test(document.querySelector(".map")?.innerText), null, {
      timeout: 20_000,
    });
    await page.check('input[value="balanced"]');
    await page.waitForFunction(() => !/49,152 of 49,152/.test(document.querySelector(".map")?.innerText), null, {
      timeout: 20_000,
    });
    await page.waitForFunction(() => /Balanced\s[\d.]+ tokens/.test(document.querySelector(".modes").innerText));
    const speeds = await page.locator(".modes label").allInnerTexts();
    assert.match(speeds.join(" "), /Off\s[\d.]+ tokens\/s.*Balanced\s[\d.]+ tokens\/s · divergence 0\.\d+ nats/s);
    await page.waitForFunction(() => window.measured.longest < 1000);
    await page.click('button:text-is("Stop")');
    assert.deepEqual(problems, []);
    await profile.close();
  });

  test("alternatives of each token are shown on request", async () => {
    const { page, profile, problems } = await openDemo(browser, site, { hash: `${greedy}&alternatives=true` });
    await modelIsReady(page);
    await ask(page, "What is the capital of France?");
    await page.locator("button.token").nth(2).hover();
    assert.match(await page.locator(".alternatives").innerText(), /".+" [\d.]+ %/);
    assert.deepEqual(problems, []);
    await profile.close();
  });

  test("a download can be cancelled, and a reload in the middle of an answer keeps the question", async () => {
    const slow = await startSlowServer(readFileSync(modelPath), { bytesPerSecond: 20e6 });
    const { page, profile, problems } = await openDemo(browser, site, {
      hash: `#chat?model=${encodeURIComponent(slow.url)}`,
    });
    await page.click(".model-bar button.primary");
    await page.waitForFunction(() =>
      / MB \/ 98 MB .* MB\/s .* left/.test(document.querySelector(".loading")?.innerText),
    );
    await page.click('button:text-is("Cancel")');
    await page.waitForSelector("text=No model is loaded.");
    const sent = slow.counts.sent;
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.ok(slow.counts.sent - sent < 5e6, "the download continued");
    await slow.close();
    await page.evaluate(() => (location.hash = "#chat?model=smollm2-135m"));
    await page.click("text=Load smollm2-135m");
    await modelIsReady(page);
    await page.fill("#message", "Tell me a very long story about a camel.");
    await page.press("#message", "Enter");
    await page.waitForSelector('.message.assistant[aria-busy="true"] .markdown');
    await page.reload();
    await modelIsReady(page);
    assert.equal(await page.locator(".message").count(), 1);
    await page.click("text=Another answer");
    await page.waitForSelector('.message.assistant[aria-busy="true"] .markdown');
    await page.click('button:text-is("Stop")');
    assert.deepEqual(problems, []);
    await profile.close();
  });

  test("fifty changes of model and mode leave no memory in use", { skip: !isFull && "takes minutes" }, async () => {
    const { page, profile, problems } = await openDemo(browser, site, { hash: greedy });
    const session = await browser.newBrowserCDPSession();
    const used = async () => {
      const { processInfo } = await session.send("SystemInfo.getProcessInfo");
      const renderers = processInfo.filter(({ type }) => type === "renderer").map(({ id }) => id);
      const pages = renderers.map((id) => Number(readFileSync(`/proc/${id}/statm`, "utf8").split(" ")[1]));
      return pages.reduce((sum, each) => sum + each, 0) * 4096;
    };
    const sizes = [];
    for (let change = 0; change < 50; change++) {
      await page.click("text=Change model");
      const title = change % 2 ? "SmolLM2-135M-Instruct (Q4_1)" : "CamelGPT-mini, a masked model (part of the package)";
      await page.click(`[aria-label="Use: ${title}"]`);
      await modelIsReady(page);
      if (change % 2) {
        await page.check(`input[value="${change % 4 === 1 ? "off" : "balanced"}"]`);
        sizes.push(await used());
      }
    }
    console.log(sizes.map((size) => Math.round(size / 1e6)).join(" "));
    assert.ok(sizes.at(-1) < 1.2 * sizes[4], "memory grows");
    assert.deepEqual(problems, []);
    await profile.close();
  });

  test("a shared link brings its settings, and an address that is wrong is explained", async () => {
    const { page, profile } = await openDemo(browser, site, {
      size: sizes.phone,
      hash: "#chat?model=.%2Fnone.gguf&system=Speak+like+a+camel.",
    });
    await page.click("text=Load ./none.gguf");
    await page.waitForSelector(".model-bar .error");
    assert.match(await page.locator(".model-bar .error").innerText(), /404/);
    await page.click(".under-composer >> text=Settings");
    assert.equal(await page.inputValue("#system"), "Speak like a camel.");
    await page.click("text=Copy a link to these settings");
    const link = await page.evaluate(() => navigator.clipboard.readText());
    assert.match(link, /#chat\?model=.*system=Speak\+like\+a\+camel/);
    await profile.close();
  });
});
