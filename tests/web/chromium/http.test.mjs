// Downloads in a real Chromium: headers that CORS hides from a page, and stores that cannot be written.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { openBrowser, startSite } from "../lib/browser.mjs";
import { startFaultyServer } from "../lib/faulty-server.mjs";
import { repository } from "../lib/model.mjs";

const file = readFileSync(join(repository, "models/reglu-tiny/reglu-tiny.gguf"));

describe("a page in Chromium", () => {
  let site;
  let browser;
  let server;
  before(async () => {
    [site, server, browser] = await Promise.all([startSite(), startFaultyServer(file), openBrowser()]);
  });
  after(async () => {
    await browser?.close();
    await server?.close();
    await site?.close();
  });

  /** A page of a new profile. */
  async function openPage() {
    const page = await (await browser.newContext()).newPage();
    await page.goto(`${site.url}/tests/web/lib/blank.html`);
    await page.evaluate(async () => {
      const { CamelGPTInference } = await import("/npm/dist/browser.js");
      window.load = async (url, options) => {
        const start = performance.now();
        const events = [];
        const onProgress = (event) => void events.push(event);
        const given = { cache: true, threads: 1, contextLength: 64, timeout: 20_000, onProgress, ...options };
        const model = await CamelGPTInference.load(url, given);
        const { notes } = (await model.info()).engine;
        const text = await model.generateText("The city was", 6);
        await model.dispose();
        const isRight = events.every(
          ({ loaded, total, progress }) => (total === 0 || loaded <= total) && progress <= 100,
        );
        const kept = (await CamelGPTInference.listCached()).map(({ bytes }) => bytes);
        return { text, notes, isRight, kept, seconds: (performance.now() - start) / 1000 };
      };
      window.clear = () => CamelGPTInference.deleteCached();
    });
    return page;
  }
  const load = (page, url, options) => page.evaluate(([given, more]) => window.load(given, more), [url, options]);

  test("a compressed file of another origin loads and is kept, whether or not CORS hides its encoding", async () => {
    const page = await openPage();
    const { text } = await load(page, server.serve([]).url);
    await page.evaluate(() => window.clear());
    for (const exposed of [false, true]) {
      for (const encoding of ["identity", "gzip", "br", "stored"]) {
        const { url, script } = server.serve([], { encoding, exposed });
        const found = await load(page, url);
        assert.deepEqual({ ...found, seconds: 0 }, { text, notes: [], isRight: true, kept: [file.length], seconds: 0 });
        assert.equal((await load(page, url)).text, text);
        assert.equal(script.requests, 1, `${encoding}, ${exposed}`);
        await page.evaluate(() => window.clear());
      }
    }
    await page.close();
  });

  test("errors of the worker show no secret that the server repeats", async () => {
    const page = await openPage();
    const secret = "abcdefghijklmnopqrstuvwxyz0123456789";
    await page.route("**/repeats.gguf*", async (route) => {
      const body = `{"error": "no access for you, sorry, ${route.request().headers()["x-tenant"]}"}`;
      await route.fulfill({ body, contentType: "application/octet-stream" });
    });
    const url = `${site.url}/repeats.gguf?token=${secret}`;
    const shown = await page.evaluate(
      ([address, value]) =>
        window
          .load(address, { headers: { "X-Tenant": value }, retries: 0, cache: false })
          .catch((error) => JSON.stringify([error, error.stack])),
      [url, secret],
    );
    assert.match(shown, /not-a-model.*\*\*\*/);
    assert.ok(!shown.includes(secret.slice(0, 8)), shown);
    await page.close();
  });

  test("downloads resume and use several connections without seeing ETag and Content-Range", async () => {
    const page = await openPage();
    const { text } = await load(page, server.serve([]).url);
    const cut = { kind: "reset", at: 2_500_000, wait: 500 };
    const all = [
      {},
      { validator: "date" },
      { encoding: "gzip" },
      { ranges: false },
      { ranges: "whole" },
      { ranges: "short" },
    ];
    for (const settings of all) {
      const { url, script } = server.serve([{ ...cut, at: settings.encoding ? 1_000_000 : cut.at }], {
        ...settings,
        exposed: false,
      });
      assert.equal((await load(page, url, { cache: false })).text, text, JSON.stringify(settings));
      assert.ok(script.requests >= 2);
    }
    for (const validator of ["date", true]) {
      await page.evaluate(() => window.clear());
      const { url } = server.serve([], { validator, ranges: "short", exposed: false });
      const found = await load(page, url, { connections: 4 });
      assert.deepEqual({ text: found.text, kept: found.kept }, { text, kept: [file.length] });
    }
    for (const validator of ["date", true]) {
      const { url, script } = server.serve([], { validator, exposed: false });
      assert.equal((await load(page, url, { cache: false, connections: 4 })).text, text);
      // Nothing visible tells the version of a file with an ETag only. The browser's cache may split a request.
      assert.equal(script.requests > 1, validator === "date");
    }
    await page.close();
  });

  const stores = {
    "cannot be written": () => {
      FileSystemFileHandle.prototype.createWritable = async () => {
        throw new DOMException("not here", "NotAllowedError");
      };
    },
    "rejects each write": () => {
      FileSystemWritableFileStream.prototype.write = async () => {
        throw new DOMException("not here", "NoModificationAllowedError");
      };
    },
    "does not answer": () => {
      FileSystemFileHandle.prototype.createSyncAccessHandle = () => new Promise(() => {});
    },
  };
  for (const [name, damage] of Object.entries(stores)) {
    test(`a private file system that ${name}: the Cache API keeps the download, with a note`, async () => {
      const page = await openPage();
      await page.evaluate(damage);
      const { url, script } = server.serve([]);
      const first = await load(page, url, { worker: false });
      assert.deepEqual(first.kept, [file.length]);
      assert.match(first.notes.join(), /private file system cannot be written .*, so the Cache API keeps the download/);
      assert.ok(first.seconds < 15, `${first.seconds} s`);
      assert.equal((await load(page, url, { worker: false })).text, first.text);
      assert.equal(script.requests, 1);
      await page.close();
    });
  }

  test("removal waits for a download that is in use, and names one that stays in use", async () => {
    const page = await openPage();
    const { url } = server.serve([]);
    await load(page, url);
    const clearLocked = (milliseconds) =>
      page.evaluate(async (time) => {
        const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("camelgpt");
        const names = await Array.fromAsync(folder.keys());
        const bytes = await folder.getFileHandle(names.find((name) => name.endsWith(".bin")));
        const stream = await bytes.createWritable({ keepExistingData: true });
        const unlocking = new Promise((resolve) => setTimeout(resolve, time)).then(() => stream.abort());
        const code = await window.clear().catch((error) => error.code);
        await unlocking;
        return { code, count: (await Array.fromAsync(folder.keys())).length };
      }, milliseconds);
    assert.equal((await clearLocked(3500)).code, "bad-state");
    await load(page, url);
    assert.deepEqual(await clearLocked(300), { code: undefined, count: 0 });
    await page.close();
  });

  test("a damaged copy is downloaded again, even if it cannot be removed", async () => {
    const page = await openPage();
    const { url, script } = server.serve([]);
    const { text } = await load(page, url);
    await page.evaluate(async () => {
      const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("camelgpt");
      for await (const [name, handle] of folder.entries()) {
        if (!name.endsWith(".bin")) continue;
        const stream = await handle.createWritable({ keepExistingData: true });
        await stream.write({ type: "write", position: 2_500_000, data: new Uint8Array(16) });
        await stream.close();
      }
      FileSystemDirectoryHandle.prototype.removeEntry = async () => {
        throw new DOMException("not here", "NoModificationAllowedError");
      };
    });
    for (let count = 2; count <= 3; count++) {
      const again = await load(page, url, { worker: false });
      assert.equal(again.text, text);
      assert.match(again.notes.join(), count === 2 ? /was damaged. It was downloaded again/ : /^$/);
    }
    assert.equal(script.requests, 2);
    await page.close();
  });

  test("only Authorization follows a redirect, and only within the origin", async () => {
    const requests = { own: [], other: [] };
    const servers = {};
    const start = async (name, answer) => {
      servers[name] = createServer((request, response) => {
        for (const each of ["origin", "headers", "methods"]) response.setHeader(`access-control-allow-${each}`, "*");
        response.setHeader("access-control-allow-headers", "*, authorization");
        if (request.method === "OPTIONS") return response.writeHead(204).end();
        requests[name].push([request.url, request.headers.authorization, request.headers["x-api-key"]]);
        answer(request, response);
      });
      await new Promise((resolve) => servers[name].listen(0, "127.0.0.1", resolve));
      return `http://127.0.0.1:${servers[name].address().port}`;
    };
    const send = (_, response) => response.writeHead(200, { "content-length": file.length }).end(file);
    const other = await start("other", send);
    const own = await start("own", (request, response) => {
      const location = { "/own": "/model.gguf", "/other": `${other}/model.gguf` }[request.url];
      return location ? response.writeHead(302, { location }).end() : send(request, response);
    });
    const page = await openPage();
    try {
      const secret = { Authorization: "secret", "X-Api-Key": "secret" };
      for (const worker of [true, false]) {
        for (const headers of [{}, { Authorization: "secret" }, secret])
          await load(page, `${own}/other`, { headers, worker, cache: false, eager: false });
        const seen = requests.other.splice(0);
        assert.equal(seen.length, 3);
        for (const [, ...sent] of seen) assert.deepEqual(sent, [undefined, undefined]);
        requests.own.length = 0;
        await load(page, `${own}/own`, { headers: secret, worker, cache: false });
        assert.deepEqual(requests.own, [
          ["/own", "secret", "secret"],
          ["/own", "secret", undefined],
          ["/model.gguf", "secret", undefined],
        ]);
        const code = await page.evaluate(
          ([url, options]) => window.load(url, options).catch((error) => error.code),
          [`${own}/other`, { allow: { origins: [own] }, worker }],
        );
        assert.equal(code, "not-allowed");
        requests.other.length = 0;
      }
    } finally {
      await page.close();
      for (const each of Object.values(servers)) each.close();
    }
  });

  test("the least recently used downloads are removed above the quota", async () => {
    const page = await openPage();
    const urls = [0, 1, 2].map(() => server.serve([]).url);
    const cacheQuota = 2.5 * file.length;
    for (const index of [0, 1, 0, 2]) await load(page, urls[index], { cacheQuota: Math.floor(cacheQuota) });
    const kept = () =>
      page.evaluate(async () => {
        const { CamelGPTInference } = await import("/npm/dist/browser.js");
        return (await CamelGPTInference.listCached()).map(({ url }) => url);
      });
    while ((await kept()).length > 2) await new Promise((resolve) => setTimeout(resolve, 100));
    assert.deepEqual((await kept()).sort(), [urls[0], urls[2]].sort());
    await page.close();
  });
});
