// The check of dependencies: which entries of a lock file it finds.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { checkLock } from "../../scripts/check-dependencies.mjs";
import { isAllowedLicence } from "../../scripts/lib/licences.mjs";
import { repositoryRoot } from "../../scripts/lib/run.mjs";

const read = (path) => JSON.parse(readFileSync(join(repositoryRoot, path), "utf8"));
const name = "node_modules/typescript";

/** The findings after a change of the project's own files. */
function found(change) {
  const lock = read("package-lock.json");
  const manifests = { "": read("package.json"), npm: read("npm/package.json"), demo: read("demo/package.json") };
  change(lock.packages, manifests, lock);
  return checkLock(lock, manifests);
}

test("the project's own lock file is in order", () => {
  assert.deepEqual(
    found(() => {}),
    [],
  );
});

test("entries without a hash, from elsewhere, with scripts or other licences are found", () => {
  for (const [change, expected] of [
    [(packages) => delete packages[name].integrity, [`${name} has no SHA-512 (integrity)`]],
    [(packages) => (packages[name].integrity = "sha1-AAAA"), [`${name} has no SHA-512 (integrity)`]],
    [(packages) => (packages[name].resolved = "git+ssh://host/a.git"), [`${name} comes from git+ssh://host/a.git`]],
    [(packages) => (packages[name].resolved = "http://host/a.tgz"), [`${name} comes from http://host/a.tgz`]],
    [(packages) => (packages[name].resolved = "https://host/a.tgz"), []],
    [(packages) => (packages[name].hasInstallScript = true), [`${name} runs a script when it is installed`]],
    [(packages) => (packages[name].license = "GPL-3.0-only"), [`${name} has the licence GPL-3.0-only`]],
    [(packages) => delete packages[name].license, [`${name} has the licence undefined`]],
    [
      (packages) => (packages["node_modules/other"] = { resolved: "../other", link: true }),
      ["node_modules/other links to ../other"],
    ],
    [(_packages, _manifests, lock) => (lock.lockfileVersion = 2), ["lockfileVersion is 2, not 3"]],
  ]) {
    assert.deepEqual(found(change), expected);
  }
  const hosts = found((packages) => {
    packages[name].resolved = "https://one/a.tgz";
    packages["node_modules/terser"].resolved = "https://two/a.tgz";
  });
  assert.deepEqual(hosts, ["the packages come from several hosts: one, two"]);
});

test("differences between package.json and the lock file are found", () => {
  assert.deepEqual(
    found((packages) => (packages[name].version = "7.0.1")),
    [
      "npm/package.json has typescript 7.0.2, the lock file 7.0.1".replace(
        "7.0.2",
        read("npm/package.json").devDependencies.typescript,
      ),
    ],
  );
  assert.deepEqual(
    found((_packages, { npm }) => (npm.devDependencies.left = "^1.0.0")),
    [
      "npm/package.json and the lock file differ in devDependencies",
      "npm/package.json has left ^1.0.0, which is not one version",
      "npm/package.json has left ^1.0.0, the lock file undefined",
    ],
  );
  assert.deepEqual(
    found((packages) => delete packages["npm"]),
    ["the lock file has no entry for npm/package.json"],
  );
});

test("an alias is pinned by the version it names", () => {
  const packages = { "": { dependencies: { newest: "npm:@a/b@1.2.3" } } };
  const integrity = `sha512-${"A".repeat(86)}==`;
  const of = (version) => {
    packages["node_modules/newest"] = { name: "@a/b", version, integrity };
    return checkLock({ lockfileVersion: 3, packages }, { "": packages[""] }, false);
  };
  assert.deepEqual(of("1.2.3"), []);
  assert.deepEqual(of("1.2.4"), ["package.json has newest npm:@a/b@1.2.3, the lock file 1.2.4"]);
});

test("a licence is allowed if one choice is", () => {
  for (const id of ["MIT", "(MIT OR GPL-3.0-only)", "MIT AND ISC", "Apache-2.0 WITH LLVM-exception"])
    assert.ok(isAllowedLicence(id), id);
  for (const id of ["GPL-3.0-only", "MIT AND GPL-2.0-only", "UNLICENSED", "", undefined, "CC-BY-NC-4.0"])
    assert.ok(!isAllowedLicence(id), id);
});
