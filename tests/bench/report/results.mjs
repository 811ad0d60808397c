// Results files: one JSON file for each recorded measurement, docs/results/MACHINE/NAME.json, in the form of
// docs/results/schema.json. Figures in the documentation and the plots of the demo come from them.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import Ajv2020 from "ajv/dist/2020.js";
import { Problem, repositoryRoot, say } from "../../../scripts/lib/run.mjs";
import { machineName } from "./history.mjs";

export const resultsFolder = join(repositoryRoot, "docs/results");

/** The options of every benchmark that records its results, for parseArgs. */
export const recordOptions = { record: { type: "boolean" }, name: { type: "string" } };

const significantDigits = 4; // of values that are not integers
const statistics = ["median", "mean", "min", "max", "p95", "p99"];
const nameForm = /^[a-z0-9][a-z0-9.-]*$/;

/**
 * Writes a results file and returns its path below the repository.
 * @param name    of the file; a measurement with the same name on the same machine is replaced
 * @param results of the schema, without `format` and `machine.name`; rows may have any number of digits
 */
export function recordResults(name, { machine, rows, ...results }, folder = resultsFolder) {
  if (!nameForm.test(name))
    throw new Problem(`--name must consist of lower-case letters, digits, dots and hyphens, not "${name}"`);
  const { benchmark, what, date, command, versions, ...rest } = results;
  const recorded = {
    format: 1,
    benchmark,
    what,
    date,
    command,
    machine: { name: machineName(machine), ...machine },
    versions: Object.fromEntries(Object.entries(versions).filter(([, version]) => version)),
    ...rest,
    rows: rows.map(rounded),
  };
  const path = join(folder, recorded.machine.name, `${name}.json`);
  validateResults(recorded, path);
  mkdirSync(join(folder, recorded.machine.name), { recursive: true });
  writeFileSync(path, resultsText(recorded));
  return relative(repositoryRoot, path);
}

/** Records `results` if the option --record was given, with the name of --name or of the models. */
export function recordIfWanted({ record, name }, results, models = []) {
  if (!record) return;
  const path = recordResults(name ?? resultsName(results.benchmark, models), results);
  say(`bench: the results are recorded in ${path}`);
}

/** A name for the results of `benchmark` with these models, such as "epdp-smollm2-135m". */
export function resultsName(benchmark, models) {
  return [benchmark, ...models]
    .join("-")
    .toLowerCase()
    .replace(/[^a-z0-9.]+/g, "-");
}

function rounded(row) {
  const numbers = statistics.filter((key) => row[key] !== undefined);
  const short = (value) => (Number.isInteger(value) ? value : Number(value.toPrecision(significantDigits)));
  return { ...row, ...Object.fromEntries(numbers.map((key) => [key, short(row[key])])) };
}

/** One line for each row, so that a rerun changes few lines. */
function resultsText({ rows, ...head }) {
  const lines = JSON.stringify(head, null, 2).split("\n").slice(0, -1);
  const last = rows.map((row) => `    ${JSON.stringify(row)}`).join(",\n");
  return `${lines.join("\n")},\n  "rows": [\n${last}\n  ]\n}\n`;
}

let validator;

/** Throws a Problem that names `where` and the first mistake if `results` does not have the form of the schema. */
export function validateResults(results, where) {
  validator ??= new Ajv2020({ strict: true, strictRequired: false }).compile(
    JSON.parse(readFileSync(join(resultsFolder, "schema.json"), "utf8")),
  );
  if (validator(results)) return;
  const [{ instancePath, message, params }] = validator.errors;
  const extra = params.additionalProperty ? `: ${params.additionalProperty}` : "";
  throw new Problem(`${where}: ${instancePath || "the file"} ${message}${extra}`);
}

/** All results files: `MACHINE/NAME` → results. */
export function readResults(folder = resultsFolder) {
  const names = readdirSync(folder, { recursive: true }).filter((name) => /^[^/\\]+[/\\][^/\\]+\.json$/.test(name));
  return new Map(
    names.sort().map((name) => {
      const path = join(folder, name);
      const results = parse(readFileSync(path, "utf8"), path);
      validateResults(results, path);
      return [name.replaceAll("\\", "/").replace(/\.json$/, ""), results];
    }),
  );
}

function parse(text, path) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Problem(`${path}: ${error.message}`);
  }
}
