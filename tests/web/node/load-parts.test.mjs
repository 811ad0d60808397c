// Parts of web/load/ that the package does not export: SHA-256, sizes, the store, the loader.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { repository } from "../lib/model.mjs";
import { importSource } from "../lib/source.mjs";

test("anything that was thrown can be described", async () => {
  const { describe: describeThrown } = await importSource("web/errors.ts");
  const failing = () => {
    throw new Error("no");
  };
  const withMessage = (descriptor) => Object.defineProperty(new Error("x"), "message", descriptor);
  assert.equal(describeThrown(new Error("gone", { cause: new Error("ECONNRESET") })), "gone (ECONNRESET)");
  assert.equal(describeThrown(undefined), "undefined");
  assert.equal(describeThrown(Symbol("gone")), "Symbol(gone)");
  assert.equal(describeThrown(withMessage({ value: Symbol("gone") })), "Symbol(gone)");
  for (const odd of [Object.create(null), { toString: failing }, withMessage({ get: failing })]) {
    assert.equal(describeThrown(odd), "an object without a text");
  }
});

describe("SHA-256", () => {
  // https://csrc.nist.gov/projects/cryptographic-standards-and-guidelines/example-values
  const vectors = [
    ["the empty message", "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
    ["24 bits", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
    [
      "448 bits",
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    ],
    [
      "896 bits",
      "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn" +
        "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
      "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1",
    ],
    ["one million a", "a".repeat(1e6), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"],
  ];
  for (const [name, message, expected] of vectors) {
    test(`of ${name} is that of FIPS 180-4`, async () => {
      const { Sha256 } = await importSource("web/load/integrity/sha256.ts");
      const bytes = new TextEncoder().encode(message);
      for (const size of [1, 55, 56, 63, 64, 65, bytes.length || 1]) {
        const hash = new Sha256();
        for (let at = 0; at < bytes.length; at += size) hash.add(bytes.subarray(at, at + size));
        assert.equal(hash.digest(), expected, `in parts of ${size} bytes`);
      }
    });
  }

  test("does not depend on the precision of Math.cbrt and Math.sqrt", async (t) => {
    const { cbrt, sqrt } = Math;
    t.after(() => Object.assign(Math, { cbrt, sqrt }));
    Object.assign(Math, { cbrt: (x) => cbrt(x) * (1 + 2 ** -40), sqrt: (x) => sqrt(x) * (1 + 2 ** -40) });
    const { Sha256 } = await importSource("web/load/integrity/sha256.ts");
    assert.equal(new Sha256().digest(), vectors[0][2]);
  });
});

test("every number of bytes in web/load/ has a name of its own", () => {
  const folder = join(repository, "web/load");
  const found = new Map();
  for (const file of readdirSync(folder, { recursive: true }).filter((name) => name.endsWith(".ts"))) {
    const names = readFileSync(join(folder, file), "utf8").matchAll(/^(?:export )?const (\w*Bytes) = [\d<]/gm);
    for (const [, name] of names) {
      assert.ok(!found.has(name), `${name} is defined in ${found.get(name)} and in ${file}`);
      found.set(name, file);
    }
  }
  assert.ok(found.size > 5);
});

/** Bytes as a source whose properties are getters and methods of a class. */
class ClassSource {
  #bytes;
  #position = 0;
  isClosed = false;
  constructor(bytes) {
    this.#bytes = bytes;
  }
  get name() {
    return "model.gguf";
  }
  get size() {
    return this.#bytes.length;
  }
  async read(target) {
    const part = this.#bytes.subarray(this.#position, this.#position + target.length);
    target.set(part);
    this.#position += part.length;
    return part.length;
  }
  async close() {
    this.isClosed = true;
  }
}

/** A store in memory. */
class MemoryStore {
  files = new Map();
  opened = [];
  async open(name) {
    if (!this.files.has(name)) return undefined;
    this.opened.push(new ClassSource(this.files.get(name)));
    return this.opened.at(-1);
  }
  async create(name) {
    return {
      write: async (bytes, at) => {
        const file = new Uint8Array(Math.max(this.files.get(name)?.length ?? 0, at + bytes.length));
        file.set(this.files.get(name) ?? []);
        file.set(bytes, at);
        this.files.set(name, file);
      },
      close: async () => {},
    };
  }
  async remove(name) {
    this.files.delete(name);
  }
  names = async () => [...this.files.keys()];
}

describe("the store", () => {
  const url = "https://example.invalid/model.gguf";
  const bytes = Uint8Array.from({ length: 2_500_000 }, (_, i) => i % 251);

  test("keeps and returns sources that are instances of classes", async () => {
    const { openCached } = await importSource("web/load/stores/cache.ts");
    const { readAll } = await importSource("web/load/sources/read-all.ts");
    const store = new MemoryStore();
    const options = { cache: "use", openStore: async () => store, warn: assert.fail };
    const download = new ClassSource(bytes);
    assert.deepEqual(await readAll(await openCached(url, options, async () => download), 1e7, "a model"), bytes);
    assert.equal(download.isClosed, true);
    const kept = await openCached(url, options, assert.fail);
    assert.equal(kept.name, "model.gguf");
    assert.equal(kept.size, bytes.length);
    assert.deepEqual(await readAll(kept, 1e7, "a model"), bytes);
    assert.ok(store.opened.every(({ isClosed }) => isClosed));
  });

  test("lists and deletes files, and verifies a release, without a model", async () => {
    let constructed = 0;
    class Counted extends CamelGPTInference {
      constructor(...args) {
        super(...args);
        constructed++;
      }
    }
    await Counted.listCached();
    await Counted.deleteCached("https://example.invalid/none.gguf");
    const { name, files } = await Counted.verify(join(repository, "models/camelgpt-mini"));
    assert.equal(name, "camelgpt-mini");
    assert.ok(files.length > 0);
    assert.equal(constructed, 0);
  });

  test("an address that is none is an option that is not valid", async () => {
    await assert.rejects(CamelGPTInference.deleteCached("none"), { code: "bad-option" });
  });
});

test("a manifest is parsed from its bytes", async () => {
  const { parseManifest } = await importSource("web/load/releases/manifest.ts");
  const bytes = readFileSync(join(repository, "models/camelgpt-mini/camelgpt.json"));
  const { weights } = await parseManifest(bytes);
  const file = readFileSync(join(repository, "models/camelgpt-mini", weights.path));
  assert.equal(weights.check.bytes, file.length);
  const first = createHash("sha256").update(file.subarray(0, weights.check.pieceBytes)).digest("hex");
  assert.equal(weights.check.pieces[0], first);
});

test("the loader asks for headers only until they are complete", async () => {
  const { loadModel } = await importSource("web/load/loader.ts");
  let fed = 0;
  let asked = 0;
  const engine = {
    fileBytes: 100,
    isWhole: true,
    get loadState() {
      return fed < 20 ? "header" : fed < 100 ? "weights" : "ready";
    },
    staging: () => new Uint8Array(10),
    setFileSize() {},
    feed: (size) => (fed += size),
    split: () => ({ files: fed < 20 ? 0 : 1, headers: fed < 20 ? 0 : 1, left: 0, data: 0, asked: ++asked }),
    metadata: () => ({ "tokenizer.ggml.fim_pre_token_id": 7 }),
    plan: () => ({}),
    allocate() {},
    wanted: () => ({ from: fed, to: 100 }),
  };
  const source = new ClassSource(new Uint8Array(100).fill(0x47)); // "GGG…"
  const { gapTokens } = await loadModel(engine, source, { memory: {} });
  assert.equal(fed, 100);
  assert.deepEqual(gapTokens, [7, undefined, undefined]);
  assert.equal(asked, 2);
  assert.equal(source.isClosed, true);
});
