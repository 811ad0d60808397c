// Runs every check of this project as a sequence of named and timed steps and ends with the line `N passed, N failed`.
// `--full` adds the comparisons with other engines, which need large downloads, and everything that is slow and rarely
// fails. Names select steps and their prerequisites: `npm test -- "unit tests"`.
import { copyFileSync, existsSync, linkSync, mkdirSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { buildDemo, buildPackage } from "./build.mjs";
import { buildSite } from "./build-site.mjs";
import { checkFormat } from "./format.mjs";
import { ensureModel } from "./fetch-model.mjs";
import { fuzz } from "./fuzz.mjs";
import { expectPinnedDependencies } from "./check-dependencies.mjs";
import { expectPlainEnglish } from "./check-english.mjs";
import { expectLayers } from "./check-layers.mjs";
import { buildNative, buildWithEmscripten } from "./lib/cmake.mjs";
import { runDoctest } from "./lib/doctest.mjs";
import { flagWithoutFma, nodeOfMajor, v8Flags } from "./lib/node.mjs";
import { Problem, isMain, repositoryRoot, run, runMain, say } from "./lib/run.mjs";
import { buildWasm } from "./lib/wasm.mjs";
import { ensureToolchain } from "./setup.mjs";
import { writeModels } from "../tests/batch/models.mjs";

const fuzzSeconds = 5;
const stepTimeout = 20 * 60 * 1000;

/**
 * The tests of the package that depend on the version of Node: workers, streams, fetch, files, the command line. The
 * others run in Node 24, and in Node 20 with --full.
 */
const runtimeTests = [
  "cache",
  "camelgpt-mini",
  "chat",
  "cli",
  "lifecycle",
  "network",
  "options",
  "parallel",
  "sources",
  "split",
  "streaming",
  "threads",
  "tokens",
];

// Set by main and by the steps "set-up" and "model".
let isFull = false;
let tools;
let model;

// In the order of execution. A step fails without being run if one of its `needs` failed.
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
      model = isolateModel(await ensureModel("smollm2-135m"));
    },
  },
  { name: "formatting and lint", needs: ["set-up"], run: checkFormat },
  { name: "English", run: expectPlainEnglish },
  {
    name: "figures",
    needs: ["set-up"],
    // Imported late, because it uses packages that the set-up installs.
    run: async () => (await import("./figures.mjs")).expectCurrentFigures(),
  },
  { name: "layering", run: expectLayers },
  { name: "dependencies", run: expectPinnedDependencies },
  { name: "scripts", needs: ["set-up"], run: () => runNodeTests("tests/scripts", process.execPath) },
  { name: "unit tests", needs: ["set-up"], run: () => runUnitTests("native") },
  { name: "unit tests under sanitizers", needs: ["set-up"], run: () => runUnitTests("fuzz") },
  { name: "fuzzing", needs: ["set-up"], run: () => fuzz({ seconds: fuzzSeconds }) },
  { name: "WebAssembly", needs: ["set-up"], run: () => buildWasm(tools) },
  { name: "unit tests in WebAssembly", needs: ["set-up"], run: runUnitTestsInWebAssembly },
  { name: "runs in one pass", needs: ["set-up"], run: compareRuns },
  { name: "TypeScript", needs: ["WebAssembly"], run: buildTypeScript },
  { name: "demo", needs: ["TypeScript"], run: buildDemo },
  {
    name: "package in Node 20",
    needs: ["TypeScript", "model"],
    run: async () =>
      runNodeTests("tests/web/node", await nodeOfMajor(20), {
        names: isFull ? undefined : runtimeTests,
        isConcurrent: true,
      }),
  },
  {
    name: "package in Node 24",
    needs: ["TypeScript", "model"],
    run: () => runNodeTests("tests/web/node", tools.node24, { isConcurrent: true }),
  },
  {
    name: "package in Chromium",
    needs: ["demo", "model"],
    run: () => runNodeTests("tests/web/chromium", tools.node24, { isConcurrent: true }),
  },
  { name: "documentation site", isFull: true, needs: ["TypeScript"], run: buildSite },
  {
    name: "documentation",
    isFull: true,
    needs: ["documentation site", "model"],
    run: () => runNodeTests("tests/site", tools.node24, { isConcurrent: true }),
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

/**
 * Links the model into a folder without a sidecar, which would be used and prune the model. The folder also holds the
 * sidecar that the tests share, see tests/web/lib/sidecar.mjs.
 */
function isolateModel(path) {
  const folder = join(repositoryRoot, "build/test-model");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const isolated = join(folder, basename(path));
  try {
    linkSync(path, isolated);
  } catch {
    copyFileSync(path, isolated); // another file system
  }
  return isolated;
}

async function runUnitTests(preset) {
  const tests = listTests("tests/unit", /^test_.*\.cpp$/);
  const folder = await buildNative(preset, "unit_tests");
  await runDoctest([{ command: join(folder, "unit_tests") }], { timeout: stepTimeout });
  say(`${tests.length} test files passed`);
}

async function runUnitTestsInWebAssembly() {
  const programs = [];
  for (const flavour of ["simd", "relaxed"]) {
    const folder = await buildWithEmscripten(tools, `unit_tests_${flavour}`);
    const program = join(folder, `unit_tests_${flavour}.cjs`);
    programs.push({ command: tools.node24, args: [program] });
    for (const flag of v8Flags) {
      if (flavour === "relaxed" && flag === flagWithoutFma) continue; // never loaded there: web/engine/features.ts
      programs.push({ command: tools.node24, args: [flag, program, "--source-file=*/kernels/*"] });
    }
  }
  await runDoctest(programs, { timeout: stepTimeout });
  say(`passed with both flavours; the kernels also with ${v8Flags.join(", ")}`);
}

/** Every architecture: several sequences in one forward pass get the bits that each gets alone. */
async function compareRuns() {
  const models = writeModels(join(repositoryRoot, "build/batch-models"));
  const native = join(await buildNative("native", "batch"), "batch");
  for (const threads of ["1", "2", "4"]) await run(native, [threads, ...models], { timeout: stepTimeout });
  for (const build of ["simd", "relaxed", "simd-threads", "relaxed-threads"]) {
    const program = join(await buildWithEmscripten(tools, `batch_${build}`), `batch_${build}.cjs`);
    const counts = build.endsWith("threads") ? ["1", "2", "4"] : ["1"];
    for (const threads of counts) await run(tools.node24, [program, threads, ...models], { timeout: stepTimeout });
  }
}

async function buildTypeScript() {
  await buildPackage();
  const manifest = JSON.parse(readFileSync(join(repositoryRoot, "npm/package.json"), "utf8"));
  if (manifest.scripts?.typecheck) await run("npm", ["run", "--silent", "typecheck", "--workspace", "npm"]);
}

/**
 * Runs the test files of a folder, or only those in `names`. `isConcurrent` runs one file for each processor at a time:
 * these tests wait for servers and timers, and each uses one thread most of the time.
 */
async function runNodeTests(folder, node, { names, isConcurrent = false } = {}) {
  const files = listTests(folder, /\.test\.mjs$/);
  const chosen = names ? names.map((name) => join(folder, `${name}.test.mjs`)) : files;
  const unknown = chosen.filter((file) => !files.includes(file));
  if (unknown.length > 0) throw new Problem(`missing: ${unknown.join(", ")}`);
  const env = {
    CAMELGPT_TEST_MODEL: model,
    CHROMIUM_PATH: tools?.chromium,
    ...(isFull && { CAMELGPT_TEST_FULL: "1" }),
  };
  const flags = isConcurrent ? [`--test-concurrency=${availableParallelism()}`] : [];
  await run(node, ["--test", "--test-reporter=spec", ...flags, ...chosen], { env, timeout: stepTimeout });
}

/** Fails for a folder without tests, so that a missing folder is noticed. */
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

/** The steps to run: all, or those selected by name and their prerequisites. */
function chooseSteps(names) {
  const known = steps.filter((step) => isFull || !step.isFull || names.includes(step.name));
  if (names.length === 0) return known;
  const chosen = new Set();
  const choose = (name) => {
    const step = known.find((each) => each.name === name);
    if (!step) throw new Problem(`unknown step "${name}"; known steps: ${steps.map((each) => each.name).join(", ")}`);
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
      if (missing) throw new Problem(`not run because "${missing}" failed`);
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
    isFull = values.full === true;
    await runSteps(chooseSteps(positionals));
  });
}
