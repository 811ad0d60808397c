// The caller's headers stay with the origin of the model: in redirects, for sidecars, and for the files of split models
// and releases.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { repository } from "../lib/model.mjs";
import { splitGguf } from "../lib/split-gguf.mjs";
import { importSource } from "../lib/source.mjs";

const mini = (name) => readFileSync(join(repository, "models/camelgpt-mini", name));
const shards = splitGguf(mini("camelgpt-mini.gguf"), 3);
const shardName = (number) => `m-0000${number}-of-00003.gguf`;
const manifest = JSON.parse(mini("camelgpt.json"));
const unsigned = (change = (file) => file) => {
  const { signature, ...rest } = manifest;
  assert.ok(signature);
  return Buffer.from(JSON.stringify({ ...rest, files: rest.files.map(change) }));
};
const files = {
  "/model.gguf": mini("camelgpt-mini.gguf"),
  "/camelgpt-mini.gguf": mini("camelgpt-mini.gguf"),
  "/camelgpt-mini.epdp": mini("camelgpt-mini.epdp"),
  "/camelgpt.json": mini("camelgpt.json"),
  "/named.gguf": mini("camelgpt-mini.gguf"),
  "/owner/repo/resolve/main/model.gguf": mini("camelgpt-mini.gguf"),
  "/outside/camelgpt.json": unsigned((file) => ({ ...file, path: `../${file.path}` })),
  ...Object.fromEntries(shards.map((bytes, i) => [`/${shardName(i + 1)}`, bytes])),
};

/**
 * Serves `files`. `/<status>/<place>/path` redirects to the path at a place: `own` is this origin, `other` the other
 * one, `back` this one by way of the other, `name` this one under another name of the host.
 */
async function startServer(requests, otherOf) {
  const server = createServer((request, response) => {
    requests.push({ url: request.url, headers: request.headers });
    const [, status, place, path] = /^\/(\d{3})\/(\w+)(\/.*)$/.exec(request.url) ?? [];
    if (status) {
      const location = {
        own: path,
        other: `${otherOf()}${path}`,
        relative: `//${otherOf().slice(5)}${path}`.replace(/^\/+/, "//"),
        back: `${otherOf()}/302/other${path}`,
        name: `http://localhost:${server.address().port}${path}`,
      }[place];
      return response.writeHead(Number(status), { location }).end();
    }
    const bytes = files[new URL(request.url, "http://host").pathname];
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "") ?? [];
    if (!bytes) return response.writeHead(404).end();
    if (from === undefined || Number(from) >= bytes.length)
      return response
        .writeHead(200, { "content-length": bytes.length, "accept-ranges": "bytes", etag: '"1"' })
        .end(bytes);
    const part = bytes.subarray(Number(from), to ? Number(to) + 1 : undefined);
    const range = `bytes ${from}-${Number(from) + part.length - 1}/${bytes.length}`;
    response.writeHead(206, { "content-length": part.length, "content-range": range, etag: '"1"' }).end(part);
  });
  await new Promise((resolve) => server.listen(0, resolve));
  return server;
}

describe("the caller's headers stay with the origin of the model", () => {
  const headers = {
    Authorization: "Bearer secret",
    "X-Api-Key": "secret",
    "PRIVATE-TOKEN": "secret",
    cookie: "a=secret",
  };
  const seen = { own: [], other: [] };
  const servers = {};
  let own;
  let other;
  let folder;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "camelgpt-headers-"));
    servers.own = await startServer(seen.own, () => other);
    servers.other = await startServer(seen.other, () => own);
    own = `http://127.0.0.1:${servers.own.address().port}`;
    other = `http://127.0.0.1:${servers.other.address().port}`;
  });
  beforeEach(() => {
    seen.own.length = seen.other.length = 0;
  });
  after(() => {
    rmSync(folder, { recursive: true });
    for (const server of Object.values(servers)) {
      server.closeAllConnections();
      server.close();
    }
  });

  const split = [1, 2, 3].map(shardName);
  const bytes = files["/model.gguf"];
  const sidecar = () => `${other}/camelgpt-mini.epdp`;
  /** Each: what is loaded, further options, and whether the other origin is asked for something. */
  const situations = {
    "a model, redirected by 301": () => [`${own}/301/other/model.gguf`],
    "a model, redirected by 302": () => [`${own}/302/other/model.gguf`],
    "a model, redirected by 303": () => [`${own}/303/other/model.gguf`],
    "a model, redirected by 307": () => [`${own}/307/other/model.gguf`],
    "a model, redirected by 308": () => [`${own}/308/other/model.gguf`],
    "a redirect without a scheme": () => [`${own}/302/relative/model.gguf`],
    "a redirect within the origin, then to the other one": () => [`${own}/302/own/302/other/model.gguf`],
    "a redirect to the other origin and back": () => [`${own}/302/back/model.gguf`],
    "a redirect to another name of the host": () => [`${own}/302/name/302/other/model.gguf`],
    "a redirect in the engine's worker": () => [`${own}/302/other/model.gguf`, { worker: true }],
    "a redirect of several connections": () => [`${own}/302/other/model.gguf`, { connections: 4 }],
    "a redirect of the caller's fetch": () => [`${own}/302/other/model.gguf`, { fetch: (...args) => fetch(...args) }],
    "a redirect of the global fetch": () => [`${own}/302/other/model.gguf`, { fetch: globalThis.fetch }],
    "a redirect of an address with a query": () => [`${own}/302/other/model.gguf?a=${"b".repeat(9)}`],
    "a redirect of a cached download": () => [`${own}/302/other/model.gguf?kept`, { cache: true }],
    "a redirect of an eager load": () => [`${own}/302/other/model.gguf`, { eager: true, retries: 1 }],
    "a sidecar of the other origin": () => [`${own}/model.gguf`, { sidecar: sidecar() }],
    "a sidecar for a file": () => [join(repository, "models/camelgpt-mini/camelgpt-mini.gguf"), { sidecar: sidecar() }],
    "a sidecar for bytes": () => [bytes, { sidecar: sidecar() }],
    "a sidecar as a URL object": () => [`${own}/model.gguf`, { sidecar: new URL(sidecar()) }],
    "a sidecar that is redirected": () => [`${own}/model.gguf`, { sidecar: `${own}/302/other/camelgpt-mini.epdp` }],
    "a sidecar with the caller's fetch": () => [`${own}/model.gguf`, { sidecar: sidecar(), fetch: globalThis.fetch }],
    "a sidecar of the other origin for the model in the package": () => ["camelgpt-mini", { sidecar: sidecar() }],
    "files of a split model at both origins": () => [split.map((name, i) => `${[own, other][i % 2]}/${name}`)],
    "files of a split model, the first of which are bytes": () => [
      [shards[0], `${other}/${split[1]}`, `${own}/${split[2]}`],
    ],
    "files of a split model that are redirected": () => [`${own}/302/other/${split[0]}`],
    "files of a split model in the worker": () => [
      split.map((name, i) => `${[own, other][i % 2]}/${name}`),
      { worker: true },
    ],
    "a release of the other origin among the files": () => [[`${own}/${split[0]}`, `${other}/`]],
    "a release whose files are redirected": () => [`${own}/302/other/`],
    "a release whose manifest names files outside of it": () => [`${own}/302/other/outside/`],
    "a release, verified": () => [`${own}/302/other/`, { verify: true }],
    "a file of a hub that redirects": () => ["owner/repo/model.gguf", { hub: `${own}/302/other` }],
    "a named release that is redirected": () => ["named", { releases: `${own}/302/other` }],
  };

  for (const [name, situation] of Object.entries(situations)) {
    test(name, async () => {
      const [source, { verify, ...given } = {}] = situation();
      const options = { headers, worker: false, threads: 1, retries: 0, timeout: 3000, ...given };
      const work = verify
        ? CamelGPTInference.verify(source, options)
        : CamelGPTInference.load(source, options).then((model) => model.dispose());
      await work.catch((error) => assert.equal(error.name, "CamelGPTError", error.stack));
      assert.ok(seen.other.length > 0, "the other origin is asked");
      const leaks = seen.other.filter(({ headers: sent }) => JSON.stringify(sent).includes("secret"));
      assert.deepEqual(leaks, []);
      const isBack = ({ headers: sent }) => sent.host !== own.slice(7) && JSON.stringify(sent).includes("secret");
      assert.deepEqual(seen.own.filter(isBack), [], "another name of the host is another origin");
    });
  }

  test("and the origin of the model gets them, with each redirect within it", async () => {
    for (const worker of [true, false]) {
      await (await CamelGPTInference.load(`${own}/302/own/model.gguf`, { headers, worker })).dispose();
    }
    assert.equal(seen.own.length, 4);
    for (const { headers: sent } of seen.own) assert.equal(sent["x-api-key"], "secret");
  });
});

describe("browsers, which hide where a redirect leads,", () => {
  /** Answers like a browser: without redirects for `manual`, and with the response of the last URL otherwise. */
  async function requestsFor(headers, allow) {
    const { browserFetch } = await importSource("web/load/sources/browser-fetch.ts");
    const sent = [];
    const request = async (url, init) => {
      sent.push(init);
      if (init.redirect === "manual") return { type: "opaqueredirect", status: 0, url };
      return { type: "cors", status: 200, url: "https://cdn.invalid/model.gguf", redirected: true };
    };
    await browserFetch("https://hub.invalid/model.gguf", { headers }, allow, request);
    return sent.map(({ headers: each, redirect }) => [redirect, Object.keys(each)]);
  }

  test("follow it with Authorization and the range, which they remove and keep themselves", async () => {
    assert.deepEqual(await requestsFor({ Authorization: "secret", range: "bytes=0-" }), [
      [undefined, ["Authorization", "range"]],
    ]);
    assert.deepEqual(await requestsFor({}), [[undefined, []]]);
  });

  test("do not pass on other headers", async () => {
    assert.deepEqual(await requestsFor({ Authorization: "secret", "X-Api-Key": "secret", range: "bytes=0-" }), [
      ["manual", ["Authorization", "X-Api-Key", "range"]],
      [undefined, ["Authorization", "range"]],
    ]);
  });

  test("compare the last URL with the option allow", async () => {
    const origins = ["https://hub.invalid", "https://cdn.invalid"];
    await requestsFor({}, { urls: origins });
    await assert.rejects(requestsFor({}, { urls: origins.slice(0, 1) }), { code: "not-allowed" });
  });
});
