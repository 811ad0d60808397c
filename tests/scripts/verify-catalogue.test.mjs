// The catalogue of models, and the script that fills it in.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { repositoryRoot } from "../../scripts/lib/run.mjs";
import { verifyCatalogue } from "../../scripts/verify-catalogue.mjs";
import { startHub } from "../web/lib/hub.mjs";

const bytes = Buffer.from("GGUF");
const sha256 = createHash("sha256").update(bytes).digest("hex");
const commit = "c".repeat(40);
let hub;
before(async () => {
  hub = await startHub({ "o/r": { revision: commit, files: { "a.gguf": bytes, "b.gguf": Buffer.from("GGUF2") } } });
  hub.intercept = (request, response) => {
    if (!request.url.includes("/revision/main")) return false;
    response.end(JSON.stringify({ sha: commit }));
    return true;
  };
});
after(() => hub.close());

const entry = { name: "a", repository: "o/r", file: "a.gguf", verified: false };
const verify = (each, options) => verifyCatalogue([each], { hub: hub.url, ...options });

test("fills in the size, the hash and the commit that the hub tells", async () => {
  const { entries, problems } = await verify(entry);
  assert.deepEqual(problems, []);
  assert.deepEqual(entries, [{ ...entry, revision: commit, bytes: bytes.length, sha256, verified: true }]);
});

test("finds a known file by its hash, and does not replace a known hash unasked", async () => {
  assert.equal((await verify({ ...entry, file: "moved.gguf", sha256 })).entries[0].file, "a.gguf");
  const other = { ...entry, file: "b.gguf", sha256: "0".repeat(64) };
  const { entries, problems } = await verify(other);
  assert.deepEqual(entries, [other]);
  assert.match(problems[0], /--accept/);
  assert.equal((await verify(other, { accept: true })).entries[0].bytes, 5);
  assert.match((await verify({ ...entry, repository: "o/none" })).problems[0], /HTTP 401/);
});

test("the entries of the catalogue have the form that the package expects", () => {
  const entries = JSON.parse(readFileSync(join(repositoryRoot, "web/load/catalogue/models.json"), "utf8"));
  const { files } = JSON.parse(readFileSync(join(repositoryRoot, "models/camelgpt-mini/camelgpt.json"), "utf8"));
  assert.equal(new Set(entries.map(({ name }) => name)).size, entries.length);
  for (const each of entries) {
    assert.match(each.name, /^[a-z0-9][a-z0-9.-]*$/);
    for (const key of ["title", "licence", "use"]) assert.equal(typeof each[key], "string", each.name);
    assert.ok(each.parameters > 0);
    if (each.sha256 !== undefined) assert.match(each.sha256, /^[0-9a-f]{64}$/);
    if (each.repository !== undefined) {
      assert.match(each.repository, /^[\w.-]+\/[\w.-]+$/);
      assert.match(each.file, /\.gguf$/);
    }
    if (each.verified) assert.ok(each.bytes > 0 && each.sha256, each.name);
  }
  const packaged = entries.find(({ repository }) => repository === undefined);
  const { bytes, sha256 } = files.find(({ role }) => role === "weights");
  assert.deepEqual([packaged.bytes, packaged.sha256], [bytes, sha256]);
});
