// Figures in Markdown from results files: replaces the text between marks by values of the files.
//
//   <!-- figure FILE: WORDS -->1.33<!-- end -->     one value of a row, or the ratio of two: WORDS / WORDS
//   <!-- source FILE -->AMD EPYC …<!-- end -->      machine, versions, date and command of a file
//   <!-- table FILE: COLUMN, COLUMN -->             a table; each column is the WORDS of a figure without its engine
//   …
//   <!-- end of table -->
//
// FILE is the name of a results file, with the folder of its machine if several have a file of this name. WORDS select
// the row: an engine, model, measure, setting or flavour with hyphens for spaces, a length (`at`), or `threads=2`. The
// words after "/" replace those of the same kind. Other words: `mean`, `min`, `max`, `p95`, `p99` choose the statistic,
// `range` adds minimum and maximum, `digits=1` sets the digits after the point.
import { machineLine, versionList } from "../../tests/bench/report/markdown.mjs";
import { aligned, escapePipes } from "./markdown-table.mjs";
import { Problem } from "./run.mjs";

const named = ["engine", "model", "measure", "setting", "flavour"];
const keys = [...named, "at", "threads"];
const statistics = ["median", "mean", "min", "max", "p95", "p99"];

/** Keys that tell the lines of a table apart, with the headings of their columns. */
const rowKeys = { model: "model", threads: "threads", setting: "setting", label: "engine" };

const measureNames = {
  load: "load to first token",
  "prefill-share": "prefill, share of the roofline",
  "decode-share": "decode, share of the roofline",
  speed: "× dense",
  "best-decode": "tokens a second",
  "best-speed": "× dense",
  kl: "KL",
  macs: "multiply-adds",
  sentences: "sentences a second",
  sent: "bytes sent",
};

/** Words before the length of a measure. */
const lengthWords = { prefill: "of", decode: "after", answer: "in steps:" };

const marks =
  /<!-- (figure|source) ([^>]+?) -->([\s\S]*?)<!-- end -->|<!-- (table) ([^>]+?) -->\n([\s\S]*?)<!-- end of table -->/g;
const anyMark = /<!-- (?:figure|source|table) /g;

/**
 * The text with all figures made from the results.
 * @param results `MACHINE/NAME` → results, see readResults
 * @param path    of the text, for messages
 */
export function withFigures(text, results, path) {
  // Code shows marks literally.
  const parts = text.split(/(^```[\s\S]*?^```|`[^`\n]*<!--[^`\n]*`)/m);
  return parts.map((part, i) => (i % 2 === 1 ? part : figuresIn(part, results, path))).join("");
}

function figuresIn(text, results, path) {
  let count = 0;
  const made = text.replace(marks, (whole, kind = "table", inline, _, __, block) => {
    count++;
    const spec = inline ?? block;
    const [start] = whole.split("-->", 1);
    try {
      if (kind === "table") return `${start}-->\n\n${tableOf(spec, results)}\n<!-- end of table -->`;
      const value = kind === "source" ? sourceOf(fileOf(spec, results)) : figureOf(spec, results);
      return `${start}-->${value}<!-- end -->`;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      throw new Problem(`${path}: ${kind} ${spec}: ${error.message}`);
    }
  });
  const expected = text.match(anyMark)?.length ?? 0;
  if (count !== expected) throw new Problem(`${path}: ${expected} figures begin, and ${count} have an end`);
  return made;
}

/** The results file with a name, with or without the folder of its machine. */
export function fileOf(name, results) {
  const found = [...results].filter(([place]) => place === name || place.endsWith(`/${name}`));
  if (found.length === 1) return found[0][1];
  const known = found.length > 1 ? found : [...results];
  const problem = found.length > 1 ? "several files have this name" : `there is no results file "${name}"`;
  throw new Problem(`${problem}; known files: ${known.map(([place]) => place).join(", ")}`);
}

function figureOf(spec, results) {
  const [name, words] = partsOf(spec);
  return valueText(words, fileOf(name, results).rows);
}

function partsOf(spec) {
  const at = spec.indexOf(": ");
  if (at < 0) throw new Problem('expected "FILE: WORDS"');
  return [spec.slice(0, at), spec.slice(at + 2)];
}

/**
 * The value that `words` select among `candidates`, as text. The base of a ratio may be any of the rows.
 * @param hasRange whether minimum and maximum follow a value for which `words` name no statistic
 */
function valueText(words, rows, candidates = rows, hasRange = false) {
  const [of, over] = words.split(" / ");
  const { wanted, statistic, range, digits } = parseWords(of, rows);
  const row = oneOf(candidates, wanted, of);
  if (!over) return textOf(row, { statistic, range: range || (hasRange && !statistic), digits });
  const base = oneOf(basesOf(rows, row, over), [], over);
  const ratio = numberOf(row, statistic) / numberOf(base, statistic);
  return base === row ? "1" : ratio.toFixed(digits ?? (ratio < 10 ? 2 : 1));
}

/** The rows that `row` can be compared with: those with other values where `words` say so. */
function basesOf(rows, row, words) {
  const { wanted } = parseWords(words, rows);
  const changed = new Set(wanted.flatMap(({ key }) => key));
  // An engine of another kind has another flavour or none.
  if (changed.has("engine")) changed.add("flavour");
  const isAlike = (each) => keys.every((key) => changed.has(key) || each[key] === row[key]);
  return rows.filter((each) => isAlike(each) && matches(each, wanted));
}

function oneOf(rows, wanted, words) {
  const found = rows.filter((row) => matches(row, wanted));
  if (found.length === 1) return found[0];
  if (found.length === 0) throw new Problem(`no row has "${words}"`);
  const different = keys.filter((key) => new Set(found.map((row) => row[key])).size > 1);
  const values = different.map((key) => `${key} (${[...new Set(found.map((row) => row[key]))].join(", ")})`);
  throw new Problem(`${found.length} rows have "${words}"; they differ in ${values.join(" and ")}`);
}

const hyphened = (value) => String(value).replaceAll(" ", "-");
const matches = (row, wanted) => wanted.every(({ key, value }) => hyphened(row[key]) === value);

/** `{wanted: [{key, value}], statistic, range, digits}` */
function parseWords(text, rows) {
  const parsed = { wanted: [], statistic: undefined, range: false, digits: undefined };
  for (const word of text.trim().split(/\s+/)) {
    const [, name, value] = /^(\w+)=(.+)$/.exec(word) ?? [];
    if (word === "range") parsed.range = true;
    else if (statistics.includes(word)) parsed.statistic = word;
    else if (name === "digits") parsed.digits = Number(value);
    else if (keys.includes(name)) parsed.wanted.push({ key: name, value });
    else if (/^\d+$/.test(word)) parsed.wanted.push({ key: "at", value: word });
    else parsed.wanted.push({ key: keyWith(word, rows), value: word });
  }
  return parsed;
}

function keyWith(word, rows) {
  const key = named.find((each) => rows.some((row) => hyphened(row[each]) === word));
  if (!key) throw new Problem(`no row has "${word}"`);
  return key;
}

function numberOf(row, statistic) {
  const value = statistic ? row[statistic] : (row.median ?? row.mean);
  if (value === undefined) throw new Problem(`the row of ${row.engine}, ${row.measure} has no ${statistic}`);
  return value;
}

function textOf(row, { statistic, range, digits }) {
  const show = (value) => shown(value, row.unit, digits);
  const value = show(numberOf(row, statistic));
  const hasRange = range && row.min !== undefined && row.count > 1;
  const short = (each) => show(each).replace(/ (?:[KM]B|%)$/, "");
  return hasRange ? `${value} (${short(row.min)}–${short(row.max)})` : value;
}

const grouped = (value, digits) =>
  value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });

const shortest = (value, maximumFractionDigits) => value.toLocaleString("en", { maximumFractionDigits });

/** A number with its unit, unless the unit is that of a rate or time, which the text names. */
function shown(value, unit, digits) {
  if (unit === "bytes" && value < 1e6) return `${grouped(value / 1e3, digits ?? (value < 1e5 ? 1 : 0))} KB`;
  if (unit === "bytes") return `${grouped(value / 1e6, digits ?? (value < 10e6 ? 1 : 0))} MB`;
  if (unit === "share") return `${digits === undefined ? shortest(100 * value, 1) : (100 * value).toFixed(digits)} %`;
  if (digits !== undefined) return grouped(value, digits);
  if (unit === "s") return grouped(value, 2);
  if (unit === "ratio") return grouped(value, 3);
  if (unit === "nats") return shortest(value, 4);
  if (unit === "count") return grouped(value, 0);
  if (unit === "ms" || unit === "us") return value.toLocaleString("en", { maximumSignificantDigits: 3 });
  return grouped(value, 1);
}

function sourceOf({ machine, versions, date, command, load, note }) {
  const parts = [
    machineLine(machine).replace(/\.$/, ""),
    versionList(versions),
    `${date.slice(0, 10)}${load ? `, load average ${load.map((value) => value.toFixed(1)).join(" to ")}` : ""}`,
    `\`${command}\``,
  ];
  return `${parts.join("; ")}.${note ? ` ${note}` : ""}`;
}

/** A table with a line for each model, number of threads, setting and engine that has one of the measures. */
function tableOf(spec, results) {
  const [name, list] = partsOf(spec);
  const { rows } = fileOf(name, results);
  const columns = list.split(",").map((words) => words.trim());
  const measures = columns.map((words) => selectorOf(words, rows).measure);
  const groups = new Map();
  for (const row of rows.filter(({ measure }) => measures.includes(measure)))
    groups.set(lineKey(row), [...(groups.get(lineKey(row)) ?? []), row]);
  const lines = [...groups.values()];
  const isVarying = (key) => new Set(lines.map(([row]) => row[key])).size > 1;
  const varying = Object.keys(rowKeys).filter(isVarying);
  const labels = varying.length > 0 ? varying : ["label"];
  return aligned([
    [...labels.map((key) => rowKeys[key]), ...columns.map((words) => headingOf(words, rows))],
    ...lines.map((line) => [
      ...labels.map((key) => labelOf(line[0][key] ?? line[0].engine)),
      ...columns.map((words) => cellOf(words, rows, line)),
    ]),
  ]);
}

const lineKey = (row) => JSON.stringify(["model", "engine", "threads", "setting"].map((key) => row[key]));
const labelOf = (value) => (String(value).startsWith("{") ? `\`${escapePipes(value)}\`` : escapePipes(String(value)));

/** The words of a column that select rows, by key. */
function selectorOf(words, rows) {
  const { wanted } = parseWords(words.split(" / ")[0], rows);
  return Object.fromEntries(wanted.map(({ key, value }) => [key, value]));
}

/** A value of one line of a table, or a dash if it was not measured. */
function cellOf(words, rows, line) {
  const [of, over] = words.split(" / ");
  const { wanted } = parseWords(of, rows);
  const row = line.find((each) => matches(each, wanted));
  const isMeasured = row && (!over || basesOf(rows, row, over).length > 0);
  return isMeasured ? valueText(words, rows, line, true) : "–";
}

function headingOf(words, rows) {
  const [of, over] = words.split(" / ");
  if (over) {
    const [{ key, value }] = parseWords(over, rows).wanted;
    const { label = value } = rows.find((row) => hyphened(row[key]) === value);
    return `× ${{ engine: label, threads: value === "1" ? "one thread" : `${value} threads` }[key] ?? value}`;
  }
  const { measure, at } = selectorOf(of, rows);
  const { statistic } = parseWords(of, rows);
  const text = measureNames[measure] ?? measure.replaceAll("-", " ");
  const length = at === undefined ? "" : ` ${lengthWords[measure] ?? ""} ${Number(at).toLocaleString("en")}`;
  return `${text}${length.replace("  ", " ")}${statistic ? `, ${statistic}` : ""}`;
}
