// The other tabs of the demo page, each with a real model.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { openBrowser } from "../lib/browser.mjs";
import { modelIsReady, openDemo, startDemo } from "../lib/demo.mjs";

describe("the tabs of the demo page", () => {
  let site;
  let browser;
  let opened;
  before(async () => {
    [site, browser] = await Promise.all([startDemo(), openBrowser()]);
    opened = await openDemo(browser, site, { hash: "#race" });
    await modelIsReady(opened.page);
  });
  after(async () => {
    await browser?.close();
    await site?.close();
  });

  async function openTab(name) {
    const { page } = opened;
    await page.click(`nav.tabs >> text="${name}"`);
    await page.waitForFunction((name) => document.querySelector("nav.tabs [aria-current]")?.textContent === name, name);
    return page;
  }

  const noProblems = () => assert.deepEqual(opened.problems.splice(0), []);

  test("a race shows both speeds and the winner", async () => {
    const page = await openTab("Race");
    await page.click("text=Start the race");
    await page.waitForSelector('p[role="status"]', { timeout: 120_000 });
    assert.match(await page.locator('p[role="status"]').innerText(), /Pruning was \d+(\.\d+)? × as fast/);
    const [off, on] = await page.locator(".lanes .plain-text").allInnerTexts();
    assert.ok(off.length > 100 && on.length > 100);
    noProblems();
  });

  test("texts are classified", async () => {
    const page = await openTab("Classify");
    await page.click('button:text-is("Classify")');
    await page.waitForSelector(".bars >> nth=1", { timeout: 60_000 });
    assert.equal(await page.locator("section.card").count(), 2);
    assert.match(await page.locator("section.card").first().innerText(), /complaint\s+[\d.]+ %/);
    noProblems();
  });

  test("sentences are found by their meaning", async () => {
    const page = await openTab("Search");
    await page.click('button:text-is("Search")');
    await page.waitForSelector(".heat-4", { timeout: 60_000 });
    assert.equal(await page.locator("section ol li").count(), 3);
    noProblems();
  });

  test("an answer is JSON by the schema", async () => {
    const page = await openTab("JSON");
    await page.click("text=Extract");
    await page.waitForSelector('section[aria-busy="false"] pre', { timeout: 60_000 });
    const object = JSON.parse(await page.locator("section pre").first().innerText());
    assert.deepEqual(Object.keys(object), ["customer", "city", "product", "quantity", "urgent"]);
    assert.equal(typeof object.urgent, "boolean");
    await page.locator("textarea").nth(1).fill('{ "type": "object", ');
    await page.click("text=Extract");
    await page.waitForSelector("p.error");
    noProblems();
  });

  test("the model calls a tool of the page", async () => {
    const page = await openTab("Tools");
    await page.click('button:text-is("Ask")');
    await page.waitForSelector("text=add returned", { timeout: 60_000 });
    assert.match(await page.locator(".steps").innerText(), /calls add \{.*1234.*4321.*\}/s);
    assert.match(await page.locator(".steps").innerText(), /add returned 5555/);
    noProblems();
  });

  test("tokens are shown as they are typed", async () => {
    const page = await openTab("Tokens");
    await page.fill("textarea", "Hello 🐫");
    await page.waitForFunction(() => /7 characters, 10 bytes/.test(document.querySelector("main").innerText));
    await page.waitForFunction(() => /^Hello/.test(document.querySelector(".pieces").innerText));
    noProblems();
  });

  test("gaps are filled in three steps, after one click for the model that can", async () => {
    const page = await openTab("Fill gaps");
    await page.click("text=Load camelgpt-mini");
    await page.click('button:text-is("Fill the gaps")', { timeout: 60_000 });
    await page.waitForSelector(".filled li >> nth=2", { timeout: 60_000 });
    const steps = await page.locator(".filled li p").allInnerTexts();
    assert.deepEqual(
      steps.map((text) => text.match(/\[MASK\]/g)?.length ?? 0),
      [2, 1, 0],
    );
    noProblems();
  });
});
