// Reads that fail during a load: a short run of tests/fuzz/js/inject-reads.mjs, which describes the promises.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";

import { repositoryRoot } from "../../../scripts/lib/run.mjs";

test("a read that fails in any way is a typed error, or the model answers", () => {
  const program = join(repositoryRoot, "tests/fuzz/js/inject-reads.mjs");
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, "--seconds", "2"], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  assert.match(stdout, /number_of_executed_units: [1-9]/);
});
