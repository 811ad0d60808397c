// Downloading a file over several connections.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { modelPath, rejectsWith } from "../lib/model.mjs";
import { startSlowServer } from "../lib/slow-server.mjs";

const file = readFileSync(modelPath);
const servers = [];
const serve = async (link) => {
  const server = await startSlowServer(file, { bytesPerSecond: 25e6, ...link });
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

for (const [name, options] of [
  ["in the worker", {}],
  ["with a custom fetch", { fetch: (url, init) => fetch(url, init) }],
]) {
  test(`four connections deliver the same bytes as one, and none twice (${name})`, async () => {
    const server = await serve({});
    assert.equal(await answer(server.url, { connections: 4, ...options }), await answer(modelPath));
    assert.equal(server.counts.requests, Math.ceil(file.length / 2 ** 21));
    assert.equal(server.counts.concurrent, 4);
    assert.ok(server.counts.sent < 1.05 * file.length, `${server.counts.sent} bytes were sent`);
  });
}

test("a server without ranges receives one request", async () => {
  const server = await serve({ ranges: false });
  assert.match(await answer(server.url, { connections: 4 }), /Paris/);
  assert.equal(server.counts.requests, 1);
});

test("a server that disappears ends the load with an error", async () => {
  const server = await serve({});
  const loading = CamelGPTInference.load(server.url, {
    connections: 4,
    retries: 0,
    onProgress: ({ loaded }) => loaded > 5e6 && server.fail(),
  });
  await rejectsWith("network", loading);
});
