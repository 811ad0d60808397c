// The built site in Chromium, served beside the demo: its own policy holds, and its search finds pages.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { serve } from "../../scripts/serve.mjs";
import { openBrowser } from "../web/lib/browser.mjs";

describe("the documentation site", () => {
  let site;
  let browser;
  before(async () => {
    [site, browser] = await Promise.all([serve(), openBrowser()]);
  });
  after(async () => {
    await browser?.close();
    await site?.close();
  });

  test("shows its pages without errors, reports of the policy, and requests elsewhere", async () => {
    const page = await browser.newPage();
    const problems = [];
    page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
    page.on("pageerror", (error) => problems.push(error.message));
    page.on("request", (request) => request.url().startsWith(site.url) || problems.push(request.url()));
    for (const path of ["", "start/node.html", "guide/pruning.html", "api/camelgpt-inference.html", "models.html"]) {
      await page.goto(`${site.url}/docs/${path}`, { waitUntil: "networkidle" });
      assert.ok((await page.textContent("#app")).length > 500, path);
      assert.ok(await page.locator(".VPNav").isVisible(), path);
    }
    assert.deepEqual(problems, []);
    await page.close();
  });

  test("finds a page by a word of its text", async () => {
    const page = await browser.newPage();
    await page.goto(`${site.url}/docs/start/node.html`);
    await page.keyboard.press("/");
    await page.fill(".VPLocalSearchBox input", "Content-Security-Policy");
    await page.waitForSelector('.VPLocalSearchBox a.result[href*="security"]');
    await page.close();
  });

  test("fits the width of a phone", async () => {
    const page = await browser.newPage({ viewport: { width: 360, height: 740 } });
    for (const path of ["", "start/node.html", "comparison.html", "cli.html"]) {
      await page.goto(`${site.url}/docs/${path}`);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(overflow <= 0, `${path}: ${overflow} pixels too wide`);
    }
    await page.close();
  });
});
