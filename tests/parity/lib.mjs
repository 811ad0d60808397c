// What the tests of this folder share: the texts for evaluation, and calls of the references in Python.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { ensurePython } from "../../scripts/lib/python.mjs";
import { repositoryRoot, run } from "../../scripts/lib/run.mjs";

/** The flavours whose results must not differ from a reference. */
export const flavours = ["simd", "relaxed"];

const dataFolder = resolve(repositoryRoot, process.env.CAMELGPT_DATA ?? "../shared/data");

/** `{path, skip}` of a text for evaluation, which the repository does not hold; `skip` says what is missing, or is false. */
export function evaluationData(name) {
  const path = join(dataFolder, name);
  return { path, skip: existsSync(path) ? false : `${name} is not there: set CAMELGPT_DATA to a folder that has it` };
}

/**
 * Runs a script of this folder on a model, and gives the JSON that it writes to `--out`. `inputs` become files: {tokens: …} is
 * passed as `--tokens FILE` with the value as JSON in it.
 */
export async function runReference(script, model, { inputs = {}, args = [] }) {
  const python = await ensurePython();
  const folder = mkdtempSync(join(tmpdir(), "camelgpt-parity-"));
  try {
    const files = Object.entries(inputs).flatMap(([name, value]) => {
      const file = join(folder, `${name}.json`);
      writeFileSync(file, JSON.stringify(value));
      return [`--${name}`, file];
    });
    const out = join(folder, "out.json");
    await run(python, [join(repositoryRoot, "tests/parity", script), model, ...args, ...files, "--out", out]);
    return JSON.parse(readFileSync(out, "utf8"));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export const percent = (share, digits = 2) => `${(100 * share).toFixed(digits)} %`;
