// Deno without permissions: errors that name the flag, and no question on the terminal.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";

import { ensureRuntimes } from "../../scripts/lib/peers.mjs";
import { repositoryRoot } from "../../scripts/lib/run.mjs";

const entry = pathToFileURL(join(repositoryRoot, "npm/dist/node.js")).href;
const script = `
import { CamelGPTInference } from ${JSON.stringify(entry)};
const [source, worker] = JSON.parse(process.argv.at(-1));
const outcome = await CamelGPTInference.load(source ?? undefined, { worker }).then(
  async (model) => ({ text: await model.generateText("a dog", 4) }),
  ({ name, code, message, hint }) => ({ name, code, message, hint }),
);
console.log(JSON.stringify(outcome));
process.exit();`;

let deno;
let folder;
before(async () => {
  deno = join((await ensureRuntimes()).modules, "@deno/linux-x64-glibc/deno");
  folder = mkdtempSync(join(tmpdir(), "camelgpt-deno-"));
  writeFileSync(join(folder, "main.mjs"), script);
});
after(() => rmSync(folder, { recursive: true, force: true }));

function run(flags, source, worker) {
  const args = ["run", ...flags, "main.mjs", JSON.stringify([source, worker])];
  const { status, stdout, stderr } = spawnSync(deno, args, { cwd: folder, encoding: "utf8", timeout: 60_000 });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

for (const worker of [true, false]) {
  const where = worker ? "in a worker" : "on the caller's thread";
  test(`the packaged model answers with --allow-read, ${where}`, () => {
    assert.ok(run(["--allow-read"], null, worker).text);
  });

  for (const [flag, flags, source] of [
    ["read", [], null],
    ["read", [], "./model.gguf"],
    ["read", [`--allow-read=${repositoryRoot}`], "./model.gguf"],
    ["net", ["--allow-read"], "https://models.example/model.gguf"],
    ["net", ["--allow-read"], "owner/repository/model.gguf"],
  ]) {
    test(`${source ?? "the packaged model"} with the flags [${flags}] is an error, ${where}`, () => {
      const { name, code, message, hint } = run(flags, source, worker);
      assert.equal(name, "CamelGPTError");
      assert.equal(code, "unsupported-environment", message);
      assert.ok(hint.startsWith(`Run Deno with --allow-${flag}.`), hint);
    });
  }
}
