// Stored downloads: told apart by the headers of their requests, in another folder, and within a quota.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { useDownloads } from "../lib/downloads.mjs";
import { startFaultyServer } from "../lib/faulty-server.mjs";
import { rejectsWith, repository } from "../lib/model.mjs";
import { importSource } from "../lib/source.mjs";

const file = readFileSync(join(repository, "models/reglu-tiny/reglu-tiny.gguf"));
const sha256 = createHash("sha256").update(file).digest("hex");

describe("the store of downloads", () => {
  const fixture = useDownloads(file);
  const { kept, load } = fixture;

  test("no load finds what another one downloaded with other headers", async () => {
    const { url, script } = fixture.server.serve([]);
    const all = [
      undefined,
      { a: "1", b: "2" },
      { a: "2", b: "1" },
      { a: "1" },
      { a: "1, 2" },
      { ab: "1" },
      { "a-b": "1" },
      { a: "1", "a-b": "2" },
      { authorization: "Bearer alice" },
      { authorization: "bearer alice" },
      { authorization: "Bearer alic" },
      { cookie: "Bearer alice" },
    ];
    for (const headers of all) await load(url, { headers });
    assert.equal(script.requests, all.length, "each makes a request");
    for (const headers of all) {
      const entries = Object.entries(headers ?? {}).map(([name, value]) => [name.toUpperCase(), value]);
      await load(url, { headers: headers && Object.fromEntries(entries.reverse()) });
    }
    assert.equal(script.requests, all.length, "and none again");
    assert.equal(statSync(join(fixture.folder, "camelgpt/downloads/secret")).size, 32);
    // Names of files do not let tokens be guessed: with another secret the same headers have another name.
    rmSync(join(fixture.folder, "camelgpt/downloads/secret"));
    await load(url, { headers: all.at(-1) });
    assert.equal(script.requests, all.length + 1);
    await CamelGPTInference.deleteCached();
    assert.deepEqual(kept(), []);
  });

  test("loads with headers that start together use one secret", async () => {
    const { url, script } = fixture.server.serve([]);
    const headers = [1, 2, 3, 4].map((number) => ({ "x-number": `${number}` }));
    await Promise.all(headers.map((each) => load(url, { headers: each })));
    for (const each of headers) await load(url, { headers: each });
    assert.equal(script.requests, 4);
  });

  test("a copy whose content has another SHA-256 than it had is downloaded again", async () => {
    const [first, second] = [fixture.server.serve([]), fixture.server.serve([], { validator: "date" })];
    const { text } = await load(first.url, { sha256 });
    const padded = await startFaultyServer(Buffer.concat([file, Buffer.from("other")]));
    await load(padded.serve([]).url);
    await padded.close();
    // The entry names the bytes and checksums of another file, as if someone had written to the folder.
    const downloads = join(fixture.folder, "camelgpt/downloads");
    const entries = kept()
      .filter((name) => name.endsWith(".json"))
      .map((name) => [join(downloads, name), JSON.parse(readFileSync(join(downloads, name), "utf8"))]);
    const [path, pinned] = entries.find(([, { check }]) => check !== undefined);
    const [, other] = entries.find(([, { check }]) => check === undefined);
    writeFileSync(path, JSON.stringify({ ...other, url: pinned.url, check: pinned.check }));
    assert.equal((await load(first.url, { sha256 })).text, text);
    assert.equal(first.script.requests, 2);
    assert.equal((await load(first.url, { sha256 })).text, text);
    assert.equal(first.script.requests, 2);
    assert.equal(second.script.requests, 0);
  });

  test("keys tell origins, ports, schemes, paths and queries apart", async () => {
    const { keyOf } = await importSource("web/load/stores/entries.ts");
    const urls = ["https://a.invalid/m", "http://a.invalid/m", "https://a.invalid:444/m", "https://b.invalid/m"];
    const more = [
      "https://a.invalid/m?",
      "https://a.invalid/m?a",
      "https://a.invalid/M",
      "https://a.invalid/b.invalid/m",
    ];
    const keys = [...urls, ...more].map((url) => keyOf(url, { headers: {} }));
    assert.equal(new Set(await Promise.all(keys)).size, urls.length + more.length);
    assert.equal(await keyOf("https://A.invalid:443/x/../m#x", { headers: {} }), await keys[0]);
    await assert.rejects(keyOf(urls[0], { headers: { a: "b" } }), /no key for the headers/);
  });

  test("the least recently used downloads are removed above the quota, but none in use", async () => {
    const names = ["a", "b", "c", "d"];
    const urls = names.map(() => fixture.server.serve([]).url);
    const [a, b, c, d] = urls;
    const listed = async () =>
      (await CamelGPTInference.listCached())
        .map(({ url }) => names[urls.indexOf(url)])
        .sort()
        .join("");
    const cacheQuota = 2.5 * file.length;
    const pause = () => new Promise((resolve) => setTimeout(resolve, 20));
    for (const url of [a, b, a]) await load(url, { cacheQuota }).then(pause);
    await load(c, { cacheQuota });
    assert.equal(await listed(), "ac", "b was used before a");
    const held = await CamelGPTInference.load(a, { cache: true, worker: true, cacheQuota });
    await pause();
    await load(c, { cacheQuota });
    await load(d, { cacheQuota });
    assert.equal(await listed(), "ad", "a is in use");
    await load(d, { cacheQuota: 1 });
    assert.equal(await listed(), "a");
    await held.dispose();
    assert.equal(await listed(), "a", "within the quota of its own load");
    const { notes } = await load(b, { cacheQuota: file.length - 1 });
    assert.match(notes.join(), /could not be kept: it is larger than/);
    assert.equal(await listed(), "");
    await load(b, { cacheQuota: file.length });
    assert.equal(await listed(), "b");
    await load(b, { cacheQuota: 0 });
    assert.deepEqual(kept(), []);
  });

  test("another folder has its own downloads and releases, and its own modes", async () => {
    const { url, script } = fixture.server.serve([]);
    const cacheFolder = join(fixture.folder, "other/folder");
    for (const worker of [false, true]) await load(url, { cacheFolder, worker, headers: { a: "b" } });
    assert.equal(script.requests, 1);
    assert.equal(existsSync(join(fixture.folder, "camelgpt")), false);
    assert.deepEqual(await CamelGPTInference.listCached({ cacheFolder }), [{ url, bytes: file.length }]);
    if (process.platform !== "win32") {
      const paths = [
        cacheFolder,
        ...readdirSync(cacheFolder, { recursive: true }).map((name) => join(cacheFolder, name)),
      ];
      for (const path of paths) {
        const status = statSync(path);
        assert.equal(status.mode & 0o777, status.isDirectory() ? 0o700 : 0o600, path);
      }
    }
    mkdirSync(join(cacheFolder, "models"));
    copyFileSync(join(repository, "models/reglu-tiny/reglu-tiny.gguf"), join(cacheFolder, "models/mine.gguf"));
    assert.ok((await load("mine", { cacheFolder })).text.length > 0);
    const camelgpt = (...args) =>
      spawnSync(process.execPath, [join(repository, "npm/bin/camelgpt.js"), ...args], { encoding: "utf8" });
    assert.match(camelgpt("cache", "--cache-folder", cacheFolder).stdout, /3\.8 MB {2}http/);
    await CamelGPTInference.deleteCached(url, { cacheFolder });
    assert.deepEqual(readdirSync(join(cacheFolder, "downloads")), []);
    for (const options of [{ cacheFolder: "" }, { cacheFolder: 1 }, { cacheQuota: -1 }, { cacheQuota: 1.5 }])
      await rejectsWith("bad-option", load(url, options));
  });
});
