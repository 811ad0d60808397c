// A file over several connections at a time.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { modelPath, rejectsWith } from "../lib/model.mjs";
import { startSlowServer } from "../lib/slow-server.mjs";

const file = readFileSync(modelPath);
const servers = [];
const serve = async (link) => {
  const server = await startSlowServer(file, { bytesPerSecond: 200e6, ...link });
  servers.push(server);
  return server;
};
after(() => Promise.all(servers.map((server) => server.close())));

async function answer(source, options) {
  const model = await CamelGPTInference.load(source, { contextLength: 256, retries: 2, ...options });
  const text = await model.generateText("The capital of France is", 6);
  await model.dispose();
  return text;
}

for (const own of [{}, { fetch: (url, init) => fetch(url, init) }]) {
  test(`the bytes are those of one connection, and none comes twice (${own.fetch ? "by the caller's fetch" : "in the worker"})`, async () => {
    const server = await serve({});
    assert.equal(await answer(server.url, { connections: 4, ...own }), await answer(modelPath));
    assert.equal(server.counts.requests, Math.ceil(file.length / 2 ** 21));
    assert.equal(server.counts.atOnce, 4);
    assert.ok(server.counts.sent < 1.05 * file.length, `${server.counts.sent} bytes were sent`);
  });
}

test("a server that does not give parts is asked once", async () => {
  const server = await serve({ ranges: false });
  assert.match(await answer(server.url, { connections: 4 }), /Paris/);
  assert.equal(server.counts.requests, 1);
});

test("a server that goes away ends in an error", async () => {
  const server = await serve({ bytesPerSecond: 50e6 });
  const loading = CamelGPTInference.load(server.url, {
    connections: 4,
    retries: 0,
    onProgress: ({ loaded }) => loaded > 5e6 && server.fail(),
  });
  await rejectsWith("network", loading);
});
