// Sources: every supported kind, and the faults of servers and files.
import assert from "node:assert/strict";
import { createReadStream, mkdirSync, mkdtempSync, openAsBlob, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { startBadServer } from "../lib/bad-server.mjs";
import { headOfModel, modelPath, rejectsWith } from "../lib/model.mjs";

const small = { contextLength: 64 };

async function answers(source, options) {
  const model = await CamelGPTInference.load(source, { ...small, ...options });
  const text = await model.generateText("The capital of France is", 6);
  await model.dispose();
  assert.match(text, /Paris/);
}

const fails = (code, source, options) => rejectsWith(code, CamelGPTInference.load(source, { ...small, ...options }));

/** The codes for faults of a file. */
const fileErrors = [
  "bad-format",
  "truncated",
  "unsupported-version",
  "unsupported-architecture",
  "unsupported-tensor-type",
  "unsupported-tokenizer",
  "missing-metadata",
  "bad-metadata",
  "bad-tensor",
  "out-of-memory",
  "bad-option",
  "not-a-model",
];

const failureOf = (source, options) =>
  CamelGPTInference.load(source, { ...small, ...options }).then(
    () => assert.fail("a damaged model loaded"),
    (error) => error,
  );

describe("sources", () => {
  let server;
  let folder;
  before(async () => {
    server = await startBadServer(modelPath);
    folder = mkdtempSync(join(tmpdir(), "camelgpt-test-"));
  });
  after(async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  });

  test("a file: URL", () => answers(pathToFileURL(modelPath)));
  test("bytes, on the caller's thread and through the worker", async () => {
    const bytes = await readFile(modelPath);
    await answers(bytes);
    await answers(bytes, { worker: false });
    await answers(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
    assert.equal(bytes[0], 0x47); // not transferred to the worker
  });
  test("a Blob", async () => answers(await openAsBlob(modelPath)));
  test("a stream of bytes", () => answers(Readable.toWeb(createReadStream(modelPath))));
  test("a URL, in the worker and on the caller's thread", async () => {
    await answers(`${server.url}/model.gguf`);
    await answers(new URL(`${server.url}/model.gguf?download=1`), { worker: false });
  });
  test("a custom fetch", async () => {
    const seen = [];
    const redirect = (url, init) => {
      seen.push(url);
      return fetch(`${server.url}/model.gguf`, init);
    };
    await answers("https://model.invalid/x.gguf", { fetch: redirect });
    await answers("https://model.invalid/x.gguf", { fetch: redirect, worker: false });
    assert.deepEqual(seen, ["https://model.invalid/x.gguf", "https://model.invalid/x.gguf"]);
  });
  test("owner/repo/file.gguf from a hub, with headers", async () => {
    await answers("owner/repo/model.gguf", { hub: `${server.url}/`, headers: { "x-test": "1" } });
    const { path, headers } = server.requests.at(-1);
    assert.equal(path, "/owner/repo/resolve/main/model.gguf");
    assert.equal(headers["x-test"], "1");
  });
  test("private weights require headers, and the error says so", async () => {
    const error = await fails("http-error", `${server.url}/private.gguf`);
    assert.match(error.found, /401/);
    assert.match(error.hint, /headers/);
    await answers(`${server.url}/private.gguf`, { headers: { Authorization: "Bearer secret" } });
  });

  test("a named model: from the cache, else from the base URL of releases", async () => {
    const before = process.env.XDG_CACHE_HOME;
    process.env.XDG_CACHE_HOME = folder;
    try {
      await fails("offline", "smollm2-135m", { offline: true });
      await answers("smollm2-135m", { releases: server.url });
      mkdirSync(join(folder, "camelgpt/models"), { recursive: true });
      symlinkSync(modelPath, join(folder, "camelgpt/models/smollm2-135m.gguf"));
      await answers("smollm2-135m");
      assert.match((await fails("unknown-release", "smollm3")).expected, /smollm2-135m/);
      await fails("not-found", "smollm3", { releases: server.url });
    } finally {
      if (before === undefined) delete process.env.XDG_CACHE_HOME;
      else process.env.XDG_CACHE_HOME = before;
    }
  });

  test("paths that are not files", async () => {
    await fails("not-found", "/nowhere/model.gguf");
    await fails("not-found", "model.gguf");
    assert.match((await fails("not-found", `${folder}/`)).found, /folder/);
    await fails("not-found", pathToFileURL(join(folder, "none.gguf")));
    await fails("bad-option", "file://host/model.gguf");
  });

  test("servers that respond with errors", async () => {
    assert.match((await fails("not-found", `${server.url}/missing`)).found, /404/);
    assert.match((await fails("http-error", `${server.url}/error`)).found, /500/);
    await fails("network", "http://127.0.0.1:1/model.gguf");
    await fails("network", "http://host.invalid/model.gguf");
  });

  test("files that are not models", async () => {
    for (const name of ["page", "sneaky", "json", "lfs"]) {
      const error = await fails("not-a-model", `${server.url}/${name}.gguf`);
      assert.ok(error.expected && error.found && error.hint, name);
    }
    const file = join(folder, "archive.gguf");
    writeFileSync(file, "PK\u0003\u0004 and so on");
    await fails("not-a-model", file);
    await fails("bad-format", new Uint8Array(1000));
    await fails("truncated", new Uint8Array(0));
    await fails("truncated", `${server.url}/empty.gguf`);
  });

  test("downloads that end early", async () => {
    await fails("truncated", `${server.url}/short.gguf`);
    const error = await fails("network", `${server.url}/cut.gguf`);
    assert.match(`${error.expected} ${error.found}`, /98362432 bytes .*bytes/);
    await fails("truncated", (await readFile(modelPath)).subarray(0, 50_000_000));
  });

  test("an abort takes effect on a silent server, and closes the connection", async () => {
    const abort = new AbortController();
    const gone = server.closed();
    const silent = server.silent();
    const load = fails("aborted", `${server.url}/stall.gguf`, { signal: abort.signal });
    await silent;
    abort.abort();
    await load;
    await gone;
  });

  test("dispose closes the connection too", async () => {
    const gone = server.closed();
    const silent = server.silent();
    const model = new CamelGPTInference(`${server.url}/stall.gguf`, { worker: false });
    const info = rejectsWith("disposed", model.info());
    await silent;
    model.dispose();
    await info;
    await gone;
  });

  test("a slow download reports its progress", async () => {
    const abort = new AbortController();
    const seen = [];
    const onProgress = (event) => {
      seen.push(event);
      if (seen.filter(({ status }) => status === "progress").length >= 3) abort.abort();
    };
    await fails("aborted", `${server.url}/slow.gguf`, { onProgress, signal: abort.signal });
    assert.ok(seen.at(-1).loaded > 0 && seen.at(-1).progress < 20);
    assert.equal(seen.at(-1).total, 98_362_432);
  });

  test("a failing stream, and a locked one", async () => {
    const failing = new ReadableStream({ pull: (controller) => controller.error(new Error("disk on fire")) });
    assert.match((await fails("read-failed", failing)).message, /disk on fire/);
    const taken = new ReadableStream();
    taken.getReader();
    await fails("bad-input", taken);
    await fails("read-failed", new ReadableStream({ start: (controller) => controller.enqueue("text") }));
  });

  test("a damaged header is a typed error, at every significant byte", async () => {
    const head = headOfModel(2 << 20);
    const damaged = (offset, bytes) => {
      const copy = head.slice();
      copy.set(bytes, offset);
      return copy;
    };
    await fails("bad-format", damaged(0, [0x58]));
    await fails("unsupported-version", damaged(4, [9]));
    await fails("unsupported-version", damaged(4, [0, 0, 0, 3]));
    const huge = [255, 255, 255, 255, 255, 255, 255, 127];
    const places = { "tensor count": 8, "metadata count": 16, "length of the first key": 24 };
    for (const [name, offset] of Object.entries(places)) {
      assert.ok(fileErrors.includes((await failureOf(damaged(offset, huge))).code), name);
    }
  });

  test("random damage ends in a typed error", async () => {
    const head = headOfModel(64 << 10);
    let state = 12345;
    const random = (limit) => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) % limit;
    for (let i = 0; i < 60; i++) {
      const copy = head.slice();
      for (let j = 0; j < 3; j++) copy[random(4000)] = random(256);
      const error = await failureOf(copy, { worker: false });
      assert.ok(fileErrors.includes(error.code), `${error.code}: ${error.message}`);
    }
  });
});
