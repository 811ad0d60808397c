// The tables of the benchmark of masks, as lines of Markdown.
import { machineLine, versionList } from "../report/markdown.mjs";
import { meanOf, medianOf, percentileOf, statisticsOf } from "../report/statistics.mjs";
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
    const at = (part) => microseconds(percentileOf(steps, part));
    return [
      model,
      vocabulary.toLocaleString("en"),
      name,
      steps.length.toLocaleString("en"),
      ...[
        microseconds(meanOf(steps)),
        at(0.5),
        at(0.99),
        at(1),
        microseconds(meanOf(first)),
        microseconds(meanOf(compile)),
      ],
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
    return [
      ...names.map((name) => line(label, name, summaries.get(name))),
      line(label, allButForced, overall(rows, id)),
    ];
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

const allButForced = "all but the last";

/** The means over the schemas, each weighted by its tokens, without the forced schema. */
function overall(rows, engine) {
  const names = new Set(rows.map(({ schema }) => schema).filter((name) => name !== forcedSchema.name));
  const usual = [...names].map((name) => summaryOf(rows, engine, name));
  const count = usual.reduce((sum, { tokens }) => sum + tokens, 0);
  const weighted = (value) => usual.reduce((sum, each) => sum + each.tokens * value(each), 0) / count;
  return {
    tokens: count,
    cpu: { with: weighted(({ cpu }) => cpu.with), without: weighted(({ cpu }) => cpu.without) },
    wall: { with: weighted(({ wall }) => wall.with), without: weighted(({ wall }) => wall.without) },
  };
}

/** The results to record of a report. */
export function resultsOf({ flavour, masks, answers, ...head }) {
  const settings = {};
  for (const { seats } of answers) for (const seat of seats) settings[seat.id] = seat.settings;
  const rows = [
    ...masks.flatMap((result) => maskRows(result, flavour)),
    ...answers.flatMap((result) => answerRows(result, flavour)),
  ];
  return { benchmark: "masks", what: "Masks of grammars, and answers with a schema", ...head, settings, rows };
}

function maskRows({ model, name, first, compile, steps }, flavour) {
  const common = { model, engine: `node-${flavour}`, flavour, threads: 1, setting: name, unit: "us" };
  const row = (measure, times) => {
    const us = times.map((ms) => 1000 * ms);
    return { ...common, measure, ...statisticsOf(us), mean: meanOf(us), p99: percentileOf(us, 0.99) };
  };
  return [row("mask", steps), row("first-mask", first), row("compile", compile)];
}

/** Processor time of a token, with and without each schema, and the means over the schemas. */
function answerRows({ model, rows, seats }, flavour) {
  const names = [...new Set(rows.map(({ schema }) => schema))];
  return seats.flatMap(({ id, label }) => {
    const engine = { engine: id, label, ...(id !== "native" && { flavour }), threads: 1 };
    const row = (setting, kind, statistics) => {
      return { model, ...engine, setting, measure: `token-${kind}-schema`, unit: "ms", ...statistics };
    };
    const all = overall(rows, id).cpu;
    return ["with", "without"].flatMap((kind) => [
      row(allButForced, kind, { mean: all[kind] }),
      ...names.map((name) => {
        const own = rows.filter((each) => each.engine === id && each.schema === name);
        return row(name, kind, statisticsOf(own.map((each) => each[kind].cpuMs)));
      }),
    ]);
  });
}

/** Medians of the rounds. */
function summaryOf(rows, engine, schema) {
  const own = rows.filter((row) => row.engine === engine && row.schema === schema);
  const both = (key) => ({
    with: medianOf(own.map((row) => row.with[key])),
    without: medianOf(own.map((row) => row.without[key])),
  });
  return { tokens: own[0].tokens, cpu: both("cpuMs"), wall: both("ms") };
}

function microseconds(ms) {
  const value = 1000 * ms;
  return Math.abs(value) < 10 ? value.toFixed(1) : value.toFixed(0);
}

const grid = (heads, rows) => [heads, heads.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
