// The working tree goes in, the verdict comes out: every check of this project as one step after the other, each named and
// timed, and at the end one line `N passed, N failed`. `--full` adds the comparisons with other engines, which need large
// downloads. Names after that choose steps: `npm test -- "unit tests"`.
import { copyFileSync, existsSync, linkSync, mkdirSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { buildPackage } from "./build.mjs";
import { checkFormat } from "./format.mjs";
import { ensureModel } from "./fetch-model.mjs";
import { fuzz } from "./fuzz.mjs";
import { expectLayers } from "./check-layers.mjs";
import { buildNative, buildWithEmscripten } from "./lib/cmake.mjs";
import { flagWithoutFma, nodeOfMajor, v8Flags } from "./lib/node.mjs";
import { Problem, isMain, repositoryRoot, run, runMain, say } from "./lib/run.mjs";
import { buildWasm } from "./lib/wasm.mjs";
import { ensureToolchain } from "./setup.mjs";
import { writeModels } from "../tests/batch/models.mjs";

const fuzzSeconds = 5;
const stepTimeout = 20 * 60 * 1000;

// Made by the steps "set-up" and "model".
let tools;
let model;

// In this order. A step whose `needs` failed fails without being run.
const steps = [
  {
    name: "set-up",
    run: async () => {
      tools = await ensureToolchain({ chromium: true });
    },
  },
  {
    name: "model",
    run: async () => {
      model = aloneInFolder(await ensureModel("smollm2-135m"));
    },
  },
  { name: "formatting and lint", needs: ["set-up"], run: checkFormat },
  { name: "layering", run: expectLayers },
  { name: "scripts", needs: ["set-up"], run: () => runNodeTests("tests/scripts", process.execPath) },
  { name: "unit tests", needs: ["set-up"], run: () => runUnitTests("native") },
  { name: "unit tests under sanitizers", needs: ["set-up"], run: () => runUnitTests("asan") },
  { name: "fuzzing", needs: ["set-up"], run: () => fuzz({ seconds: fuzzSeconds }) },
  { name: "WebAssembly", needs: ["set-up"], run: () => buildWasm(tools) },
  { name: "unit tests in WebAssembly", needs: ["set-up"], run: runUnitTestsInWebAssembly },
  { name: "runs in one pass", needs: ["set-up"], run: compareRuns },
  { name: "TypeScript", needs: ["WebAssembly"], run: buildTypeScript },
  {
    name: "package in Node 20",
    needs: ["TypeScript", "model"],
    run: async () => runNodeTests("tests/web/node", await nodeOfMajor(20)),
  },
  {
    name: "package in Node 24",
    needs: ["TypeScript", "model"],
    run: () => runNodeTests("tests/web/node", tools.node24),
  },
  {
    name: "package in Chromium",
    needs: ["TypeScript", "model"],
    run: () => runNodeTests("tests/web/chromium", tools.node24),
  },
  {
    name: "installed package",
    isFull: true,
    needs: ["TypeScript", "model"],
    run: () => runNodeTests("tests/runtimes", tools.node24),
  },
  {
    name: "ARM64",
    isFull: true,
    needs: ["unit tests in WebAssembly", "TypeScript", "model"],
    run: () => runNodeTests("tests/arm64", tools.node24),
  },
  {
    name: "parity",
    isFull: true,
    needs: ["TypeScript", "model"],
    run: () => runNodeTests("tests/parity", tools.node24),
  },
];

/** The model where no sidecar lies beside it, which would prune what the tests take for dense. */
function aloneInFolder(path) {
  const folder = join(repositoryRoot, "build/test-model");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const alone = join(folder, basename(path));
  try {
    linkSync(path, alone);
  } catch {
    copyFileSync(path, alone); // another file system
  }
  return alone;
}

async function runUnitTests(preset) {
  const tests = listTests("tests/unit", /^test_.*\.cpp$/);
  await buildNative(preset);
  await run("ctest", ["--preset", preset], { timeout: stepTimeout });
  say(`${tests.length} files of tests passed`);
}

async function runUnitTestsInWebAssembly() {
  for (const flavour of ["simd", "relaxed"]) {
    const folder = await buildWithEmscripten(tools, `unit_tests_${flavour}`);
    const program = join(folder, `unit_tests_${flavour}.cjs`);
    await run(tools.node24, [program, "--no-colors"], { timeout: stepTimeout });
    for (const flag of v8Flags) {
      if (flavour === "relaxed" && flag === flagWithoutFma) continue; // never loaded there: web/engine/features.ts
      say(`the kernels with ${flag}:`);
      await run(tools.node24, [flag, program, "--no-colors", "--source-file=*/kernels/*"], { timeout: stepTimeout });
    }
  }
}

/** Every architecture: several sequences in one forward pass get the bits that each gets alone. */
async function compareRuns() {
  const models = writeModels(join(repositoryRoot, "build/batch-models"));
  const native = join(await buildNative("native"), "batch");
  for (const threads of ["1", "2", "4"]) await run(native, [threads, ...models], { timeout: stepTimeout });
  for (const flavour of ["simd", "relaxed"]) {
    const program = join(await buildWithEmscripten(tools, `batch_${flavour}`), `batch_${flavour}.cjs`);
    await run(tools.node24, [program, "1", ...models], { timeout: stepTimeout });
  }
}

async function buildTypeScript() {
  await buildPackage();
  const manifest = JSON.parse(readFileSync(join(repositoryRoot, "npm/package.json"), "utf8"));
  if (manifest.scripts?.typecheck) await run("npm", ["run", "--silent", "typecheck", "--workspace", "npm"]);
}

async function runNodeTests(folder, node) {
  const files = listTests(folder, /\.test\.mjs$/);
  const env = { CAMELGPT_TEST_MODEL: model, CHROMIUM_PATH: tools?.chromium };
  await run(node, ["--test", "--test-reporter=spec", ...files], { env, timeout: stepTimeout });
}

/** A folder without tests fails: nothing passes by being absent. */
function listTests(folder, pattern) {
  const path = join(repositoryRoot, folder);
  const names = existsSync(path) ? readdirSync(path, { recursive: true }) : [];
  const files = names
    .filter((name) => pattern.test(name.split(/[\\/]/).at(-1)))
    .map((name) => join(folder, name))
    .sort();
  if (files.length === 0) throw new Problem(`${folder} has no tests`);
  return files;
}

/** Steps to run: those asked for by name, and what they need. */
function chooseSteps(names, isFull) {
  const known = steps.filter((step) => isFull || !step.isFull || names.includes(step.name));
  if (names.length === 0) return known;
  const chosen = new Set();
  const choose = (name) => {
    const step = known.find((each) => each.name === name);
    if (!step)
      throw new Problem(`no step is called "${name}"; there are: ${steps.map((each) => each.name).join(", ")}`);
    chosen.add(step);
    (step.needs ?? []).forEach(choose);
  };
  names.forEach(choose);
  return known.filter((step) => chosen.has(step));
}

async function runSteps(chosen) {
  const failed = new Map();
  const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`;
  for (const step of chosen) {
    const started = performance.now();
    say(`\n=== ${step.name}`);
    try {
      const missing = (step.needs ?? []).find((name) => failed.has(name));
      if (missing) throw new Problem(`not run, since "${missing}" failed`);
      await step.run();
      say(`--- ${step.name}: passed in ${seconds(started)}`);
    } catch (error) {
      failed.set(step.name, error);
      const text = error instanceof Problem ? error.message : error.stack;
      say(`--- ${step.name}: FAILED after ${seconds(started)}: ${text}`);
    }
  }
  say("");
  for (const [name, error] of failed) say(`failed: ${name}: ${error.message}`);
  process.stdout.write(`${chosen.length - failed.size} passed, ${failed.size} failed\n`);
  process.exitCode = failed.size > 0 ? 1 : 0;
}

if (isMain(import.meta.url)) {
  await runMain(async () => {
    const { values, positionals } = parseArgs({ options: { full: { type: "boolean" } }, allowPositionals: true });
    await runSteps(chooseSteps(positionals, values.full === true));
  });
}
