// Results files: what benchmarks record, and that the committed files have the form of the schema.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import { resultsOf } from "../bench/masks/report.mjs";
import { readResults, recordResults, resultsName, validateResults } from "../bench/report/results.mjs";
import { meanOf, percentileOf, statisticsOf } from "../bench/report/statistics.mjs";
import { rowsOf, tablesOf } from "../bench/report/summary.mjs";

const folder = mkdtempSync(join(tmpdir(), "camelgpt-results-"));
after(() => rmSync(folder, { recursive: true }));

const machine = { cpu: "AMD EPYC", cores: 2, flags: ["avx2"], memoryBytes: 8e9, system: "linux x64" };
const row = { model: "m", engine: "native", threads: 1, measure: "decode", at: 0, unit: "tok/s" };
const results = {
  benchmark: "bench",
  what: "Decode of m",
  date: "2026-12-01T12:00:00.000Z",
  command: "npm run bench",
  machine,
  versions: { CamelGPT: "1.0.0 (abc)", Deno: undefined },
  rows: [{ ...row, ...statisticsOf([2.71234567, 1, 2]) }],
};

test("a measurement is recorded in the folder of its machine and replaced by the next one of its name", () => {
  recordResults("decode", { ...results, what: "An earlier one" }, folder);
  recordResults("decode", results, folder);
  const path = join(folder, "amd-epyc-avx2-2-cores/decode.json");
  assert.deepEqual(
    [...readResults(folder)],
    [
      [
        "amd-epyc-avx2-2-cores/decode",
        {
          ...results,
          format: 1,
          machine: { name: "amd-epyc-avx2-2-cores", ...machine },
          versions: { CamelGPT: "1.0.0 (abc)" },
          rows: [{ ...row, median: 2, min: 1, max: 2.712, count: 3 }],
        },
      ],
    ],
  );
  assert.match(readFileSync(path, "utf8"), /^ {4}\{"model":"m",.*"count":3\}$/m, "one line for each row");
});

test("results of another form are refused with the place of the mistake", () => {
  const problemOf = (changes) => {
    try {
      recordResults("wrong", { ...results, ...changes }, folder);
      return undefined;
    } catch (error) {
      return error.message.split("wrong.json: ")[1];
    }
  };
  assert.equal(problemOf({ rows: [] }), "/rows must NOT have fewer than 1 items");
  assert.equal(
    problemOf({ rows: [{ ...row, median: 1, best: 2 }] }),
    "/rows/0 must NOT have additional properties: best",
  );
  assert.equal(
    problemOf({ rows: [{ ...row, unit: "furlongs", median: 1 }] }),
    "/rows/0/unit must be equal to one of the allowed values",
  );
  assert.match(problemOf({ rows: [row] }), /^\/rows\/0 must have required property 'median'/);
  assert.equal(problemOf({ versions: {} }), "/versions must have required property 'CamelGPT'");
  assert.throws(() => recordResults("../escape", results, folder), /--name must consist of/);
});

test("a name consists of the benchmark and its models", () => {
  assert.equal(resultsName("bench", ["smollm2-135m", "135m-q4_0"]), "bench-smollm2-135m-135m-q4-0");
  assert.equal(resultsName("mini", []), "mini");
});

test("a report of engines becomes one row for each measured cell", () => {
  const engines = [
    { id: "chromium-relaxed", label: "CamelGPT", flavour: "relaxed" },
    { id: "native", label: "llama.cpp" },
  ];
  const cell = (engine, round, measure, at, value) => ({ model: "m", threads: 2, engine, round, measure, at, value });
  const report = {
    engines,
    models: { m: { matrices: [], settings: { 2: { native: "batch 512" } } } },
    results: [
      cell("chromium-relaxed", 1, "decode", 0, 80),
      cell("chromium-relaxed", 2, "decode", 0, 90),
      { ...cell("native", 1, "load", undefined, 0.5), joules: undefined },
      { model: "m", threads: 2, engine: "native", round: 1, measure: "decode", at: 0, skipped: "too slow" },
    ],
  };
  const common = { model: "m", threads: 2 };
  assert.deepEqual(JSON.parse(JSON.stringify(rowsOf(report, tablesOf(report)))), [
    {
      ...common,
      engine: "chromium-relaxed",
      label: "CamelGPT",
      flavour: "relaxed",
      measure: "decode",
      at: 0,
      unit: "tok/s",
      median: 85,
      min: 80,
      max: 90,
      count: 2,
    },
    {
      ...common,
      engine: "native",
      label: "llama.cpp",
      measure: "load",
      unit: "s",
      median: 0.5,
      min: 0.5,
      max: 0.5,
      count: 1,
    },
  ]);
});

test("a report of grammars becomes rows of masks and of answers, with means over the schemas", () => {
  const times = (ms) => ({ ms, cpuMs: ms });
  const answer = (schema, tokens, slow, fast) => {
    return { schema, engine: "native", tokens, with: times(slow), without: times(fast) };
  };
  const report = {
    flavour: "relaxed",
    masks: [{ model: "m", name: "12 schemas", first: [0.002], compile: [0.1], steps: [0.001, 0.003] }],
    answers: [
      {
        model: "m",
        rows: [answer("a", 10, 4, 2), answer("b", 30, 8, 2), answer("forced stretches", 10, 1, 2)],
        seats: [{ id: "native", label: "llama.cpp", settings: "batch 512" }],
      },
    ],
  };
  const { rows, settings, what } = resultsOf(report);
  validateResults(
    { ...results, format: 1, versions: { CamelGPT: "1" }, machine: { name: "a", ...machine }, rows },
    what,
  );
  assert.deepEqual(settings, { native: "batch 512" });
  const of = (measure, setting) => rows.find((each) => each.measure === measure && each.setting === setting);
  assert.equal(of("mask", "12 schemas").mean, 2);
  assert.equal(of("token-with-schema", "all but the last").mean, 7);
  assert.equal(of("token-with-schema", "b").median, 8);
});

test("statistics", () => {
  assert.deepEqual(statisticsOf([4, 1, 3, 2]), { median: 2.5, min: 1, max: 4, count: 4 });
  assert.equal(meanOf([1, 2, 6]), 3);
  assert.equal(percentileOf([5, 1, 2, 3, 4], 0.5), 3);
});

test("every committed file has the form of the schema and lies in the folder of its machine", () => {
  for (const [place, { machine: measured }] of readResults()) assert.equal(place.split("/")[0], measured.name);
});

test("the schema is valid for a file without optional parts", () => {
  const { machine: given, ...rest } = results;
  const { memoryBytes, ...required } = given;
  assert.ok(memoryBytes);
  const rows = [{ model: "m", engine: "native", measure: "kl", unit: "nats", mean: 0 }];
  const versions = { CamelGPT: "1" };
  validateResults({ format: 1, ...rest, versions, machine: { name: "a-b", ...required }, rows }, "file");
});
