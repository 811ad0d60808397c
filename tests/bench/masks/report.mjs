// The tables of the benchmark of masks, as lines of Markdown.
import { machineLine, versionList } from "../report/markdown.mjs";
import { forcedSchema } from "./schemas.mjs";

export function headOf({ date, command, machine, versions, flavour, load }) {
  return [
    "# What grammars cost",
    "",
    machineLine(machine),
    `${versionList(versions)}; ${flavour}, one thread.`,
    `${date}; \`${command}\`; load average ${load.map((value) => value.toFixed(1)).join(" to ")}.`,
    "",
  ];
}

/** One row for each result of measureMasks. */
export function maskTable(results) {
  const rows = results.map(({ model, name, vocabulary, trie, compile, first, steps }) => {
    const sorted = steps.toSorted((a, b) => a - b);
    const at = (part) => microseconds(sorted[Math.floor(part * (sorted.length - 1))]);
    return [
      model,
      vocabulary.toLocaleString("en"),
      name,
      steps.length.toLocaleString("en"),
      ...[microseconds(mean(steps)), at(0.5), at(0.99), at(1), microseconds(mean(first)), microseconds(mean(compile))],
      `${trie.ms.toFixed(0)} ms, ${(trie.bytes / 1e6).toFixed(1)} MB`,
    ];
  });
  return [
    "Masks in WebAssembly in Node, in µs:",
    "",
    ...grid(
      [
        "model",
        "tokens",
        "grammars",
        "masks",
        "mean",
        "median",
        "99th percentile",
        "maximum",
        "first mask",
        "compiling",
        "trie",
      ],
      rows,
    ),
    "",
  ];
}

/** The answers of one model: for each engine a row for each schema, and one for all but the forced schema. */
export function answerTable({ model, rows, seats }) {
  const names = [...new Set(rows.map(({ schema }) => schema))];
  const lines = seats.flatMap(({ id, label }) => {
    const summaries = new Map(names.map((name) => [name, summaryOf(rows, id, name)]));
    const usual = names.filter((name) => name !== forcedSchema.name).map((name) => summaries.get(name));
    const weighted = (value) =>
      usual.reduce((sum, each) => sum + each.tokens * value(each), 0) /
      usual.reduce((sum, { tokens }) => sum + tokens, 0);
    const all = {
      tokens: usual.reduce((sum, { tokens }) => sum + tokens, 0),
      cpu: { with: weighted(({ cpu }) => cpu.with), without: weighted(({ cpu }) => cpu.without) },
      wall: { with: weighted(({ wall }) => wall.with), without: weighted(({ wall }) => wall.without) },
    };
    return [...names.map((name) => line(label, name, summaries.get(name))), line(label, "all but the last", all)];
  });
  return [
    `## ${model}: answers by a schema and without`,
    "",
    "Processor time in ms for a token, and speed with the schema as a multiple of the speed without:",
    "",
    ...grid(
      [
        "engine",
        "schema",
        "tokens",
        "without",
        "with",
        "cost of a token, µs",
        "speed, processor time",
        "speed, wall time",
      ],
      lines,
    ),
    "",
    ...seats.map(({ label, settings }) => `- ${label}: ${settings}`),
    "",
  ];
}

function line(label, name, { tokens, cpu, wall }) {
  return [
    label,
    name,
    tokens.toFixed(0),
    cpu.without.toFixed(2),
    cpu.with.toFixed(2),
    microseconds(cpu.with - cpu.without),
    `${(cpu.without / cpu.with).toFixed(2)} ×`,
    `${(wall.without / wall.with).toFixed(2)} ×`,
  ];
}

/** Medians of the rounds. */
function summaryOf(rows, engine, schema) {
  const own = rows.filter((row) => row.engine === engine && row.schema === schema);
  const both = (key) => ({
    with: median(own.map((row) => row.with[key])),
    without: median(own.map((row) => row.without[key])),
  });
  return { tokens: own[0].tokens, cpu: both("cpuMs"), wall: both("ms") };
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}

function microseconds(ms) {
  const value = 1000 * ms;
  return Math.abs(value) < 10 ? value.toFixed(1) : value.toFixed(0);
}

const grid = (heads, rows) => [heads, heads.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
