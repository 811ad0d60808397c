// The demo's server: types, lengths, ranges, and access only to its folders.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { serve } from "../../scripts/serve.mjs";

describe("serve", () => {
  let folder;
  let site;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "camelgpt-serve-"));
    mkdirSync(join(folder, "public/inner"), { recursive: true });
    mkdirSync(join(folder, "public-not"));
    writeFileSync(join(folder, "public/inner/index.html"), "<p>hello");
    writeFileSync(join(folder, "public/code.mjs"), "export {};");
    writeFileSync(join(folder, "public/engine.wasm"), "\0asm");
    writeFileSync(join(folder, "public/empty.bin"), "");
    writeFileSync(join(folder, "public-not/secret.txt"), "secret");
    writeFileSync(join(folder, "secret.txt"), "secret");
    writeFileSync(join(folder, "model"), "0123456789");
    symlinkSync(join(folder, "secret.txt"), join(folder, "public/link.txt"));
    site = await serve({
      models: { tiny: join(folder, "model"), gone: join(folder, "gone") },
      mounts: { "/public/": join(folder, "public") },
    });
  });
  after(async () => {
    await site.close();
    rmSync(folder, { recursive: true });
  });

  const get = (path, headers = {}) => fetch(`${site.url}${path}`, { headers, redirect: "manual" });

  /** The status for a path sent verbatim; fetch would normalise it. */
  function statusOf(path, method = "GET") {
    return new Promise((done, failed) => {
      request(`${site.url}`, { path, method }, (response) => {
        response.resume();
        done(response.statusCode);
      })
        .on("error", failed)
        .end();
    });
  }

  test("sends the media types that browsers require", async () => {
    for (const [path, type] of [
      ["/public/engine.wasm", "application/wasm"],
      ["/public/code.mjs", "text/javascript; charset=utf-8"],
      ["/public/inner/", "text/html; charset=utf-8"],
      ["/models/tiny.gguf", "application/octet-stream"],
    ]) {
      const response = await get(path);
      assert.equal(response.status, 200, path);
      assert.equal(response.headers.get("content-type"), type);
      await response.arrayBuffer();
    }
  });

  test("a model has its length, and HEAD returns it without the bytes", async () => {
    const whole = await get("/models/tiny.gguf");
    assert.equal(whole.headers.get("content-length"), "10");
    assert.equal(await whole.text(), "0123456789");
    const head = await fetch(`${site.url}/models/tiny.gguf`, { method: "HEAD" });
    assert.equal(head.headers.get("content-length"), "10");
    assert.equal(head.headers.get("accept-ranges"), "bytes");
  });

  test("ranges: first bytes, last bytes, past the end", async () => {
    const cases = [
      ["bytes=2-4", "234", "bytes 2-4/10"],
      ["bytes=7-", "789", "bytes 7-9/10"],
      ["bytes=-2", "89", "bytes 8-9/10"],
      ["bytes=8-99", "89", "bytes 8-9/10"],
      ["bytes=-99", "0123456789", "bytes 0-9/10"],
    ];
    for (const [range, text, contentRange] of cases) {
      const response = await get("/models/tiny.gguf", { range });
      assert.equal(response.status, 206, range);
      assert.equal(response.headers.get("content-range"), contentRange);
      assert.equal(await response.text(), text);
    }
    for (const range of ["bytes=10-", "bytes=-0"]) {
      const response = await get("/models/tiny.gguf", { range });
      assert.equal(response.status, 416, range);
      assert.equal(response.headers.get("content-range"), "bytes */10");
    }
    for (const range of ["bytes=4-2", "bytes=0-1,3-4", "lines=1-2", "bytes=-"]) {
      const response = await get("/models/tiny.gguf", { range });
      assert.equal(response.status, 200, range);
      assert.equal(await response.text(), "0123456789");
    }
  });

  test("a known version is not sent again, and a range of another version returns the whole file", async () => {
    const etag = (await get("/models/tiny.gguf")).headers.get("etag");
    assert.equal((await get("/models/tiny.gguf", { "if-none-match": etag })).status, 304);
    assert.equal((await get("/models/tiny.gguf", { range: "bytes=2-4", "if-range": etag })).status, 206);
    assert.equal((await get("/models/tiny.gguf", { range: "bytes=2-4", "if-range": '"other"' })).status, 200);
  });

  test("an empty file has an empty body", async () => {
    const response = await get("/public/empty.bin");
    assert.equal(response.status, 200);
    assert.equal(await response.text(), "");
  });

  test("files outside the folders are not served", async () => {
    const paths = [
      "/public/../secret.txt",
      "/public/%2e%2e/secret.txt",
      "/public/..%2fsecret.txt",
      "/public/..%5csecret.txt",
      "/public/inner/../../secret.txt",
      "/public/link.txt",
      "/public/../public-not/secret.txt",
      "/public/%00",
      "/public/%ff",
      "/public/%",
      "//etc/passwd",
      "/package.json",
      "/scripts/serve.mjs",
      "/models/gone.gguf",
      "/models/constructor",
      "/models/../public/code.mjs/..",
      "/public/inner/missing",
      "/demo/../package.json",
    ];
    for (const path of paths) assert.equal(await statusOf(path), 404, path);
  });

  test("methods other than GET and HEAD are rejected", async () => {
    assert.equal(await statusOf("/public/code.mjs", "POST"), 405);
  });

  test("a folder without its slash redirects to the one with it", async () => {
    const response = await get("/public?x=1");
    assert.equal(response.status, 301);
    assert.equal(response.headers.get("location"), "/public/?x=1");
    assert.equal((await get("/")).headers.get("location"), "/demo/");
  });

  test("isolation headers come with every response unless disabled, other headers on request", async () => {
    const plain = await serve({ isolated: false, models: {} });
    assert.equal((await fetch(`${plain.url}/missing`)).headers.get("cross-origin-opener-policy"), null);
    await plain.close();
    const isolated = await serve({ headers: { "content-security-policy": "script-src 'self'" }, models: {} });
    try {
      const response = await fetch(`${isolated.url}/missing`);
      assert.equal(response.status, 404);
      assert.equal(response.headers.get("cross-origin-opener-policy"), "same-origin");
      assert.equal(response.headers.get("cross-origin-embedder-policy"), "require-corp");
      assert.equal(response.headers.get("content-security-policy"), "script-src 'self'");
    } finally {
      await isolated.close();
    }
  });

  test("closing does not wait for a slow client", async () => {
    const big = join(folder, "big");
    writeFileSync(big, Buffer.alloc(32 << 20));
    const other = await serve({ models: { big } });
    const response = await fetch(`${other.url}/models/big.gguf`);
    await other.close();
    await assert.rejects(response.arrayBuffer());
  });
});
