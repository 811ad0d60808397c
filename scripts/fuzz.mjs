// Runs every tests/fuzz/fuzz_*.cpp under libFuzzer for a number of seconds. Failing inputs go to build/fuzz/found/.
// Seeds come from tests/fuzz/seeds/<fuzzer>/; the corpus accumulates in build/fuzz/corpus/.
import { existsSync, readdirSync, rmSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { makeModels } from "../tests/architectures/make-models.mjs";
import { rows } from "../tests/architectures/rows.mjs";
import { buildNative } from "./lib/cmake.mjs";
import { Problem, captureLater, isMain, repositoryRoot, runMain, runSideBySide, say } from "./lib/run.mjs";
import { ensureToolchain } from "./setup.mjs";

/** Runs each fuzzer, or only `names`, for `seconds`. Fails if one finds an input or if there are no fuzzers. */
export async function fuzz({ seconds = 60, names = [] } = {}) {
  const sources = join(repositoryRoot, "tests/fuzz");
  const known = existsSync(sources) ? readdirSync(sources).filter((name) => /^fuzz_.*\.cpp$/.test(name)) : [];
  const fuzzers = known
    .map((name) => name.replace(/\.cpp$/, ""))
    .filter((name) => names.length === 0 || names.includes(name));
  if (fuzzers.length === 0)
    throw new Problem(names.length > 0 ? `unknown fuzzer ${names.join(", ")}` : "tests/fuzz has no fuzz_*.cpp");
  const folder = await buildNative("fuzz");
  const models = join(folder, "models");
  rmSync(models, { recursive: true, force: true });
  makeModels(
    models,
    rows.filter(({ encoder }) => !encoder),
  );
  const broken = [];
  const job = (fuzzer) => async () => {
    if (!(await runFuzzer(fuzzer, folder, join(sources, "seeds", fuzzer), seconds, models))) broken.push(fuzzer);
  };
  await runSideBySide(fuzzers.map(job));
  if (broken.length > 0)
    throw new Problem(`fuzzing found failures in ${broken.join(", ")}; the inputs are in build/fuzz/found/`);
}

async function runFuzzer(fuzzer, folder, seeds, seconds, models) {
  const corpus = join(folder, "corpus", fuzzer);
  const found = join(folder, "found");
  for (const each of [corpus, found]) await mkdir(each, { recursive: true });
  const limits = [`-max_total_time=${seconds}`, "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"];
  const { ok, output } = await captureLater(
    join(folder, fuzzer),
    [...limits, `-artifact_prefix=${found}/${fuzzer}-`, corpus, ...(existsSync(seeds) ? [seeds] : [])],
    { env: { CAMELGPT_FUZZ_MODELS: models } },
  );
  const runs = /number_of_executed_units:\s*(\d+)/.exec(output)?.[1] ?? "0";
  const coverage = [...output.matchAll(/\bcov: (\d+)/g)].at(-1)?.[1] ?? "0";
  say(`${fuzzer}: ${runs} runs, ${coverage} edges, ${ok ? "nothing found" : "FAILED"}`);
  if (!ok) say(output.split("\n").slice(-60).join("\n"));
  return ok;
}

if (isMain(import.meta.url)) {
  await runMain(async () => {
    const { values, positionals } = parseArgs({
      options: { seconds: { type: "string", default: "60" } },
      allowPositionals: true,
    });
    const seconds = Number(values.seconds);
    if (!(seconds > 0)) throw new Problem("usage: node scripts/fuzz.mjs [--seconds N] [fuzzer…]");
    await ensureToolchain();
    await fuzz({ seconds, names: positionals });
  });
}
