// The page of measurements, and measuring in it, with a real model.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { Ajv2020 } from "ajv/dist/2020.js";

import { openBrowser } from "../lib/browser.mjs";
import { openDemo, sizes, startDemo, violationsOf } from "../lib/demo.mjs";
import { repository } from "../lib/model.mjs";

const pictures = join(repository, "build/pictures");
const validate = new Ajv2020().compile(JSON.parse(readFileSync(join(repository, "docs/results/schema.json"), "utf8")));

describe("the numbers page", () => {
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

  const open = async (options) => {
    const opened = await openDemo(browser, site, options);
    await opened.page.goto(`${site.url}/demo/numbers.html`);
    await opened.page.waitForSelector(".plot canvas");
    return opened;
  };

  for (const [name, size] of Object.entries(sizes)) {
    for (const scheme of ["light", "dark"]) {
      test(`shows plots with their machine and command on a ${name} in ${scheme} colours`, async () => {
        const { page, profile, problems } = await open({ size, scheme });
        const text = await page.locator("main").innerText();
        assert.match(text, /AMD EPYC/);
        assert.match(text, /npm run bench -- --record/);
        assert.deepEqual(await violationsOf(page), []);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(overflow <= 0, `${overflow} pixels too wide`);
        await page.screenshot({ path: join(pictures, `numbers-${name}-${scheme}.png`), fullPage: true });
        assert.deepEqual(problems, []);
        await profile.close();
      });
    }
  }

  test("measures this device with a real model, and shows it beside the results of others", async () => {
    const { page, profile, problems } = await open();
    await page.fill("input >> nth=1", "A processor of the tests");
    await page.click('button:text-is("Measure")');
    await page.waitForSelector("#device-title >> nth=1", { timeout: 120_000 });
    await page.click("text=Copy as JSON");
    const results = JSON.parse(await page.evaluate(() => navigator.clipboard.readText()));
    assert.ok(validate(results), JSON.stringify(validate.errors));
    assert.deepEqual(
      results.rows.map(({ engine, measure }) => `${engine.replace(/-(simd|relaxed)$/, "")} ${measure}`),
      ["page prefill", "page decode", "balanced-page prefill", "balanced-page decode"],
    );
    for (const { median } of results.rows) assert.ok(median > 1 && median < 10_000, `${median}`);
    assert.match(await page.locator("section.results").first().innerText(), /A processor of the tests/i);
    assert.deepEqual(problems, []);
    await profile.close();
  });

  test("measuring can be stopped, and a wrong model is explained", async () => {
    const { page, profile } = await open();
    await page.click('button:text-is("Measure")');
    await page.click('button:text-is("Stop")');
    await page.waitForFunction(() => !document.querySelector("form button").disabled);
    await page.fill("input >> nth=0", "./none.gguf");
    await page.click('button:text-is("Measure")');
    await page.waitForSelector("p.error");
    assert.match(await page.locator("p.error").innerText(), /404/);
    await profile.close();
  });
});
