// Shared by the tests of this folder: configurations, evaluation texts and calls of the references in Python.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { flagWithoutFma, v8Flags } from "../../scripts/lib/node.mjs";
import { ensurePython } from "../../scripts/lib/python.mjs";
import { repositoryRoot, run } from "../../scripts/lib/run.mjs";
import { askProcess } from "./ask-process.mjs";
import { measure } from "./measure.mjs";

export { askProcess };

/** The flavours whose results must agree with a reference. */
export const flavours = ["simd", "relaxed"];
const threadCounts = [1, 2];

/** The configurations that run on all of a test's data. */
export const configurations = flavours.flatMap((flavour) =>
  threadCounts.map((threads) => ({
    name: threads === 1 ? flavour : `${flavour} on ${threads} threads`,
    flavour,
    threads,
  })),
);

/**
 * Configurations that run on part of the data: processors with fewer instructions, emulated by flags in child
 * processes.
 */
export const flaggedConfigurations = v8Flags.flatMap((flag) =>
  (flag === flagWithoutFma ? ["simd"] : flavours).map((flavour) => ({
    name: `${flavour} with ${flag}`,
    flavour,
    threads: 1,
    command: [process.execPath, flag],
  })),
);

/** The package's results in a configuration: see measure.mjs. */
export function measureWith({ flavour, threads, command }, request) {
  const whole = { flavour, threads, ...request };
  return command ? askProcess("measure-process.mjs", whole, { command }) : measure(whole);
}

const dataFolder = resolve(repositoryRoot, process.env.CAMELGPT_DATA ?? "../shared/data");

/**
 * `{path, skip}` of an evaluation text, which the repository does not contain; `skip` is false or says what is missing.
 */
export function evaluationData(name) {
  const path = join(dataFolder, name);
  return { path, skip: existsSync(path) ? false : `${name} is missing: set CAMELGPT_DATA to a folder that has it` };
}

/**
 * Runs a script of this folder on a model and returns the JSON that it writes to `--out`. `inputs` become files:
 * {tokens: …} is passed as `--tokens FILE`, with the value as JSON.
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

/** The share of positions with equal tokens. */
export function agreement(a, b) {
  assert.equal(a.length, b.length);
  return a.filter((token, i) => token === b[i]).length / a.length;
}

export const perplexityOf = (logprobs) =>
  Math.exp(-logprobs.reduce((sum, logprob) => sum + logprob, 0) / logprobs.length);

export const percent = (share, digits = 2) => `${(100 * share).toFixed(digits)} %`;
