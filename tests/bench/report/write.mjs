// Writes the files of a report: results.json, results.md and plots.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { recordHistory } from "./history.mjs";
import { markdownOf } from "./markdown.mjs";
import { picturesOf } from "./pictures.mjs";
import { recordResults, resultsName } from "./results.mjs";
import { rowsOf, tablesOf } from "./summary.mjs";

const pictureOfARun = /^(prefill|decode|roofline)-.*-\d+\.svg$/;

/** Records a complete report as results and in the history of this machine. Returns the paths of both files. */
export function recordReport(report) {
  const { date, command, machine, versions, load, options } = report;
  const tables = tablesOf(report);
  const models = [...new Set(tables.map(({ model }) => model))];
  const path = recordResults(options.name ?? resultsName("bench", models), {
    benchmark: "bench",
    what: `${listed(options.measures).replace(/^./, (first) => first.toUpperCase())} of ${listed(models)}`,
    date,
    command,
    machine,
    versions: measuredVersions(versions, tables),
    load,
    settings: settingsOf(tables),
    rows: rowsOf(report, tables),
  });
  return [path, recordHistory(report, tables)];
}

/** The versions of the programs that were measured. */
function measuredVersions(versions, tables) {
  const engines = tables.flatMap(({ rows }) => rows.map(({ engine }) => engine));
  const isMeasured = (program) => program === "CamelGPT" || engines.some((id) => programsOf[program].test(id));
  return Object.fromEntries(Object.entries(versions).filter(([program]) => isMeasured(program)));
}

/** The engines that run in a program. */
const programsOf = {
  Chromium: /chromium|wllama/,
  Node: /node|native/,
  Deno: /^deno/,
  Bun: /^bun/,
  wllama: /^wllama$/,
  "newest wllama": /^wllama-newest$/,
  "node-llama-cpp": /^native$/,
};

const listed = (words) => new Intl.ListFormat("en").format(words);

/** Engine → its settings; with several models or numbers of threads they may differ. */
function settingsOf(tables) {
  const all = {};
  for (const { rows } of tables) {
    for (const { engine, settings } of rows) if (settings) (all[engine] ??= new Set()).add(settings);
  }
  return Object.fromEntries(Object.entries(all).map(([engine, texts]) => [engine, [...texts].join("; ")]));
}

/** Returns the Markdown. Deletes the plots of an earlier run in the same folder. */
export function writeReport(report, folder) {
  const tables = tablesOf(report);
  const markdown = markdownOf(report, tables);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "results.json"), JSON.stringify({ ...report, tables }, null, 2));
  writeFileSync(join(folder, "results.md"), markdown);
  for (const name of readdirSync(folder).filter((each) => pictureOfARun.test(each))) rmSync(join(folder, name));
  for (const [name, svg] of Object.entries(picturesOf(tables))) writeFileSync(join(folder, name), svg);
  return markdown;
}
