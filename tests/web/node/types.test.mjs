// The declarations of the package, as a user's compiler reads them.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";

import { repositoryRoot } from "../../../scripts/lib/run.mjs";
import { typeErrors } from "../lib/type-errors.mjs";

test("the declarations compile with lib ES2022 and DOM, and a model can be declared with `await using`", () => {
  const manifest = createRequire(import.meta.url).resolve("typescript/package.json");
  assert.equal(typeErrors(join(manifest, "../bin/tsc")), "");
});

test("the adapters have the types of the packages whose shapes they have", () => {
  const manifest = createRequire(import.meta.url).resolve("typescript/package.json");
  const project = join(repositoryRoot, "tests/web/types");
  const args = [join(manifest, "../bin/tsc"), "-p", project];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  assert.equal(status, 0, `${stdout}${stderr}`);
});
