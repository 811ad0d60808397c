// The reference implementation's models and results (CAMELGPT_GOLDEN/stlm, or ../shared/golden/stlm beside the repository) go through the
// converter and the native engine: embeddings, hidden states and logits within 1e-4 of the largest.
import assert from "node:assert/strict";
import { copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

import { buildNative } from "../../scripts/lib/cmake.mjs";
import { ensurePython } from "../../scripts/lib/python.mjs";
import { repositoryRoot } from "../../scripts/lib/run.mjs";

const golden = join(process.env.CAMELGPT_GOLDEN ?? join(repositoryRoot, "../shared/golden"), "stlm");
const skip = existsSync(golden) ? false : `${golden} is not there`;

test("models of the reference implementation give its results", { skip }, async (t) => {
  const python = await ensurePython();
  const folder = mkdtempSync(join(tmpdir(), "camelgpt-stlm-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const names = readdirSync(golden)
    .filter((name) => name.endsWith(".safetensors"))
    .map((name) => basename(name, ".safetensors"));
  assert.ok(names.length > 0);
  await buildNative("native");
  for (const name of names) {
    const script = join(repositoryRoot, "models/recipes/stlm/convert.py");
    const converted = spawnSync(
      python,
      [script, join(golden, `${name}.safetensors`), "--out", join(folder, `${name}.gguf`)],
      { encoding: "utf8" },
    );
    assert.equal(converted.status, 0, converted.stderr);
    copyFileSync(join(golden, `${name}.npz`), join(folder, `${name}.npz`));
    const program = join(repositoryRoot, "build/native/unit_tests");
    const env = { ...process.env, CAMELGPT_STLM_GOLDEN: join(folder, name) };
    const compared = spawnSync(
      program,
      ["--no-colors", "--test-case=stlm gives the results of the reference implementation"],
      { env, encoding: "utf8", cwd: repositoryRoot },
    );
    for (const [, line] of compared.stdout.matchAll(/MESSAGE: (.*)/g)) t.diagnostic(`${name}: ${line}`);
    assert.equal(compared.status, 0, compared.stdout);
  }
});
