// Required signatures: no release loads that was changed, renamed, replaced by an older one, or signed by an unknown
// key. Pinned models: only files that the release or the caller names are opened.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, promises, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";

import { CamelGPTError, CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { rejectsWith, repository } from "../lib/model.mjs";
import { importSource } from "../lib/source.mjs";

const weightsPath = join(repository, "models/stlm-tiny/stlm-tiny.gguf"); // of two pieces
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

const camelgpt = (...args) =>
  spawnSync(process.execPath, [join(repository, "npm/bin/camelgpt.js"), ...args], { encoding: "utf8" });

function newKey() {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const hex = Buffer.from(publicKey.export({ format: "jwk" }).x, "base64url").toString("hex");
  return { privateKey, hex, pem: privateKey.export({ type: "pkcs8", format: "pem" }) };
}

const keyId = ({ hex }) => sha256(Buffer.from(hex, "hex")).slice(0, 16);

/** Signs a manifest as docs/formats.md says. `prefix`: the line that says what the signature is for. */
function signed({ signature, ...manifest }, key, prefix = "camelgpt release manifest, format 2\n") {
  const value = sign(null, Buffer.from(prefix + JSON.stringify(manifest)), key.privateKey).toString("hex");
  return { ...manifest, signature: { keyId: keyId(key), publicKey: key.hex, value } };
}

let folder, release, files, manifest;
const publisher = newKey();
const stranger = newKey();
/** The options of a careful caller. */
const demands = { trustedKeys: [publisher.hex], expect: { name: "model", minVersion: "2.0.0" } };

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "camelgpt-trust-"));
  release = join(folder, "model");
  mkdirSync(release);
  cpSync(weightsPath, join(release, "model.gguf"));
  const model = await CamelGPTInference.load(weightsPath, { worker: false, epdp: "balanced" });
  writeFileSync(join(release, "model.epdp"), (await model.calibrate({ ffn: 0.5 })).sidecar);
  await model.dispose();
  writeFileSync(join(folder, "key.pem"), publisher.pem);
  const made = camelgpt("release", release, "--version", "2.0.0", "--license", "MIT", "--key", join(folder, "key.pem"));
  assert.equal(made.status, 0, made.stderr);
  files = Object.fromEntries(readdirSync(release).map((name) => [name, readFileSync(join(release, name))]));
  manifest = JSON.parse(files["camelgpt.json"]);
});
after(() => rmSync(folder, { recursive: true }));

const load = (source, options) => CamelGPTInference.load(source, { worker: false, ...options });
const entry = (role) => manifest.files.find((file) => file.role === role);
const changedFile = (role, change) => ({
  ...manifest,
  files: manifest.files.map((file) => (file.role === role ? { ...file, ...change } : file)),
});

function flipped(name, at) {
  const bytes = Uint8Array.from(files[name]);
  bytes[at < 0 ? bytes.length + at : at] ^= 1;
  return { [name]: bytes };
}

const withManifest = (changed) => ({ "camelgpt.json": JSON.stringify(changed) });
const withWeights = (weights) => ({ "model.gguf": weights });
const swappedPieces = ([first, second]) => [second, first];

/** Each returns the files that differ from those of the release; undefined: the file is missing. */
const tamperings = {
  "a byte of the first piece": () => flipped("model.gguf", 1_000),
  "a byte of the last piece": () => flipped("model.gguf", -1_000),
  "weights that are cut off": () => withWeights(files["model.gguf"].subarray(0, -1)),
  "weights with bytes after them": () => withWeights(Buffer.concat([files["model.gguf"], Buffer.alloc(32)])),
  "weights of another model": () =>
    withWeights(readFileSync(join(repository, "models/camelgpt-mini/camelgpt-mini.gguf"))),
  "no weights": () => ({ "model.gguf": undefined }),
  "a byte of the sidecar": () => flipped("model.epdp", 20),
  "no sidecar": () => ({ "model.epdp": undefined }),
  "a stripped signature": () => withManifest({ ...manifest, signature: undefined }),
  "a stripped signature and another version": () =>
    withManifest({ ...manifest, version: "3.0.0", signature: undefined }),
  "a misspelt signature": () => withManifest({ ...manifest, signature: undefined, Signature: manifest.signature }),
  "another version under the signature": () => withManifest({ ...manifest, version: "3.0.0" }),
  "another signature": () =>
    withManifest({ ...manifest, signature: { ...manifest.signature, value: "0".repeat(128) } }),
  "an older release of the publisher": () => withManifest(signed({ ...manifest, version: "1.9.9" }, publisher)),
  "a pre-release of the publisher": () => withManifest(signed({ ...manifest, version: "2.0.0-rc.1" }, publisher)),
  "a version that is not one": () => withManifest(signed({ ...manifest, version: "latest" }, publisher)),
  "another release of the publisher": () => withManifest(signed({ ...manifest, name: "other" }, publisher)),
  "a stranger's signature": () => withManifest(signed(manifest, stranger)),
  "a stranger's signature under the publisher's key": () => {
    const { signature } = signed(manifest, stranger);
    return withManifest({ ...manifest, signature: { ...manifest.signature, value: signature.value } });
  },
  "a stranger's signature under the publisher's key id": () => {
    const { signature } = signed(manifest, stranger);
    return withManifest({ ...manifest, signature: { ...signature, keyId: keyId(publisher) } });
  },
  "a signature that was made for something else": () => withManifest(signed(manifest, publisher, "")),
  "the publisher's signature of format 1": () => {
    const { date, ...rest } = manifest;
    const { signature, ...old } = signed({ ...rest, format: 1 }, publisher, "");
    return withManifest({ ...old, signature: { publicKey: signature.publicKey, value: signature.value } });
  },
  "two weights": () =>
    withManifest(signed({ ...manifest, files: [...manifest.files, { ...entry("weights"), path: "x" }] }, publisher)),
  "two roles for one file": () => withManifest(signed(changedFile("sidecar", { path: "model.gguf" }), publisher)),
  "an unknown role": () => withManifest(signed(changedFile("sidecar", { role: "readme" }), publisher)),
  "an unknown key of a file": () =>
    withManifest(signed(changedFile("weights", { url: "https://a.invalid" }), publisher)),
  "swapped hashes of pieces": () =>
    withManifest(signed(changedFile("weights", { pieces: swappedPieces(entry("weights").pieces) }), publisher)),
  "another SHA-256 beside right pieces": () =>
    withManifest(signed(changedFile("weights", { sha256: "0".repeat(64) }), publisher)),
  "a path out of the folder": () => withManifest(signed(changedFile("weights", { path: "../model.gguf" }), publisher)),
  "no date": () => withManifest(signed({ ...manifest, date: undefined }, publisher)),
  "no JSON": () => ({ "camelgpt.json": "{" }),
  "no manifest": () => ({ "camelgpt.json": undefined }),
};

/** A `fetch` that serves these files below any address. */
const serving = (served) => async (url) => {
  const content = served[new URL(url).pathname.slice(1)];
  return content ? new Response(content) : new Response("", { status: 404 });
};

function writtenTo(name, changed) {
  const made = join(folder, name);
  mkdirSync(made);
  for (const [path, content] of Object.entries(changed)) {
    if (content !== undefined) writeFileSync(join(made, path), content);
  }
  return made;
}

describe("a release with a required signature", () => {
  test("loads if it is the one that is demanded, from a folder and from a URL", async () => {
    for (const source of [release, "https://release.invalid/"]) {
      const options = { ...demands, ...(source !== release && { fetch: serving(files) }) };
      const model = await load(source, options);
      const { release: info, engine } = await model.info();
      assert.deepEqual([info.trusted, info.signedBy, engine.notes], [true, publisher.hex, []]);
      await model.dispose();
      const { files: verified } = await CamelGPTInference.verify(source, options);
      assert.deepEqual(verified.map(({ path }) => path).sort(), ["model.blocks", "model.epdp", "model.gguf"]);
    }
    await (await load(release, { worker: true, ...demands })).dispose();
    const flags = ["--trust", publisher.hex, "--expect-name", "model", "--min-version", "2"];
    const verified = camelgpt("verify", release, ...flags);
    assert.equal(verified.status, 0, verified.stderr);
    const answer = camelgpt("tokenize", "--model", release, ...flags, "--no-worker", "a");
    assert.equal(answer.status, 0, answer.stderr);
  });

  test("does not load or verify after any tampering", async (t) => {
    const codes = {};
    let count = 0;
    for (const [what, change] of Object.entries(tamperings)) {
      const changed = { ...files, ...change() };
      const made = writtenTo(`tampered-${count++}`, changed);
      const remote = { ...demands, fetch: serving(changed), retries: 0 };
      for (const attempt of [
        () => load(made, demands),
        () => CamelGPTInference.verify(made, demands),
        () => load("https://release.invalid/", remote),
        () => CamelGPTInference.verify("https://release.invalid/", remote),
      ]) {
        const error = await attempt().then(
          () => assert.fail(`${what}: ${attempt} succeeded`),
          (thrown) => thrown,
        );
        assert.ok(error instanceof CamelGPTError, `${what}: ${error.stack}`);
        assert.match(
          error.code,
          /^(integrity|bad-format|bad-input|not-found|http-error)$/,
          `${what}: ${error.message}`,
        );
        codes[error.code] = (codes[error.code] ?? 0) + 1;
      }
    }
    t.diagnostic(`${count} tamperings: ${JSON.stringify(codes)}`);
    assert.ok(count >= 20);
  });

  test("camelgpt verify exits with 1 and says in one line what is wrong", () => {
    const cases = [
      [{ ...manifest, signature: undefined }, [], /The release is not signed\./],
      [signed(manifest, stranger), [], new RegExp(`signed by a key that is not trusted: ${stranger.hex}`)],
      [signed({ ...manifest, version: "1.10.0" }, publisher), [], /older than required.*1\.10\.0/],
      [manifest, ["--expect-name", "other"], /another name.*"other".*"model"/],
      [signed(changedFile("weights", { role: "readme" }), publisher), [], /the role "readme"/],
      [signed(changedFile("blocks", { sha256: "0".repeat(64) }), publisher), [], /model\.blocks is not the file/],
    ];
    cases.forEach(([changed, flags, message], i) => {
      const made = writtenTo(`verified-${i}`, { ...files, ...withManifest(changed) });
      const result = camelgpt("verify", made, "--trust", publisher.hex, "--min-version", "1.11", ...flags);
      assert.equal(result.status, 1, result.stderr);
      assert.match(result.stderr, message);
      assert.equal(result.stderr.trim().split("\n").length, 1);
    });
    assert.equal(camelgpt("verify", release).status, 1, "the publisher is not trusted");
    assert.equal(camelgpt("verify", release, "--trust", publisher.hex, "--min-version", "new").status, 2);
  });

  test("verify compares hashes of blocks with the weights", async () => {
    const blocks = Buffer.from(files["model.blocks"]);
    blocks[40] ^= 1;
    const other = signed(changedFile("blocks", { sha256: sha256(blocks) }), publisher);
    const made = writtenTo("blocks", { ...files, "model.blocks": blocks, ...withManifest(other) });
    const error = await rejectsWith("integrity", CamelGPTInference.verify(made, demands));
    assert.match(error.found, /block 3/);
  });

  test("trustedKeys implies requireSignature, and expect applies to unsigned releases too", async () => {
    const made = writtenTo("unsigned", { ...files, ...withManifest({ ...manifest, signature: undefined }) });
    await rejectsWith("integrity", load(made, { requireSignature: true }));
    await rejectsWith("integrity", load(made, { trustedKeys: [publisher.hex] }));
    await rejectsWith("integrity", CamelGPTInference.inspect(made, { worker: false, requireSignature: true }));
    await (await load(made, { trustedKeys: [publisher.hex], requireSignature: false })).dispose();
    await (await load(made, { expect: { name: "model", minVersion: "1.10" } })).dispose();
    await rejectsWith("integrity", load(made, { expect: { minVersion: "2.0.1" } }));
    await rejectsWith("integrity", load(made, { expect: { name: "Model" } }));
    assert.match((await CamelGPTInference.verify(made)).note, /not signed/);
    for (const expect of [1, [], { version: "1" }, { minVersion: "one" }, { minVersion: 1 }, { name: 5 }]) {
      await rejectsWith("bad-option", load(made, { expect }));
    }
    await rejectsWith("bad-option", load(made, { requireSignature: 1 }));
  });

  test("files that no manifest names are refused, whatever their source", async () => {
    const bytes = readFileSync(weightsPath);
    const fetch = serving({ "model.gguf": bytes });
    for (const [source, options] of [
      [weightsPath],
      [[weightsPath]],
      [[release]],
      [bytes],
      [new Blob([bytes])],
      [new Blob([bytes]).stream()],
      ["https://release.invalid/model.gguf", { fetch }],
      ["owner/repo/model.gguf", { fetch }],
      ["model", { releases: "https://release.invalid", fetch }],
    ]) {
      await rejectsWith("integrity", load(source, { ...demands, ...options }));
      await rejectsWith("integrity", load(source, { expect: { minVersion: "0" }, ...options }));
    }
    const pinned = { sha256: sha256(bytes), requireSignature: true };
    await rejectsWith("integrity", load(weightsPath, pinned));
  });

  test("the releases of this project are trusted, in the package too", async () => {
    for (const name of ["camelgpt-mini", "stlm-tiny"]) {
      const expect = { name, minVersion: "1" };
      const options = { requireSignature: true, expect };
      await CamelGPTInference.verify(join(repository, "models", name), options);
      await (await load(join(repository, "models", name), options)).dispose();
    }
    const model = await load("camelgpt-mini", { requireSignature: true, expect: { name: "camelgpt-mini" } });
    const { release: info } = await model.info();
    assert.deepEqual([info.version, info.trusted], ["1.0.0", true]);
    assert.equal((await model.report()).mode, "balanced", "its sidecar is used");
    await model.dispose();
    await rejectsWith("integrity", load("camelgpt-mini", { expect: { minVersion: "1.0.1" } }));
  });
});

describe("files next to a model", () => {
  const opened = [];
  const { open, readFile } = promises;
  before(() => {
    const logging =
      (original) =>
      (path, ...rest) => {
        if (String(path).startsWith(folder)) opened.push(String(path));
        return original(path, ...rest);
      };
    Object.assign(promises, { open: logging(open), readFile: logging(readFile) });
    syncBuiltinESMExports();
  });
  after(() => {
    Object.assign(promises, { open, readFile });
    syncBuiltinESMExports();
  });

  /** Returns the paths that a load opens, the mode of pruning, and the notes. */
  async function loaded(source, options) {
    opened.length = 0;
    const model = await load(source, options);
    const result = {
      opened: opened.map((path) => basename(path)).sort(),
      mode: (await model.report()).mode,
      notes: (await model.info()).engine.notes,
    };
    await model.dispose();
    return result;
  }

  test("are not opened if its bytes are pinned and they are not named", async () => {
    const { "camelgpt.json": _, ...rest } = files;
    const only = signed({ ...manifest, files: [entry("weights")] }, publisher);
    const signedOne = writtenTo("planted", { ...rest, ...withManifest(only) });
    const expected = { opened: ["camelgpt.json", "model.gguf"], mode: "off", notes: [] };
    assert.deepEqual(await loaded(signedOne, demands), expected);
    assert.deepEqual(await loaded(join(signedOne, "camelgpt.json"), demands), expected);
    const { notes, ...unsigned } = await loaded(
      writtenTo("planted-unsigned", { ...rest, ...withManifest({ ...only, signature: undefined }) }),
    );
    assert.deepEqual([unsigned, notes.length], [{ opened: expected.opened, mode: "off" }, 1]);

    const file = join(signedOne, "model.gguf");
    const pinned = { sha256: sha256(files["model.gguf"]) };
    assert.deepEqual(await loaded(file, pinned), { opened: ["model.gguf"], mode: "off", notes: [] });
    const named = await loaded(file, { ...pinned, sidecar: join(signedOne, "model.epdp") });
    assert.deepEqual(named, { opened: ["model.epdp", "model.gguf"], mode: "balanced", notes: [] });
    const listed = await loaded(release, demands);
    assert.deepEqual(listed, { opened: ["camelgpt.json", "model.epdp", "model.gguf"], mode: "balanced", notes: [] });
  });

  test("a sidecar that is found is a note with its path", async () => {
    const found = await loaded(join(release, "model.gguf"));
    assert.equal(found.mode, "balanced");
    assert.deepEqual(found.notes, [`The sidecar ${join(release, "model.epdp")} was found next to the model.`]);
    assert.equal(dirname(opened[0]), release);
    assert.deepEqual((await loaded(join(release, "model.gguf"), { epdp: "off" })).notes, []);
  });
});

test("versions are compared as Semantic Versioning orders them", async () => {
  const { compareVersions } = await importSource("web/load/releases/version.ts");
  const ascending = [
    "0",
    "0.9.9",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.0.0.1",
    "1.2",
    "1.10",
    "v2",
    "10.0.0",
    "99999999999999999999.0",
    "100000000000000000000.0",
  ];
  ascending.forEach((a, i) => {
    ascending.forEach((b, j) => {
      assert.equal(Math.sign(compareVersions(a, b)), Math.sign(i - j), `${a} and ${b}`);
    });
  });
  for (const [a, b] of [
    ["1", "1.0.0"],
    ["v1.2", "1.2.0"],
    ["1.0.0+5", "1.0.0"],
    ["01.02", "1.2"],
  ]) {
    assert.equal(compareVersions(a, b), 0, `${a} and ${b}`);
  }
  for (const text of ["", "latest", "1..2", "1.0-", "1 .0", "-1", "1.x", "1.0\n"]) {
    assert.equal(compareVersions(text, "1"), undefined, text);
    assert.equal(compareVersions("1", text), undefined, text);
  }
});

test("an official key is trusted for manifests of its time, and a revoked one for none", async () => {
  const { judgeRelease } = await importSource("web/load/releases/trust.ts");
  const [by, next] = [publisher.hex, stranger.hex];
  const made = { format: 2, name: "a", version: "1", license: "", signedHash: "h", signature: { by } };
  const keys = {
    official: [
      { publicKey: by, validFrom: "2026-06-01", validUntil: "2027-05-31" },
      { publicKey: next, validFrom: "2027-05-01", validUntil: "2028-05-31" },
    ],
    revoked: [],
    first: [],
  };
  const trust = { requireSignature: false, trustedKeys: [], expect: undefined };
  const judged = (change, known = {}, options = {}) =>
    judgeRelease({ ...made, ...change }, { ...trust, ...options }, { ...keys, ...known });
  for (const [day, signer, isTrusted] of [
    ["2026-05-31", by, false],
    ["2026-06-01", by, true],
    ["2027-05-31", by, true],
    ["2027-06-01", by, false],
    ["2027-05-15", next, true],
    ["2027-04-30", next, false],
  ]) {
    const date = `${day}T23:59:59Z`;
    const { info, note } = judged({ date, signature: { by: signer } });
    assert.deepEqual([info.trusted, note === ""], [isTrusted, isTrusted], day);
    const required = () => judged({ date, signature: { by: signer } }, {}, { requireSignature: true });
    if (isTrusted) required();
    else assert.throws(required, { code: "integrity" });
  }
  const now = { date: "2026-07-01T00:00:00Z" };
  assert.match(judged(now, { revoked: [by] }).note, /revoked/);
  assert.match(judged(now, { revoked: [by] }, { trustedKeys: [by] }).note, /revoked/);
  assert.match(judged({ ...now, format: 1, date: "" }).note, /format 1/);
  assert.equal(judged({ format: 1, date: "" }, { first: ["h"], revoked: [by] }).note, "", "an earlier release");
  assert.throws(() => judged({ ...now, signature: "unchecked" }, {}, { requireSignature: true }), {
    code: "unsupported-environment",
  });
});
