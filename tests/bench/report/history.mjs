// The history of results: one file for each machine in tests/bench/history, one line of JSON for each engine, model and
// number of threads of a recorded run.
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { repositoryRoot } from "../../../scripts/lib/run.mjs";
import { grid } from "./markdown.mjs";

export const historyFolder = join(repositoryRoot, "tests/bench/history");

/** The instruction sets by which machines with the same name of a processor differ in speed, the fastest first. */
const instructionSets = ["avx512_vnni", "avx_vnni", "avx512f", "avx2", "i8mm", "asimddp"];

/** The fastest of a processor's instruction sets that tell machines apart, or an empty text. */
export const fastestSet = ({ flags }) => instructionSets.find((name) => flags.includes(name)) ?? "";

/** A file name for a machine, such as "amd-epyc-avx2-2-cores". */
export function machineName(machine) {
  return `${machine.cpu} ${fastestSet(machine)} ${machine.cores} cores`.toLowerCase().replace(/[^a-z0-9]+/g, "-");
}

/** The lines of a report, as objects. */
export function historyOf({ date, versions, machine, engines, options }, tables) {
  const flavours = Object.fromEntries(engines.map(({ id, flavour }) => [id, flavour]));
  return tables.flatMap(({ model, threads, columns, rows }) =>
    rows.flatMap(({ engine, cells }) => {
      const medians = Object.fromEntries(
        cells.flatMap(({ median }, i) =>
          median === undefined ? [] : [[columnKey(columns[i]), Number(median.toPrecision(4))]],
        ),
      );
      if (Object.keys(medians).length === 0) return [];
      const { CamelGPT: commit, ...others } = versions;
      const line = { date, commit, machine: machineName(machine), model, threads, engine, flavour: flavours[engine] };
      return [{ ...line, rounds: options.rounds, versions: others, medians }];
    }),
  );
}

const columnKey = ({ measure, at }) => (at === undefined ? measure : `${measure} ${at}`);

/** Appends the results of a run to the file of its machine, and returns its path below the repository. */
export function recordHistory(report, tables) {
  const path = join(historyFolder, `${machineName(report.machine)}.jsonl`);
  mkdirSync(historyFolder, { recursive: true });
  const lines = historyOf(report, tables).map((line) => `${JSON.stringify(line)}\n`);
  appendFileSync(path, lines.join(""));
  return relative(repositoryRoot, path);
}

/** All lines of all machines. */
export function readHistory() {
  if (!existsSync(historyFolder)) return [];
  const files = readdirSync(historyFolder).filter((name) => name.endsWith(".jsonl"));
  return files.sort().flatMap((name) =>
    readFileSync(join(historyFolder, name), "utf8")
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line)),
  );
}

/** A table for each machine, model, number of threads and engine: a row for each run, with changes since the last. */
export function historyMarkdown(lines) {
  const groups = new Map();
  for (const line of lines) {
    const { machine, model, threads, engine } = line;
    const title = [machine, model, `${threads} thread${threads === 1 ? "" : "s"}`, engine].join(", ");
    groups.set(title, [...(groups.get(title) ?? []), line]);
  }
  return [...groups].flatMap(([title, runs]) => [`## ${title}`, "", ...tableOf(runs)]).join("\n");
}

function tableOf(runs) {
  const sorted = runs.toSorted((a, b) => a.date.localeCompare(b.date));
  const columns = [...new Set(sorted.flatMap(({ medians }) => Object.keys(medians)))];
  const rows = sorted.map(({ date, commit, medians }, i) => [
    date.slice(0, 10),
    commit,
    ...columns.map((column) => {
      const value = medians[column];
      if (value === undefined) return "–";
      const before = sorted.slice(0, i).findLast((run) => run.medians[column] !== undefined)?.medians[column];
      return before === undefined ? `${value}` : `${value} (${changeOf(before, value)})`;
    }),
  ]);
  return grid(["date", "commit", ...columns], rows);
}

function changeOf(before, value) {
  const percent = Math.round(100 * (value / before - 1));
  return `${percent < 0 ? "−" : "+"}${Math.abs(percent)} %`;
}
