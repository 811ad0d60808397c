// The option `allow`: names from strangers open nothing outside of it. And what is not a regular file is not opened.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs, { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import fsPromises from "node:fs/promises";
import { createServer } from "node:http";
import { syncBuiltinESMExports } from "node:module";
import { createServer as createSocket } from "node:net";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { rejectsWith, repository } from "../lib/model.mjs";

const release = join(repository, "models/camelgpt-mini");
const isWindows = process.platform === "win32";
const files = ["camelgpt-mini.gguf", "camelgpt-mini.epdp", "camelgpt.json"];

/** `root` has the folders `in`, which is allowed, and `out`, each with a model and a release, and links. */
function makeFolders() {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "camelgpt-allow-")));
  for (const folder of ["in", "out", "in/release", "out/release", "in/linked"]) {
    mkdirSync(join(root, folder));
    if (folder !== "in/linked")
      for (const name of files.slice(0, folder.includes("/") ? 3 : 1))
        copyFileSync(join(release, name), join(root, folder, name));
  }
  symlinkSync(join(root, "out/camelgpt-mini.gguf"), join(root, "in/link.gguf"));
  symlinkSync(join(root, "in/camelgpt-mini.gguf"), join(root, "in/inner.gguf"));
  symlinkSync(join(root, "out"), join(root, "in/folder"));
  symlinkSync(join(root, "in"), join(root, "into"));
  copyFileSync(join(release, "camelgpt.json"), join(root, "in/linked/camelgpt.json"));
  for (const name of files.slice(0, 2)) symlinkSync(join(root, "out/release", name), join(root, "in/linked", name));
  copyFileSync(join(release, files[0]), join(root, "in/beside.gguf"));
  symlinkSync(join(root, "out/release", files[1]), join(root, "in/beside.epdp"));
  return root;
}

async function load(source, options) {
  const model = await CamelGPTInference.load(source, {
    worker: false,
    threads: 1,
    retries: 0,
    timeout: 3000,
    ...options,
  });
  await model.dispose();
}

describe("the option allow", () => {
  let root;
  let server;
  let own;
  let requests;
  before(async () => {
    root = makeFolders();
    server = createServer(({ url }, response) => {
      requests.push(url);
      const [, location] = /^\/to\/(.*)/.exec(url) ?? [];
      if (location) response.writeHead(302, { location: decodeURIComponent(location) }).end();
      else response.end(fs.readFileSync(join(release, files[0])));
    });
    await new Promise((resolve) => server.listen(0, resolve));
    own = `http://127.0.0.1:${server.address().port}`;
    requests = [];
  });
  after(() => {
    server.closeAllConnections();
    server.close();
    rmSync(root, { recursive: true });
  });

  test("permits paths in its folders, and links that stay in them", async () => {
    const allow = { folders: [join(root, "in")] };
    const paths = ["in/camelgpt-mini.gguf", "in/../in/camelgpt-mini.gguf", "in/inner.gguf", "into/../in/inner.gguf"];
    for (const path of [...paths, "in/release", "in/folder/../camelgpt-mini.gguf"].map((name) => join(root, name)))
      await load(path, { allow });
    await load(pathToFileURL(join(root, "in/camelgpt-mini.gguf")), { allow });
    await load(join(root, "into/camelgpt-mini.gguf"), { allow: { folders: [join(root, "into")] } });
    await load(relative(process.cwd(), join(root, "in/camelgpt-mini.gguf")), {
      allow: { folders: [join(root, "into")] },
    });
    await rejectsWith("not-found", load(join(root, "in/none.gguf"), { allow }));
    await load("camelgpt-mini", { allow: {} });
  });

  test("refuses other paths, whether or not they exist", async () => {
    const inside = join(root, "in/camelgpt-mini.gguf");
    const outside = ["out/camelgpt-mini.gguf", "in/link.gguf", "in/folder/camelgpt-mini.gguf", "in/folder/none.gguf"];
    const more = [
      "in/linked",
      "in/beside.gguf",
      "out/release",
      "in/folder/release",
      "none.gguf",
      "in-not/x.gguf",
      "into/camelgpt-mini.gguf",
    ];
    for (const name of [...outside, ...more]) {
      const path = join(root, name);
      await rejectsWith("not-allowed", load(path, { allow: { folders: [join(root, "in")] } }));
      await rejectsWith("not-allowed", load(pathToFileURL(path), { allow: { folders: [join(root, "in")] } })).catch(
        (error) => assert.match(name, /release|linked/, error.message),
      );
    }
    for (const allow of [
      {},
      { schemes: ["https"] },
      { origins: [own] },
      { folders: [] },
      { folders: [join(root, "none")] },
    ])
      await rejectsWith("not-allowed", load(inside, { allow }));
    await rejectsWith("not-allowed", load(pathToFileURL(inside), { allow: { schemes: ["https"], folders: [root] } }));
    await load(pathToFileURL(inside), { allow: { schemes: ["file:"], folders: [root] } });
    const sidecar = join(root, "out/release/camelgpt-mini.epdp");
    await rejectsWith("not-allowed", load(inside, { sidecar, allow: { folders: [join(root, "in")] } }));
    const shards = ["in", "out"].map((folder) => join(root, folder, "camelgpt-mini.gguf"));
    await rejectsWith("not-allowed", load(shards, { allow: { folders: [join(root, "in")] } }));
  });

  test("permits its schemes and origins, and compares each redirect with them", async () => {
    const other = own.replace("127.0.0.1", "localhost");
    const to = (url) => `${own}/to/${encodeURIComponent(url)}`;
    const url = `${own}/model.gguf`;
    for (const options of [{}, { worker: true }, { fetch: globalThis.fetch }, { headers: { "x-a": "b" } }]) {
      for (const allow of [{ origins: [own] }, { origins: [`${own}/`], schemes: ["http"] }, { schemes: ["HTTP:"] }])
        await load(to(url), { allow, ...options });
      requests = [];
      const refused = [
        [url, { schemes: ["https"] }],
        [url, { origins: [other] }],
        [url, { schemes: ["https"], origins: [own] }],
        [url, { folders: ["/"] }],
        [url, {}],
        [`${own}/`, { origins: [other] }],
        ["data:application/octet-stream,GGUF", { origins: [own] }],
        ["owner/repo/model.gguf", { origins: ["https://huggingface.co"] }],
        ["named", { origins: [other] }],
      ];
      for (const [source, allow] of refused)
        await rejectsWith("not-allowed", load(source, { allow, hub: own, releases: own, ...options }));
      assert.deepEqual(requests, []);
      await rejectsWith("not-allowed", load(to(`${other}/model.gguf`), { allow: { origins: [own] }, ...options }));
      await rejectsWith("not-allowed", load(to(to(`${other}/x`)), { allow: { origins: [own] }, ...options }));
      assert.deepEqual(
        requests.filter((each) => !each.startsWith("/to/")),
        [],
      );
      await load(to(`${other}/model.gguf`), { allow: { origins: [own, other] }, ...options });
    }
    await load("owner/repo/model.gguf", { allow: { origins: [own] }, hub: own });
    const sidecar = `${other}/x.epdp`;
    await rejectsWith("not-allowed", load(url, { sidecar, allow: { origins: [own] } }));
    await rejectsWith("not-allowed", load([url, `${other}/b.gguf`], { allow: { origins: [own] } }));
  });

  test("is compared with kept downloads too", async (t) => {
    const given = process.env.XDG_CACHE_HOME;
    process.env.XDG_CACHE_HOME = join(root, "cache");
    t.after(() => {
      if (given === undefined) delete process.env.XDG_CACHE_HOME;
      else process.env.XDG_CACHE_HOME = given;
    });
    await load(`${own}/kept.gguf`, { cache: true });
    requests = [];
    await load(`${own}/kept.gguf`, { cache: true, allow: { origins: [own] } });
    assert.deepEqual(requests, []);
    await rejectsWith("not-allowed", load(`${own}/kept.gguf`, { cache: true, allow: { schemes: ["https"] } }));
  });

  test("is checked", async () => {
    for (const allow of [
      [],
      "https",
      { folder: ["/"] },
      { schemes: "https" },
      { schemes: ["ftp"] },
      { origins: ["huggingface.co"] },
      { origins: ["https://huggingface.co/owner"] },
      { folders: [""] },
    ])
      await rejectsWith("bad-option", load("x", { allow }));
  });

  test("none of 10,000 names opens anything outside of it", async (t) => {
    const opened = [];
    const { open } = fsPromises;
    const { fetch } = globalThis;
    fsPromises.open = async (path, ...rest) => {
      opened.push(realpathSync(String(path)));
      return open(path, ...rest);
    };
    syncBuiltinESMExports();
    globalThis.fetch = async (url) => {
      opened.push(String(url));
      throw new TypeError("no network");
    };
    t.after(() => {
      fsPromises.open = open;
      syncBuiltinESMExports();
      globalThis.fetch = fetch;
    });
    const next = random(20);
    // An engine that does not start: the source is opened nevertheless, and the test takes less time.
    const wasmModule = await WebAssembly.compile(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0));
    const allow = { origins: ["https://hub.invalid"], folders: [join(root, "in")] };
    const codes = {};
    const options = { allow, wasmModule, worker: false, retries: 0, cache: false, hub: "https://hub.invalid/base" };
    const inspect = async () => {
      const name = nameFrom(next, root);
      const source = next() % 50 === 0 ? [name, name] : name;
      const code = await CamelGPTInference.inspect(source, options).then(
        () => "opened",
        (error) => error.code,
      );
      codes[code] = (codes[code] ?? 0) + 1;
    };
    for (let i = 0; i < 10_000; i += 100) await Promise.all(Array.from({ length: 100 }, inspect));
    t.diagnostic(JSON.stringify(codes));
    const isInside = (place) =>
      /^https:/i.test(place)
        ? new URL(place).origin === "https://hub.invalid"
        : place.startsWith(`${join(root, "in")}/`) && !place.includes("/../");
    const outside = opened.filter((place) => !isInside(place));
    assert.deepEqual(outside, []);
    assert.ok(opened.length > 100, `${opened.length} opened`);
    assert.equal(codes.internal, undefined);
    for (const code of ["not-allowed", "bad-option", "network", "engine-unavailable"])
      assert.ok(codes[code] > 20, code);
  });
});

/** A generator of numbers (mulberry32), so that the test is the same each time. */
function random(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
}

function nameFrom(next, root) {
  const pick = (...from) => from[next() % from.length];
  const begin = () =>
    pick(
      "",
      "",
      "/",
      "./",
      "../",
      "\\",
      "~/",
      "owner/repo/",
      "owner/repo/",
      "a/",
      `${root}/`,
      `${root}/in/`,
      `${root}/in/`,
      `file://${root}/`,
      `file://${root}/in/`,
      "file:///",
      "file://host/",
      "https://hub.invalid/",
      "https://hub.invalid/base/",
      "http://hub.invalid/",
      "https://hub.invalid@evil.invalid/",
      "https://evil.invalid/",
      "HTTPS://HUB.INVALID:443/",
      "https://hub.invalid:444/",
      "https:hub.invalid/",
      "https:\\\\evil.invalid\\",
      "//evil.invalid/",
      "data:,",
      "blob:",
      "C:\\",
      "http://127.0.0.1/",
      "http://[::1]/",
      "ftp://evil.invalid/",
      "https://hub.invalid.evil.invalid/",
      "\0",
      " https://evil.invalid/",
    ); // prettier-ignore
  const segment = () =>
    pick(
      "..",
      ".",
      "",
      "%2e%2e",
      "%2F",
      "..%2f",
      "..\\",
      "\\",
      "in",
      "out",
      "folder",
      "linked",
      "release",
      "x",
      "etc",
      "passwd",
      "camelgpt.json",
      "camelgpt-mini",
      "link.gguf",
      "a b",
      "?",
      "#",
      "é",
      "\ud800",
      "\n",
      "%",
      "%00",
      "proc",
      "self",
      "fd",
    ); // prettier-ignore
  const middle = Array.from({ length: next() % 5 }, segment).join(pick("/", "/", "/", "\\", "//"));
  const end = pick(
    "",
    "/",
    ".gguf",
    "/x.gguf",
    "/x.gguf",
    "/camelgpt-mini.gguf",
    "-00001-of-00002.gguf",
    "/camelgpt.json",
    "?a.gguf",
  );
  const name = `${begin()}${middle}${end}`;
  return name === "camelgpt-mini" || name === "" ? "x" : name;
}

test("names on a hub without a place of their own are refused", async () => {
  const requests = [];
  const fetch = async (url) => {
    requests.push(url);
    return new Response(null, { status: 404 });
  };
  const odd = ["a/../x.gguf", "a/b/../x.gguf", "a/b/../../../c/d/resolve/main/x.gguf", "a/b/./x.gguf", "a/b//x.gguf"];
  const encoded = ["a/b/%2e%2e/x.gguf", "a/b/..%2fx.gguf", "a/b/c%00.gguf", "a/b/..\\x.gguf", "a/b\\..\\c/d/x.gguf"];
  for (const name of [...odd, ...encoded, "a/b/\ud800.gguf", "a/b/\n/x.gguf", "../b/x.gguf", "a/b/c/.."]) {
    const error = await CamelGPTInference.load(name, { fetch, worker: false }).catch((each) => each);
    assert.match(error.code, /^(bad-option|not-found)$/, name);
    if (error.code === "bad-option") assert.match(error.message, /not the name of a model on a hub/);
  }
  assert.deepEqual(requests, []);
  await rejectsWith("not-found", CamelGPTInference.load("own.er/re-po/a b/c..gguf/é%.gguf", { fetch, worker: false }));
  assert.deepEqual(requests, ["https://huggingface.co/own.er/re-po/resolve/main/a%20b/c..gguf/%C3%A9%25.gguf"]);
});

test("pipes, sockets, devices and folders are refused before they are opened", { skip: isWindows }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "camelgpt-special-"));
  const [pipe, socket, link] = ["pipe.gguf", "socket.gguf", "link.gguf"].map((name) => join(folder, name));
  execFileSync("mkfifo", [pipe]);
  execFileSync("mkfifo", [join(folder, "camelgpt.json")]);
  symlinkSync(pipe, link);
  const listening = createSocket();
  await new Promise((resolve) => listening.listen(socket, resolve));
  t.after(() => {
    listening.close();
    rmSync(folder, { recursive: true });
  });
  for (const worker of [false, true]) {
    for (const path of [pipe, socket, link, "/dev/zero", "/dev/tty", pathToFileURL(folder), pathToFileURL(pipe)])
      await rejectsWith("read-failed", load(path, { worker }));
    await rejectsWith("read-failed", load([pipe, pipe], { worker }));
    await rejectsWith("read-failed", load("camelgpt-mini", { worker, sidecar: pipe }));
    await rejectsWith("not-found", load(folder, { worker }));
  }
  copyFileSync(join(release, files[0]), join(folder, "model.gguf"));
  execFileSync("mkfifo", [join(folder, "model.epdp")]);
  await load(join(folder, "model.gguf")); // what is beside the model is no sidecar
  writeFileSync(join(folder, "empty.gguf"), "");
  await rejectsWith("truncated", load(join(folder, "empty.gguf")));
});
