// Checks the packed package with package linters, and its declarations with an older compiler.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { ensureRuntimes } from "../../scripts/lib/peers.mjs";
import { repositoryRoot } from "../../scripts/lib/run.mjs";
import { typeErrors } from "../web/lib/type-errors.mjs";

let folder;
let tarball;
let modules;
before(async () => {
  ({ modules } = await ensureRuntimes());
  folder = mkdtempSync(join(tmpdir(), "camelgpt-package-"));
  const packed = spawnSync("npm", ["pack", "--pack-destination", folder], {
    cwd: join(repositoryRoot, "npm"),
    encoding: "utf8",
  });
  assert.equal(packed.status, 0, packed.stderr);
  tarball = join(
    folder,
    readdirSync(folder).find((name) => name.endsWith(".tgz")),
  );
});
after(() => rmSync(folder, { recursive: true, force: true }));

for (const [name, program, args] of [
  ["types resolve in every resolution mode of ES modules", "attw", ["--profile", "esm-only"]],
  ["publint reports no problem", "publint", ["--strict"]],
]) {
  test(name, () => {
    const result = spawnSync(join(modules, ".bin", program), [...args, tarball], {
      encoding: "utf8",
      env: { ...process.env, NO_COLOR: "1" },
    });
    assert.equal(result.status, 0, `${result.stdout}${result.stderr}`);
  });
}

test("the declarations compile with TypeScript 5", () => {
  assert.equal(typeErrors(join(modules, "typescript/bin/tsc")), "");
});
