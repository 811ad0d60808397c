// Writes the figures of all Markdown files, and the plots of docs/images, from the results files of docs/results. With
// --check, which `npm test` uses, it changes nothing and fails if a figure differs. docs/benchmarks.md describes the
// marks.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { readResults } from "../tests/bench/report/results.mjs";
import { formatFiles } from "./format.mjs";
import { figurePlots } from "./lib/figure-plots.mjs";
import { withFigures } from "./lib/figures.mjs";
import { isMain, listSources, Problem, repositoryRoot, runMain, say } from "./lib/run.mjs";

/** All Markdown files with their figures, and all plots: `[{path, committed, made}]`. */
function files() {
  const results = readResults();
  const texts = listSources("*.md").map((path) => {
    const committed = readFileSync(join(repositoryRoot, path), "utf8");
    return { path, committed, made: withFigures(committed, results, path) };
  });
  const plots = Object.entries(figurePlots(results)).map(([path, made]) => {
    const full = join(repositoryRoot, path);
    return { path, committed: existsSync(full) ? readFileSync(full, "utf8") : "", made };
  });
  return [...texts, ...plots];
}

/** Without the padding of tables, which is Biome's. */
const unpadded = (text) => text.replace(/ {2,}/g, " ").replace(/-{4,}/g, "---");

/** Throws a Problem that names each line whose figures differ from the results files. */
export function expectCurrentFigures() {
  const different = files().flatMap(({ path, committed, made }) => {
    const [old, current] = [committed, made].map((text) => unpadded(text).split("\n"));
    const at = current.findIndex((line, i) => line !== old[i]);
    return at < 0 && old.length === current.length ? [] : [`${path}:${at + 1}`];
  });
  if (different.length > 0)
    throw new Problem(`figures differ from docs/results in ${different.join(", ")}: run node scripts/figures.mjs`);
}

if (isMain(import.meta.url)) {
  await runMain(async ([option]) => {
    if (option === "--check") return expectCurrentFigures();
    const changed = files().filter(({ committed, made }) => unpadded(made) !== unpadded(committed));
    for (const { path, made } of changed) {
      mkdirSync(dirname(join(repositoryRoot, path)), { recursive: true });
      writeFileSync(join(repositoryRoot, path), made);
    }
    const texts = changed.map(({ path }) => path).filter((path) => path.endsWith(".md"));
    if (texts.length > 0) await formatFiles(texts);
    say(`figures: ${changed.length} files changed`);
  });
}
