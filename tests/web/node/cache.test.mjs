// Stored downloads: reused without the network, verified, and never partial.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { useDownloads } from "../lib/downloads.mjs";
import { startFaultyServer } from "../lib/faulty-server.mjs";
import { rejectsWith, repository } from "../lib/model.mjs";
import { splitGguf } from "../lib/split-gguf.mjs";

const file = readFileSync(join(repository, "models/reglu-tiny/reglu-tiny.gguf")); // four pieces of the manifest's size
const sha256 = createHash("sha256").update(file).digest("hex");

describe("stored downloads", () => {
  const fixture = useDownloads(file);
  const { kept, load } = fixture;
  const keptFile = () =>
    join(
      fixture.folder,
      "camelgpt/downloads",
      kept().find((name) => name.endsWith(".bin")),
    );

  test("a second load makes no request, with and without a worker", async () => {
    const { url, script } = fixture.server.serve([]);
    const first = await load(url);
    assert.equal(script.requests, 1);
    assert.deepEqual(await load(url), first);
    assert.equal((await load(`${url}#part`, { worker: true })).text, first.text);
    assert.equal(script.requests, 1);
    assert.equal(kept().length, 2);
    assert.deepEqual(await CamelGPTInference.listCached(), [{ url, bytes: file.length }]);
    await load(url, { cache: "reload" });
    assert.equal(script.requests, 2);
    assert.equal(kept().length, 2, "one copy");
    await load(url, { cache: false });
    await load(url, { cache: undefined }); // the default for http: is not to store
    assert.equal(script.requests, 4);
    await CamelGPTInference.deleteCached(`${url}x`);
    assert.equal(kept().length, 2);
    await CamelGPTInference.deleteCached(url);
    assert.deepEqual(kept(), []);
    assert.deepEqual(await CamelGPTInference.listCached(), []);
  });

  test("an interrupted or aborted download stores nothing", async () => {
    await rejectsWith("network", load(fixture.server.serve([{ kind: "close", at: 2_000_000 }]).url));
    assert.deepEqual(kept(), []);
    const abort = new AbortController();
    const { url: stalled, script } = fixture.server.serve([{ kind: "stall", at: 3_000_000 }]);
    const cut = rejectsWith("aborted", load(stalled, { signal: abort.signal, timeout: 20_000 }));
    while (script.sent === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    // Whether or not the client has read the bytes by then.
    setTimeout(() => abort.abort(), 200);
    await cut;
    assert.deepEqual(kept(), []);
    const { url } = fixture.server.serve([]);
    await CamelGPTInference.inspect(url, { cache: true });
    assert.deepEqual(kept(), []);
  });

  test("a download that resumed after an interruption is stored whole", async () => {
    const { url, script } = fixture.server.serve([{ kind: "close", at: 2_000_000 }]);
    const { text } = await load(url, { retries: 3 });
    assert.equal(script.requests, 2);
    assert.equal((await load(url)).text, text);
    assert.equal(script.requests, 2);
  });

  test("a damaged copy is never used: the file is downloaded again, with a note", async () => {
    const { url, script } = fixture.server.serve([]);
    const { text } = await load(url);
    const damaged = readFileSync(keptFile());
    damaged[2_500_000] ^= 4;
    writeFileSync(keptFile(), damaged);
    const again = await load(url);
    assert.equal(again.text, text);
    assert.match(again.notes.join(), /model.gguf was damaged. It was downloaded again/);
    assert.equal(script.requests, 2);
    assert.deepEqual((await load(url)).notes, []);
    truncateSync(keptFile(), 1_000_000);
    assert.equal((await load(url)).text, text, "a copy of another size is ignored");
    rmSync(keptFile());
    assert.equal((await load(url)).text, text);
    const entry = join(
      fixture.folder,
      "camelgpt/downloads",
      kept().find((name) => name.endsWith(".json")),
    );
    const { file: name, ...rest } = JSON.parse(readFileSync(entry, "utf8"));
    const elsewhere = JSON.stringify({ ...rest, file: "../../../etc/passwd" });
    for (const content of [
      "",
      "{",
      "null",
      '{"format": 1}',
      "[]",
      elsewhere,
      JSON.stringify({ ...rest, file: name, pieces: [] }),
    ]) {
      writeFileSync(entry, content);
      assert.equal((await load(url)).text, text, content);
      assert.equal(kept().length, 2, `the file of a damaged entry is removed: ${content}`);
    }
    assert.equal(script.requests, 11);
    assert.deepEqual(await CamelGPTInference.listCached(), [{ url, bytes: file.length }]);
  });

  test("a copy requested without a SHA-256, or with another one, does not satisfy a request with one", async () => {
    const { url, script } = fixture.server.serve([]);
    const { text } = await load(url);
    assert.equal((await load(url, { sha256 })).text, text);
    assert.equal(script.requests, 2);
    assert.equal((await load(url, { sha256: sha256.toUpperCase(), worker: true })).text, text);
    await load(url);
    assert.equal(script.requests, 2);
    await rejectsWith("integrity", load(url, { sha256: "0".repeat(64) }));
    assert.equal(script.requests, 3);
    assert.deepEqual(kept(), [], "a wrong file is not stored");
  });

  test("a flipped bit is detected at any position", async () => {
    const { url } = fixture.server.serve([]);
    await load(url);
    const name = keptFile();
    const entryName = name.replace(/\d+-\w+-(\w+)\.bin$/, "$1.json");
    const [copy, entry] = [readFileSync(name), readFileSync(entryName)];
    for (let i = 0; i < 24; i++) {
      const damaged = Uint8Array.from(copy);
      const at = i < 4 ? damaged.length - 1 - i : (i * 7_654_321) % damaged.length;
      damaged[at] ^= 1 << (i % 8);
      writeFileSync(name, damaged);
      writeFileSync(entryName, entry);
      const { notes } = await load(url, { worker: i % 8 === 0 });
      assert.match(notes.join(), /was damaged/);
      await CamelGPTInference.deleteCached();
    }
  });

  describe("of a release", () => {
    const names = ["camelgpt.json", "camelgpt-mini.gguf", "camelgpt-mini.epdp"];
    const files = Object.fromEntries(
      names.map((name) => [`/${name}`, readFileSync(join(repository, "models/camelgpt-mini", name))]),
    );
    let http;
    let requests;
    let base;
    beforeEach(async () => {
      requests = [];
      http = createServer(({ url }, response) => {
        requests.push(url);
        const bytes = files[url];
        response.writeHead(bytes ? 200 : 404, { "content-length": bytes?.length ?? 0 }).end(bytes);
      });
      await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
      base = `http://127.0.0.1:${http.address().port}`;
    });
    const goOffline = () => {
      http.closeAllConnections();
      return new Promise((resolve) => http.close(resolve));
    };
    afterEach(goOffline);

    test("manifest, weights and sidecar load without the network", async () => {
      const { text, notes } = await load(`${base}/`);
      assert.deepEqual(requests.sort(), Object.keys(files).sort());
      assert.equal((await CamelGPTInference.listCached()).length, 3);
      requests = [];
      assert.equal((await load(`${base}/`)).text, text);
      assert.deepEqual(requests, ["/camelgpt.json"], "the manifest may have changed");
      assert.equal(kept().length, 6);
      await goOffline();
      const offline = await load(`${base}/`);
      assert.equal(offline.text, text);
      assert.match(offline.notes.join(), /manifest could not be fetched, so that of an earlier load is used/);
      assert.deepEqual(notes, []);
      assert.deepEqual(await load(`${base}/`, { worker: true }).then((again) => again.text), text);
      await rejectsWith("network", CamelGPTInference.verify(`${base}/`, { cache: true, retries: 0 }));
      await rejectsWith("network", load(`${base}/`, { cache: "reload" }));
      await rejectsWith("network", load(`${base}/`, { cache: false }));
    });

    test("any damaged copy is downloaded again, of a release and of a split model", async () => {
      const shards = splitGguf(file, 20).map((bytes, i) => [
        `/m-000${`${i + 1}`.padStart(2, "0")}-of-00020.gguf`,
        bytes,
      ]);
      Object.assign(files, Object.fromEntries(shards));
      const damage = (name) => {
        const path = join(fixture.folder, "camelgpt/downloads", name);
        const bytes = readFileSync(path);
        bytes[bytes.length >> 1] ^= 1;
        writeFileSync(path, bytes);
      };
      for (const address of [`${base}/`, base + shards[0][0]]) {
        const { text } = await load(address);
        const check = async (names) => {
          names.forEach(damage);
          requests = [];
          assert.equal((await load(address)).text, text);
          const fetched = new Set(requests);
          if (address.endsWith("/")) fetched.delete("/camelgpt.json");
          assert.equal(fetched.size, names.length, [...fetched].join());
          requests = [];
          assert.deepEqual(await load(address), { text, notes: [] });
          assert.ok(requests.length <= 1);
        };
        // In the order of the downloads: of a release without the manifest, which is fetched each time.
        const copies = () =>
          kept()
            .filter((name) => name.endsWith(".bin"))
            .slice(address.endsWith("/") ? 1 : 0);
        await check(copies());
        for (const name of copies().slice(0, 2)) await check([name]);
        await CamelGPTInference.deleteCached();
      }
    });

    test("a copy that was not compared with the manifest is not used, nor one of another release", async () => {
      await load(`${base}/camelgpt-mini.gguf`);
      requests = [];
      const { text } = await load(`${base}/`);
      assert.ok(requests.includes("/camelgpt-mini.gguf"));
      requests = [];
      assert.equal(
        (await load(`${base}/camelgpt-mini.gguf`, { sidecar: `${base}/camelgpt-mini.epdp` })).text,
        text,
        "a copy from a release serves a plain URL",
      );
      assert.deepEqual(requests, []);
      const [manifest, sidecar] = names.filter((name) => !name.endsWith(".gguf")).map((name) => `/${name}`);
      const { [manifest]: asPublished } = files;
      try {
        const { signature, ...changed } = JSON.parse(asPublished);
        assert.ok(signature);
        changed.files = changed.files.map((each) =>
          each.role === "weights" ? each : { ...each, sha256: "0".repeat(64), pieces: undefined },
        );
        files[manifest] = Buffer.from(JSON.stringify(changed));
        await rejectsWith("integrity", load(`${base}/`));
        assert.ok(requests.includes(sidecar), "the stored copy is of another release");
      } finally {
        files[manifest] = asPublished;
      }
      assert.equal((await load(`${base}/`)).text, text);
    });
  });

  test("a damaged copy of a file that has changed meanwhile is replaced by the new one", async () => {
    const { url } = fixture.server.serve([{ kind: "none" }, { kind: "change" }]);
    const { text } = await load(url);
    const damaged = readFileSync(keptFile());
    damaged[2_500_000] ^= 4;
    writeFileSync(keptFile(), damaged);
    assert.equal((await load(url)).text, text);
  });

  test("a file without a length, or with a compressed one, is kept as a whole", async () => {
    const all = [
      { length: false },
      { length: false, validator: false },
      { encoding: "gzip" },
      { encoding: "br", length: false },
      { encoding: "identity" },
      { ranges: "short", length: false },
      { ranges: "short", named: false, validator: false },
      { ranges: "short", named: false, validator: "date" },
    ];
    const isKept = async (settings, options) => {
      const { url, script } = fixture.server.serve([], settings);
      const { text } = await load(url, { connections: settings.ranges ? 4 : 1, ...options });
      const { requests } = script;
      if (!settings.ranges) assert.equal(requests, 1);
      assert.deepEqual(await load(url, options), { text, notes: [] });
      assert.equal(script.requests, requests, JSON.stringify(settings));
      const listed = await CamelGPTInference.listCached();
      assert.equal(listed.find((each) => each.url === url).bytes, file.length);
    };
    await Promise.all(all.map((settings, i) => isKept(settings, [{}, { sha256 }, { worker: true }][i % 3])));
  });

  test("a file that ends early or is followed by too much is not kept, and the latter is a note", async (t) => {
    const serve = async (bytes) => {
      const other = await startFaultyServer(bytes);
      t.after(() => other.close());
      return (length) => other.serve([], { length }).url;
    };
    const short = await serve(file.subarray(0, file.length - 50_000));
    for (const length of [true, false]) {
      await rejectsWith("truncated", load(short(length)));
      assert.deepEqual(kept(), []);
    }
    const padded = await serve(Buffer.concat([file, Buffer.alloc(300_000)]));
    await load(padded(false));
    assert.equal((await CamelGPTInference.listCached())[0].bytes, file.length + 300_000);
    await CamelGPTInference.deleteCached();
    const long = await serve(Buffer.concat([file, Buffer.alloc(3_000_000)]));
    const { notes } = await load(long(false));
    assert.match(notes.join(), /could not be kept: more than 1048576 bytes follow/);
    assert.deepEqual(kept(), []);
  });

  test("a copy that was requested with headers is found only by requests with the same ones", async () => {
    const { url, script } = fixture.server.serve([]);
    const headers = { Authorization: "Bearer one" };
    await load(url, { headers });
    await load(url, { headers: { authorization: "Bearer one" } });
    assert.equal(script.requests, 1);
    await load(url);
    await load(url, { headers: { Authorization: "Bearer two" } });
    assert.equal(script.requests, 3);
    await load(url);
    assert.equal(script.requests, 3);
    assert.equal((await CamelGPTInference.listCached()).length, 3);
    await CamelGPTInference.deleteCached(url);
    assert.deepEqual(kept(), []);
  });

  test("other users cannot read the files", { skip: process.platform === "win32" }, async () => {
    await load(fixture.server.serve([]).url);
    const downloads = join(fixture.folder, "camelgpt/downloads");
    for (const path of [downloads, ...kept().map((name) => join(downloads, name))])
      assert.equal(statSync(path).mode & 0o077, 0, path);
  });

  test("an unwritable store only causes a note", async () => {
    writeFileSync(join(fixture.folder, "camelgpt"), "a file in place of the folder");
    const { notes, text } = await load(fixture.server.serve([]).url);
    assert.ok(text.length > 0);
    assert.ok(
      notes.some((note) => /Kept downloads cannot be used/.test(note)),
      notes.join(),
    );
  });

  test("two concurrent loads store one copy", async () => {
    const { url } = fixture.server.serve([]);
    const texts = await Promise.all([load(url), load(url), load(url, { worker: true })]);
    assert.equal(new Set(texts.map(({ text }) => text)).size, 1);
    assert.equal((await load(url)).text, texts[0].text);
    assert.equal(kept().filter((name) => name.endsWith(".json")).length, 1);
  });

  test("files of a killed load are removed a day later", async () => {
    await load(fixture.server.serve([]).url);
    const [old, young] = [2 * 24 * 3600 * 1000, 1000].map((age) => `${Date.now() - age}-x-${"0".repeat(64)}.bin`);
    for (const name of [old, young, `${old}.part`])
      writeFileSync(join(fixture.folder, "camelgpt/downloads", name), "bytes");
    await load(fixture.server.serve([]).url);
    assert.deepEqual(
      kept().filter((name) => name.includes("000000")),
      [young],
    );
    assert.equal(kept().length, 5);
  });

  test("the command lists and removes stored downloads", async () => {
    const { url } = fixture.server.serve([]);
    await load(url);
    const camelgpt = (...args) =>
      spawnSync(process.execPath, [join(repository, "npm/bin/camelgpt.js"), "cache", ...args], { encoding: "utf8" });
    assert.deepEqual(JSON.parse(camelgpt("--json").stdout), { files: [{ url, bytes: file.length }] });
    assert.match(camelgpt().stdout, /3\.8 MB {2}http/);
    assert.match(camelgpt("--delete", `${url}.other`).stdout, /3\.8 MB/);
    assert.equal(camelgpt("--delete", "here").status, 2);
    assert.equal(camelgpt("--delete", url).stdout, "nothing is kept\n");
    await load(url);
    assert.deepEqual(JSON.parse(camelgpt("--clear", "--json").stdout), { files: [] });
    assert.deepEqual(kept(), []);
  });

  test("the option is validated", async () => {
    await rejectsWith("bad-option", load("http://127.0.0.1:1/x.gguf", { cache: "yes" }));
  });
});
