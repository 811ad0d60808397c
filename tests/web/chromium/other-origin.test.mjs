// The package on another origin than the page, as on a CDN.
import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { after, before, describe, test } from "node:test";

import { openBrowser, startSite } from "../lib/browser.mjs";

describe("the package on another origin", () => {
  let browser;
  let cdn;
  const sites = [];
  before(async () => {
    browser = await openBrowser();
    const headers = { "access-control-allow-origin": "*", "cross-origin-resource-policy": "cross-origin" };
    cdn = await startSite({ isolated: false, headers });
  });
  after(async () => {
    await browser?.close();
    for (const site of [cdn, ...sites]) await site?.close();
  });

  /** Loads the package's model in a page, and returns its engine and an answer, or the error. */
  async function outcomeOf({ policy, isolated = true, options = {} }) {
    const site = await startSite({ isolated, policy: policy?.replaceAll("CDN", cdn.url) });
    sites.push(site);
    const page = await browser.newPage();
    await page.goto(`${site.url}/tests/web/lib/blank.html`);
    return page.evaluate(
      async ({ entry, options }) => {
        const { CamelGPTInference } = await import(entry);
        try {
          const model = await CamelGPTInference.load(undefined, options);
          const { engine } = await model.info();
          const text = await model.generateText("a dog runs through the water . german :", 8);
          await model.dispose();
          return { engine, text };
        } catch ({ code, message, hint }) {
          return { code, message, hint };
        }
      },
      { entry: `${cdn.url}/npm/dist/browser.js`, options },
    );
  }

  for (const isolated of [true, false]) {
    test(`runs in a worker, on ${isolated ? "an isolated page with threads" : "another page"}`, async () => {
      const { engine, text, ...error } = await outcomeOf({ isolated });
      assert.ok(text, JSON.stringify(error));
      assert.equal(engine.worker, true);
      assert.equal(engine.threads, isolated ? Math.min(4, availableParallelism()) : 1);
      if (isolated) assert.deepEqual(engine.notes, []);
    });
  }

  test("runs on the page's thread", async () => {
    const { engine, text } = await outcomeOf({ options: { worker: false } });
    assert.ok(text);
    assert.equal(engine.worker, false);
  });

  test("a worker's script on another origin can be given", async () => {
    const { engine, text } = await outcomeOf({ options: { workerUrl: `${cdn.url}/npm/dist/worker.js` } });
    assert.ok(text);
    assert.equal(engine.worker, true);
  });

  const scripts = "script-src 'self' 'wasm-unsafe-eval' CDN";

  test("a policy that allows workers blob: and the other origin is enough", async () => {
    const { engine, text, ...error } = await outcomeOf({ policy: `${scripts}; worker-src blob: CDN` });
    assert.ok(text, JSON.stringify(error));
    assert.equal(engine.worker, true);
  });

  test("a policy that forbids the worker is an error that names the options", async () => {
    const { code, hint } = await outcomeOf({ policy: `${scripts}; worker-src 'self'` });
    assert.equal(code, "worker-failed");
    assert.match(hint, /worker-src.* blob:.*`workerUrl` and `wasmUrl`/);
  });

  test("with the worker and the engine on its own origin, a page with a strict policy runs it", async () => {
    const options = {
      workerUrl: "/npm/dist/worker.js",
      wasmUrl: { relaxed: "/npm/dist/wasm/camelgpt-relaxed.wasm" },
      flavour: "relaxed",
      threads: 1,
    };
    const { engine, text, ...error } = await outcomeOf({ policy: `${scripts}; worker-src 'self'`, options });
    assert.ok(text, JSON.stringify(error));
    assert.equal(engine.worker, true);
  });
});
