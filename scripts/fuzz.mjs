// Runs the harnesses of tests/fuzz/: fuzz_*.cpp under libFuzzer, js/fuzz-*.mjs in Node, and the two programs that let
// each allocation and each read fail. Failing inputs go to build/fuzz/found/. Seeds come from
// tests/fuzz/seeds/<harness>/; the corpus accumulates in build/fuzz/corpus/.
//   node scripts/fuzz.mjs [--minutes N | --seconds N] [harness…]
// `--minutes` is the time of all harnesses together, `--seconds` that of each; 60 seconds by default. Harnesses in
// JavaScript run with `--minutes` or by name: they need a built package.
import { existsSync, readdirSync, rmSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { makeModels } from "../tests/architectures/make-models.mjs";
import { rows } from "../tests/architectures/rows.mjs";
import { buildNative } from "./lib/cmake.mjs";
import { captureLater, isMain, Problem, repositoryRoot, runMain, runSideBySide, say } from "./lib/run.mjs";
import { ensureToolchain } from "./setup.mjs";

const sources = join(repositoryRoot, "tests/fuzz");
/** Also lets each allocation and read of the core fail. Without an input, so it has no corpus. */
const injectNative = "inject_failures";

const listNames = (folder, pattern) =>
  existsSync(folder) ? readdirSync(folder).filter((name) => pattern.test(name)) : [];
const nativeHarnesses = () => [
  ...listNames(sources, /^fuzz_.*\.cpp$/).map((name) => basename(name, ".cpp")),
  ...(process.platform === "darwin" ? [] : [injectNative]), // see CMakeLists.txt
];
/** Those of js/, and folders with a program of their own, which takes `--minutes`. */
const scriptHarnesses = () => [
  ...listNames(join(sources, "js"), /^(fuzz|inject)-.*\.mjs$/).map((name) => basename(name, ".mjs")),
  ...listNames(sources, /^\w+$/).filter((name) => existsSync(join(sources, name, "run.mjs"))),
];

/**
 * Runs each harness, or only `names`, for `seconds`, or all in `minutes`. Fails if one finds something, or if there are
 * none.
 */
export async function fuzz({ seconds = 60, minutes, names = [] } = {}) {
  const isChosen = (name) => names.length === 0 || names.includes(name);
  const native = nativeHarnesses().filter(isChosen);
  const scripts = minutes === undefined && names.length === 0 ? [] : scriptHarnesses().filter(isChosen);
  const known = [...nativeHarnesses(), ...scriptHarnesses()];
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new Problem(`unknown harness ${unknown.join(", ")}; known: ${known.join(", ")}`);
  if (native.length + scripts.length === 0) throw new Problem("tests/fuzz has no harness");
  if (scripts.length > 0 && !existsSync(join(repositoryRoot, "npm/dist/node.js"))) {
    throw new Problem("the package is not built: run npm run build first");
  }
  const folder = await buildNative("fuzz", "fuzzers");
  const models = join(folder, "models");
  rmSync(models, { recursive: true, force: true });
  makeModels(
    models,
    rows.filter(({ encoder }) => !encoder),
  );
  const harnesses = [...native, ...scripts];
  const each =
    minutes === undefined ? seconds : Math.max(1, (minutes * 60 * availableParallelism()) / harnesses.length);
  const results = [];
  const job = (name) => async () => results.push(await runHarness({ name, folder, seconds: each, models }));
  await runSideBySide(harnesses.map(job));
  results.sort((a, b) => harnesses.indexOf(a.name) - harnesses.indexOf(b.name));
  printTable(results);
  const broken = results.filter(({ ok }) => !ok).map(({ name }) => name);
  if (broken.length > 0)
    throw new Problem(`fuzzing found failures in ${broken.join(", ")}; the inputs are in build/fuzz/found/`);
}

/** Executes one harness. Returns its name, the numbers of executions and edges, and whether it found nothing. */
async function runHarness({ name, folder, seconds, models }) {
  const corpus = join(folder, "corpus", name);
  const found = join(folder, "found");
  for (const path of [corpus, found]) await mkdir(path, { recursive: true });
  const { ok, output } = await captureLater(...commandOf({ name, folder, seconds, corpus, found }), {
    env: { CAMELGPT_FUZZ_MODELS: models },
  });
  const executions =
    /number_of_executed_units:\s*(\d+(?: of \d+)?)/.exec(output)?.[1] ?? /(\d+) \w+ from seed/.exec(output)?.[1] ?? "0";
  const edges = [...output.matchAll(/\bcov: (\d+)/g)].at(-1)?.[1] ?? "-";
  if (!ok) say(output.split("\n").slice(-60).join("\n"));
  return { name, executions, edges, ok };
}

/** `[program, arguments]`. */
function commandOf({ name, folder, seconds, corpus, found }) {
  if (name === injectNative) return [join(folder, name), ["--seconds", String(seconds)]];
  const program = join(sources, name, "run.mjs");
  if (existsSync(program)) return [process.execPath, [program, "--minutes", String(seconds / 60)]];
  if (!name.includes("_")) {
    const options = ["--seconds", String(seconds), "--corpus", corpus, "--found", found];
    return [process.execPath, [join(sources, "js", `${name}.mjs`), ...options]];
  }
  const seeds = join(sources, "seeds", name);
  const dictionary = join(sources, `${name}.dict`);
  const options = [
    `-max_total_time=${Math.ceil(seconds)}`,
    "-timeout=10",
    "-rss_limit_mb=2048",
    "-len_control=20", // inputs are lists of changes, which are not better if they are short
    "-print_final_stats=1",
    `-artifact_prefix=${found}/${name}-`,
    ...(existsSync(dictionary) ? [`-dict=${dictionary}`] : []),
  ];
  return [join(folder, name), [...options, corpus, ...(existsSync(seeds) ? [seeds] : [])]];
}

/** Edges are those of the core; harnesses in JavaScript count different outcomes. */
function printTable(results) {
  const table = [["harness", "executions", "edges", "findings"]];
  for (const { name, executions, edges, ok } of results) table.push([name, executions, edges, ok ? "none" : "FAILED"]);
  const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
  for (const row of table)
    say(
      row
        .map((cell, i) => cell.padEnd(widths[i]))
        .join("  ")
        .trimEnd(),
    );
}

if (isMain(import.meta.url)) {
  await runMain(async () => {
    const { values, positionals } = parseArgs({
      options: { seconds: { type: "string", default: "60" }, minutes: { type: "string" } },
      allowPositionals: true,
    });
    const seconds = Number(values.seconds);
    const minutes = values.minutes === undefined ? undefined : Number(values.minutes);
    if (!(seconds > 0) || (minutes !== undefined && !(minutes > 0)))
      throw new Problem("usage: node scripts/fuzz.mjs [--minutes N | --seconds N] [harness…]");
    await ensureToolchain();
    await fuzz({ seconds, minutes, names: positionals });
  });
}
