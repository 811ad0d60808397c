// Downloads stored in the origin's private file system, or in the Cache API of a browser without one: in a real
// Chromium, from a worker and from the page's own thread.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { openBrowser, startSite, strictPolicy } from "../lib/browser.mjs";
import { prunableModel } from "../lib/tiny-model.mjs";

/** The names of stored entries, by the rules of each store. */
const stores = [
  {
    name: "the file system",
    async listNames() {
      const names = [];
      for await (const name of (await (await navigator.storage.getDirectory()).getDirectoryHandle("camelgpt")).keys())
        names.push(name);
      return names;
    },
  },
  {
    name: "the Cache API",
    flags: ["--disable-blink-features=FileSystemAccessOriginPrivate"],
    async listNames() {
      if (navigator.storage.getDirectory) throw new Error("this browser has a private file system");
      return (await (await caches.open("camelgpt")).keys()).map(({ url }) => url);
    },
  },
];

for (const { name, flags, listNames } of stores)
  describe(`stored downloads in Chromium, in ${name}`, () => {
    let site;
    let browser;
    let context;
    before(async () => {
      site = await startSite({ policy: strictPolicy });
      browser = await openBrowser(flags);
      context = await browser.newContext();
    });
    after(async () => {
      await browser?.close();
      await site?.close();
    });

    async function openPage() {
      const page = await context.newPage();
      page.requests = 0;
      context.on(
        "request",
        (request) => (page.requests += request.url().endsWith("/models/smollm2-135m.gguf") ? 1 : 0),
      );
      await page.goto(`${site.url}/tests/web/lib/blank.html`);
      await page.evaluate(async () => {
        window.camelgpt = await import("/npm/dist/browser.js");
        window.url = new URL("/models/smollm2-135m.gguf", location.href).href;
        /** The time a user waits for: from the call to the first token. */
        window.load = async (options) => {
          const start = performance.now();
          const model = await window.camelgpt.CamelGPTInference.load(window.url, {
            cache: true,
            contextLength: 64,
            ...options,
          });
          let text = "";
          let milliseconds;
          for await (const part of model.stream("The capital of France is", { maxTokens: 6 })) {
            milliseconds ??= performance.now() - start;
            text += part;
          }
          const { notes } = (await model.info()).engine;
          await model.dispose();
          return { text, milliseconds, notes };
        };
      });
      return page;
    }

    test("a second load makes no request, in a worker and on the page's thread", async (t) => {
      const page = await openPage();
      const first = await page.evaluate(() => window.load());
      assert.match(first.text, /Paris/);
      assert.equal(page.requests, 1);
      const listed = await page.evaluate(() => window.camelgpt.CamelGPTInference.listCached());
      assert.deepEqual(listed, [{ url: `${site.url}/models/smollm2-135m.gguf`, bytes: 98_362_432 }]);
      for (const options of [{}, { threads: 1 }, { worker: false }]) {
        const again = await page.evaluate((given) => window.load(given), options);
        assert.equal(again.text, first.text);
        const times = [again, first].map(({ milliseconds }) => `${milliseconds.toFixed(0)} ms`);
        t.diagnostic(`${JSON.stringify(options)}: first token after ${times[0]}, from the network ${times[1]}`);
      }
      assert.equal(page.requests, 1);
      await page.reload();
      await page.close();

      const other = await openPage();
      assert.equal((await other.evaluate(() => window.load())).text, first.text);
      assert.equal(other.requests, 0, "shared with other pages of the origin");
      await other.evaluate(() => window.camelgpt.CamelGPTInference.deleteCached());
      assert.deepEqual(await other.evaluate(() => window.camelgpt.CamelGPTInference.listCached()), []);
      await other.evaluate(() => window.load({ worker: false }));
      assert.equal(other.requests, 1);
      assert.match((await other.evaluate(() => window.load())).text, /Paris/);
      assert.equal(other.requests, 1, "a worker reads the copy that the page's thread stored");
      await other.evaluate(() => window.camelgpt.CamelGPTInference.deleteCached("/models/smollm2-135m.gguf"));
      assert.deepEqual(await other.evaluate(() => window.camelgpt.CamelGPTInference.listCached()), []);
      await other.close();
    });

    test("a release loads without the network: manifest, weights and sidecar", async () => {
      const page = await openPage();
      const answer = () =>
        page.evaluate(async () => {
          const { CamelGPTInference, CamelGPTError } = window.camelgpt;
          try {
            const model = await CamelGPTInference.load("/releases/camelgpt-mini/", {
              cache: true,
              requireSignature: true,
              expect: { name: "camelgpt-mini", minVersion: "1.0" },
            });
            const { release } = await model.info();
            const text = await model.generateText("The city", { maxTokens: 6 });
            await model.dispose();
            return { text, trusted: release.trusted };
          } catch (error) {
            return { code: error instanceof CamelGPTError ? error.code : String(error) };
          }
        });
      const first = await answer();
      assert.equal(first.trusted, true);
      const packaged = await page.evaluate(async () => {
        const { CamelGPTInference } = window.camelgpt;
        const model = await CamelGPTInference.load("camelgpt-mini", { requireSignature: true });
        const { release, engine } = await model.info();
        await model.dispose();
        const old = CamelGPTInference.load("camelgpt-mini", { expect: { minVersion: "9" } });
        return [release.trusted, engine.notes, await old.catch(({ code }) => code)];
      });
      assert.deepEqual(packaged, [true, [], "integrity"]);
      const listed = await page.evaluate(() => window.camelgpt.CamelGPTInference.listCached());
      assert.deepEqual(listed.map(({ url }) => url.split("/").pop()).sort(), [
        "camelgpt-mini.epdp",
        "camelgpt-mini.gguf",
        "camelgpt.json",
      ]);
      await context.route("**/releases/**", (route) => route.abort());
      assert.deepEqual(await answer(), first);
      await page.evaluate(() => window.camelgpt.CamelGPTInference.deleteCached());
      assert.deepEqual(await answer(), { code: "network" });
      assert.deepEqual(await page.evaluate(listNames), []);
      await context.unroute("**/releases/**");
      await page.close();
    });

    test("a calibration in idle time is kept: a later visit prunes from the first token on", async () => {
      const dropped = prunableModel();
      /** Loads the model as a dropped file, and returns the report once the model is calibrated. */
      const visit = async (epdp) => {
        const page = await openPage();
        await page.route("**/dropped.gguf", (route) => route.fulfill({ body: dropped }));
        const report = await page.evaluate(async (mode) => {
          const bytes = await (await fetch("/dropped.gguf")).arrayBuffer();
          const file = new File([bytes], "dropped.gguf", { lastModified: 1 });
          const options = { contextLength: 64, threads: 1, ...(mode && { epdp: mode }) };
          const model = await window.camelgpt.CamelGPTInference.load(file, options);
          let count = 0;
          let found;
          do {
            found = await model.report();
            if (count++ > 0) await new Promise((resolve) => setTimeout(resolve, 100));
          } while (mode && !found.calibrated);
          await model.dispose();
          return { mode: found.mode, calibrated: found.calibrated };
        }, epdp);
        await page.close();
        return report;
      };
      assert.deepEqual(await visit(), { mode: "off", calibrated: false });
      await visit("balanced");
      assert.deepEqual(await visit(), { mode: "balanced", calibrated: true });
    });

    test("two pages load concurrently", async () => {
      const pages = [await openPage(), await openPage()];
      for (const { text } of await Promise.all(pages.map((page) => page.evaluate(() => window.load()))))
        assert.match(text, /Paris/);
      const before = pages[0].requests;
      assert.match((await pages[1].evaluate(() => window.load())).text, /Paris/);
      assert.equal(pages[0].requests, before);
      assert.equal((await pages[0].evaluate(() => window.camelgpt.CamelGPTInference.listCached())).length, 1);
      await pages[0].evaluate(() => window.camelgpt.CamelGPTInference.deleteCached());
      for (const page of pages) await page.close();
    });

    test("without storage space the model answers, with a note", async () => {
      const page = await openPage();
      const session = await context.newCDPSession(page);
      for (const worker of [true, false]) {
        await session.send("Storage.overrideQuotaForOrigin", { origin: site.url, quotaSize: 20_000_000 });
        const { text, notes } = await page.evaluate((given) => window.load({ worker: given }), worker);
        assert.match(text, /Paris/);
        assert.ok(
          notes.some((note) => /could not be kept/.test(note)),
          notes.join(),
        );
        assert.deepEqual(await page.evaluate(() => window.camelgpt.CamelGPTInference.listCached()), []);
      }
      await session.send("Storage.overrideQuotaForOrigin", { origin: site.url });
      assert.deepEqual(await page.evaluate(listNames), []);
      await page.close();
    });
  });
