// Releases: hashes of their files, signatures of their manifests, and the commands that make and verify them.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash, generateKeyPairSync } from "node:crypto";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { CamelGPTError, CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { isFull, rejectsWith, repository } from "../lib/model.mjs";

const official = join(repository, "models/camelgpt-mini");
const names = ["camelgpt.json", "camelgpt-mini.gguf", "camelgpt-mini.epdp"];

const camelgpt = (...args) =>
  execFileSync(process.execPath, [join(repository, "npm/bin/camelgpt.js"), ...args], {
    encoding: "utf8",
    stdio: "pipe",
  });

/** A `fetch` that serves these files below any address. */
const serving = (files) => async (url) => {
  const content = files[new URL(url).pathname.slice(1)];
  return content ? new Response(content) : new Response("", { status: 404 });
};

describe("releases", () => {
  let folder;
  let key;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "camelgpt-release-"));
    key = join(folder, "key.pem");
    writeFileSync(key, generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }));
  });
  after(() => rmSync(folder, { recursive: true }));

  /** Makes a folder with copies of these files. */
  function folderWith(name, ...paths) {
    const made = join(folder, name);
    mkdirSync(made);
    for (const path of paths) copyFileSync(path, join(made, path.split("/").pop()));
    return made;
  }

  test("the official release is signed by a trusted key", async () => {
    const model = await CamelGPTInference.load(official, { worker: false });
    const { release, engine } = await model.info();
    assert.deepEqual(Object.keys(release), ["name", "version", "license", "signedBy", "trusted"]);
    assert.equal(release.name, "camelgpt-mini");
    assert.equal(release.trusted, true);
    assert.ok(!engine.notes.some((note) => /sign/.test(note)));
    await model.dispose();
    assert.match(
      camelgpt("verify", official),
      /camelgpt-mini.gguf: \d+ bytes, as published\n.*\n.*signed by [0-9a-f]{64}, which is trusted/,
    );
  });

  test("a flipped bit in any of its files is detected before the model is used", async (t) => {
    const files = Object.fromEntries(names.map((name) => [name, readFileSync(join(official, name))]));
    const codes = {};
    let state = 3;
    const random = (limit) => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) % limit;
    for (let i = 0; i < (isFull ? 1000 : 200); i++) {
      const name = names[i % 10 < 4 ? 0 : i % 10 < 9 ? 1 : 2];
      const damaged = new Uint8Array(files[name]);
      const [at, bit] = [random(damaged.length), random(8)];
      damaged[at] ^= 1 << bit;
      const error = await CamelGPTInference.load("https://release.invalid/", {
        worker: false,
        fetch: serving({ ...files, [name]: damaged }),
      }).then(
        (model) => assert.fail(`bit ${bit} of byte ${at} of ${name} was not detected: ${model}`),
        (caught) => caught,
      );
      assert.ok(error instanceof CamelGPTError, error.stack);
      codes[error.code] = (codes[error.code] ?? 0) + 1;
    }
    t.diagnostic(JSON.stringify(codes));
  });

  test("a release can be made, signed and verified, and a load reports its signer", async () => {
    const made = folderWith("reglu", join(repository, "models/reglu-tiny/reglu-tiny.gguf")); // of several pieces
    const unsigned = JSON.parse(camelgpt("release", made, "--version", "2.0.0", "--json"));
    assert.equal(unsigned.signedBy, null);
    const load = async (options) => {
      const model = await CamelGPTInference.load(made, { worker: false, ...options });
      const text = await model.generateText("The city", 4);
      const info = await model.info();
      await model.dispose();
      return { text, ...info };
    };
    const plain = await load();
    assert.ok(plain.engine.notes.some((note) => /not signed/.test(note)));
    assert.deepEqual(plain.release, {
      name: "reglu",
      version: "2.0.0",
      license: "CC-BY-SA-4.0",
      signedBy: null,
      trusted: false,
    });

    const { signedBy } = JSON.parse(camelgpt("release", made, "--version", "2.0.0", "--key", key, "--json"));
    assert.match(signedBy, /^[0-9a-f]{64}$/);
    const signed = await load();
    assert.equal(signed.text, plain.text);
    assert.equal(signed.release.trusted, false);
    assert.ok(signed.engine.notes.some((note) => note.includes(signedBy)));
    const trusted = await load({ trustedKeys: [signedBy] });
    assert.equal(trusted.release.trusted, true);
    assert.ok(!trusted.engine.notes.some((note) => /sign/.test(note)));
    await rejectsWith("bad-option", CamelGPTInference.load(made, { trustedKeys: ["me"] }));
    const verified = JSON.parse(camelgpt("verify", made, "--trust", signedBy, "--json"));
    assert.equal(verified.trusted, true);
    assert.equal(verified.note, "");

    const path = join(made, "reglu-tiny.gguf");
    const bytes = readFileSync(path);
    bytes[3_000_000] ^= 1;
    writeFileSync(path, bytes);
    const error = await rejectsWith("integrity", CamelGPTInference.load(made, { worker: false }));
    assert.match(error.expected, /piece 3/);
    await rejectsWith("integrity", CamelGPTInference.load(made)); // in the worker
    assert.throws(
      () => camelgpt("verify", made, "--trust", signedBy),
      (failed) => failed.status === 1 && /not the file of its release/.test(failed.stderr),
    );
    writeFileSync(path, bytes.subarray(0, -1));
    assert.match((await rejectsWith("integrity", CamelGPTInference.load(made))).found, /bytes/);
  });

  test("a file can be requested by its SHA-256 from any source", async () => {
    const path = join(repository, "models/reglu-tiny/reglu-tiny.gguf");
    // Bytes after the last tensor count too.
    const longer = Buffer.concat([readFileSync(path), Buffer.alloc(3_000_001, 7)]);
    const file = join(folder, "longer.gguf");
    writeFileSync(file, longer);
    const sha256 = createHash("sha256").update(longer).digest("hex");
    const changed = Uint8Array.from(longer);
    changed[changed.length - 1] ^= 1;
    const load = (source, worker, wanted) =>
      CamelGPTInference.load(source, { worker, sha256: wanted }).then((model) => model.dispose());
    for (const worker of [true, false]) {
      for (const source of [
        () => file,
        () => new Blob([longer]),
        () => longer,
        () => new Blob([longer]).stream(),
        () => `data:application/octet-stream;base64,${longer.toString("base64")}`,
      ]) {
        await load(source(), worker, sha256.toUpperCase());
        const { message, found } = await rejectsWith(
          "integrity",
          load(
            source(),
            worker,
            sha256.replace(/^./, (digit) => (digit === "0" ? "1" : "0")),
          ),
        );
        assert.match(message, /is not the file that was asked for/);
        assert.equal(found, sha256);
      }
      await rejectsWith("integrity", load(changed, worker, sha256));
    }
    await rejectsWith("bad-option", load(file, false, "abc"));
    assert.match((await rejectsWith("bad-option", load(official, false, sha256))).found, /a release/);
    assert.match((await rejectsWith("bad-option", load([path, path], false, sha256))).found, /split/);
    camelgpt("tokenize", "--model", file, "--sha256", sha256, "a");
    assert.throws(
      () => camelgpt("tokenize", "--model", file, "--sha256", "0".repeat(64), "a"),
      (failed) => /not the file that was asked for/.test(failed.stderr),
    );
  });

  test("invalid releases and keys are reported", async () => {
    const empty = folderWith("empty");
    const fails = (args, status, text) =>
      assert.throws(
        () => camelgpt(...args),
        (failed) => failed.status === status && text.test(failed.stderr),
      );
    fails(["release", empty, "--version", "1"], 1, /no model/);
    fails(["release", join(folder, "none"), "--version", "1"], 1, /cannot be read/);
    fails(["release", empty], 2, /--version/);
    fails(["verify", empty], 1, /not a release/);
    fails(["verify"], 2, /missing/);
    const model = folderWith("key", join(official, "camelgpt-mini.gguf"));
    fails(["release", model, "--version", "1", "--key", join(official, "camelgpt-mini.gguf")], 1, /no private key/);
    await rejectsWith("bad-input", CamelGPTInference.verify(join(official, "camelgpt-mini.gguf")));
  });

  test("an invalid manifest is refused", async () => {
    const files = Object.fromEntries(names.map((name) => [name, readFileSync(join(official, name))]));
    const manifest = JSON.parse(files["camelgpt.json"]);
    const load = (changed) =>
      CamelGPTInference.load("https://release.invalid/", {
        worker: false,
        fetch: serving({
          ...files,
          "camelgpt.json": JSON.stringify({ ...manifest, signature: undefined, ...changed }),
        }),
      });
    await (await load({})).dispose();
    const [sidecar, weights] = manifest.files;
    for (const changed of [
      { format: 2 },
      { format: 3 },
      { date: "2026-11-30T12:00:00Z" },
      { files: "none" },
      { files: [sidecar] },
      { files: [null, weights, null].slice(0, 1) },
      { files: [{ ...weights, sha256: "short" }] },
      { files: [{ ...weights, bytes: -1 }] },
      { files: [{ ...weights, bytes: 3e9 }] },
      { files: [{ ...weights, pieceBytes: 1 << 30 }] },
      { files: [{ ...weights, pieces: [] }] },
      { signature: {} },
      { signature: null },
      { more: 1 },
    ]) {
      const error = await rejectsWith("bad-format", load(changed));
      assert.ok(error.expected && error.found, JSON.stringify(changed));
    }
    await rejectsWith("integrity", load({ signature: manifest.signature, version: "1.0.1" }));
    await rejectsWith("integrity", load({ files: [{ ...weights, bytes: 83_329 }] }));
  });
});
