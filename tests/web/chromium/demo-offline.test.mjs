// The demo page without a connection, and while its server gets another build.
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { openBrowser } from "../lib/browser.mjs";
import { ask, modelIsReady, openDemo, startDemo } from "../lib/demo.mjs";
import { repository } from "../lib/model.mjs";

const greedy = `#chat?sampling=${encodeURIComponent(JSON.stringify({ temperature: 0, maxTokens: 48 }))}`;

describe("the service worker of the demo page", () => {
  let folder;
  let site;
  let browser;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "camelgpt-page-"));
    cpSync(join(repository, "build/demo"), folder, { recursive: true });
    [site, browser] = await Promise.all([startDemo({ pageFolder: folder }), openBrowser()]);
  });
  after(async () => {
    await browser?.close();
    await site?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Puts a build on the server in which a file of one tab has another name. */
  const deploy = () => {
    const assets = join(folder, "assets");
    const before = readdirSync(assets).find((name) => /^race-.*\.js$/.test(name));
    renameSync(join(assets, before), join(assets, "race-changed.js"));
    const scripts = readdirSync(assets).filter((name) => name.endsWith(".js"));
    for (const path of [...scripts.map((name) => join(assets, name)), join(folder, "service-worker.js")]) {
      writeFileSync(path, readFileSync(path, "utf8").replaceAll(before, "race-changed.js"));
    }
    const worker = join(folder, "service-worker.js");
    const text = readFileSync(worker, "utf8");
    assert.match(text, /version\\":\\"[0-9a-f]{16}/);
    writeFileSync(worker, text.replace(/(version\\":\\")[0-9a-f]{16}/, "$1changed"));
  };

  const keptBuilds = async (page) => {
    const names = await page.evaluate(() => caches.keys());
    return names.filter((name) => name.startsWith("page ")); // the package has a cache too
  };

  test("answers without a connection after a single visit, with any tab and the model of the package", async () => {
    const { page, profile, problems } = await openDemo(browser, site, { hash: greedy });
    await modelIsReady(page);
    await ask(page, "What is the capital of Italy?");
    await page.evaluate(() => navigator.serviceWorker.ready);
    await profile.setOffline(true);
    await page.reload();
    await modelIsReady(page);
    assert.match(await ask(page, "And of Spain?"), /Madrid|Spain/);
    assert.match(await page.locator(".model-bar").innerText(), /Offline/);
    await page.click('nav.tabs [href="#classify"]'); // for the first time
    await page.waitForSelector("main textarea");
    await page.click("text=Change model");
    await page.click('[aria-label^="Use: CamelGPT-mini"]');
    await page.waitForFunction(() => /camelgpt-mini/.test(document.querySelector(".model-facts")?.innerText));
    assert.deepEqual(
      problems.filter((problem) => !/ERR_INTERNET_DISCONNECTED/.test(problem)),
      [],
    );
    await profile.close();
  });

  test("keeps a build as long as a tab shows it, and no models", async () => {
    const { page, profile, problems } = await openDemo(browser, site);
    await modelIsReady(page);
    await page.evaluate(() => navigator.serviceWorker.ready);
    const [first, ...others] = await keptBuilds(page);
    assert.deepEqual(others, []);
    const files = await page.evaluate(async (name) => {
      const requests = await (await caches.open(name)).keys();
      return requests.map(({ url }) => url);
    }, first);
    assert.ok(files.includes(`${site.url}/demo/`));
    assert.deepEqual(
      files.filter((url) => !url.startsWith(`${site.url}/demo/`)),
      [],
    );

    deploy();
    await page.evaluate(async () => (await navigator.serviceWorker.ready).update());
    await page.waitForFunction(async () => (await navigator.serviceWorker.ready).waiting);
    await page.click('nav.tabs [href="#race"]'); // its file is no longer on the server
    await page.waitForSelector("main textarea, main input");
    assert.equal((await keptBuilds(page)).length, 2);

    await page.close();
    const { page: next, problems: later } = await openDemo(browser, site, { context: profile, hash: "#race" });
    await next.waitForSelector("main textarea, main input");
    await next.waitForFunction(async (first) => !(await caches.has(first)), first);
    assert.match((await keptBuilds(next)).join(), /changed/);
    assert.deepEqual([...problems, ...later], []);
    await profile.close();
  });
});
