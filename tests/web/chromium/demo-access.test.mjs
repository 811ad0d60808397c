// The demo page for everyone: accessibility, budgets, and pictures of it at two widths, light and dark.
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";

import { openBrowser } from "../lib/browser.mjs";
import { ask, modelIsReady, openDemo, sizes, startDemo, violationsOf } from "../lib/demo.mjs";
import { repository } from "../lib/model.mjs";

const built = join(repository, "build/demo");
const pictures = join(repository, "build/pictures");
const tabs = ["race", "gaps", "classify", "search", "json", "tools", "tokens"];

describe("the demo page", () => {
  let site;
  let browser;
  before(async () => {
    mkdirSync(pictures, { recursive: true });
    [site, browser] = await Promise.all([startDemo(), openBrowser()]);
  });
  after(async () => {
    await browser?.close();
    await site?.close();
  });

  for (const [name, size] of Object.entries(sizes)) {
    for (const scheme of ["light", "dark"]) {
      test(`is accessible on a ${name} in ${scheme} colours, and neither too wide nor shifting`, async () => {
        const { page, profile, problems } = await openDemo(browser, site, { size, scheme });
        await modelIsReady(page);
        await ask(page, "Which ocean is the largest?");
        assert.deepEqual(await violationsOf(page), []);
        await page.screenshot({ path: join(pictures, `chat-${name}-${scheme}.png`) });
        const { overflow, shift } = await page.evaluate(() => ({
          overflow: document.documentElement.scrollWidth - innerWidth,
          shift: window.measured.shift,
        }));
        assert.ok(overflow <= 0, `${overflow} pixels too wide`);
        assert.ok(shift < 0.1, `shifted by ${shift}`);
        await page.click("text=Change model");
        await page.waitForSelector(".model-cards h3");
        assert.deepEqual(await violationsOf(page), []);
        await page.screenshot({ path: join(pictures, `models-${name}-${scheme}.png`) });
        await page.keyboard.press("Escape");
        for (const tab of scheme === "light" ? tabs : []) {
          await page.evaluate((tab) => document.querySelector(`nav.tabs [href="#${tab}"]`).click(), tab);
          await page.waitForSelector("main > *");
          assert.deepEqual(await violationsOf(page), [], tab);
          await page.screenshot({ path: join(pictures, `${tab}-${name}.png`) });
        }
        assert.deepEqual(problems, []);
        await profile.close();
      });
    }
  }

  test("needs only the keyboard", async () => {
    const { page, profile } = await openDemo(browser, site);
    await modelIsReady(page);
    await page.focus("#message");
    await page.keyboard.type("What is the capital of France?");
    await page.keyboard.press("Enter");
    await page.waitForSelector(".message.assistant footer", { timeout: 60_000 });
    await page.keyboard.press("Shift+Tab");
    assert.match(await page.evaluate(() => document.activeElement.textContent), /Another answer|Edit|Copy/);
    await profile.close();
  });

  test("speaks five languages", async () => {
    const { page, profile } = await openDemo(browser, site);
    for (const [language, word] of Object.entries({ zh: "聊天", es: "Clasificar", de: "Einordnen", ja: "分類" })) {
      await page.selectOption(".page-links select", language);
      assert.equal(await page.getAttribute("html", "lang"), language);
      assert.match(await page.locator("nav.tabs").innerText(), new RegExp(word));
    }
    await profile.close();
  });

  test("leaves the page's thread free while the model writes", async () => {
    const { page, profile } = await openDemo(browser, site, {
      hash: `#chat?sampling=${encodeURIComponent(JSON.stringify({ maxTokens: 300, ignoreEos: true }))}`,
    });
    await modelIsReady(page);
    await page.evaluate(() => (window.measured.longest = 0));
    await ask(page, "Tell me about camels.");
    const { longest } = await page.evaluate(() => window.measured);
    console.log(`the longest task took ${Math.round(longest)} ms`);
    assert.ok(longest < 1000, `${longest} ms`); // other tests run beside this one
    await profile.close();
  });

  test("the first view needs at most 150 KB of JavaScript without the engine", async () => {
    const html = readFileSync(join(built, "index.html"), "utf8");
    const first = [...html.matchAll(/(?:src|href)="\.\/(assets\/[^"]+\.js)"/g)].map(([, name]) => name);
    assert.ok(first.length > 0);
    const chat = readdirSync(join(built, "assets"))
      .filter((name) => /^(chat|marked|purify)[.-].*\.js$/.test(name))
      .map((name) => `assets/${name}`);
    const bytes = [...new Set([...first, ...chat])].reduce(
      (sum, name) => sum + gzipSync(readFileSync(join(built, name))).length,
      0,
    );
    console.log(`the first view needs ${bytes} bytes of JavaScript`);
    assert.ok(bytes <= 150_000, `${bytes} bytes`);
  });
});
