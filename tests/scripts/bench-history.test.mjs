// The history of benchmark results: what a run adds to it, and the tables with the changes from run to run.
import assert from "node:assert/strict";
import { test } from "node:test";

import { historyMarkdown, historyOf, machineName } from "../bench/report/history.mjs";

const machine = { cpu: "AMD EPYC", cores: 2, flags: ["avx2", "avx512f"] };
const versions = { CamelGPT: "1.0.0 (abc)", Node: "v24.0.0" };
const engines = [{ id: "chromium-relaxed", flavour: "relaxed" }, { id: "wllama" }];

const linesOf = (date, prefill, load) => {
  const columns = [{ measure: "load" }, { measure: "prefill", at: 512 }];
  const rows = [
    { engine: "chromium-relaxed", cells: [{ median: load }, { median: prefill }] },
    { engine: "wllama", cells: [{ note: "no memory" }, { note: "no memory" }] },
  ];
  return historyOf({ date, versions, machine, engines, options: { rounds: 3 } }, [
    { model: "smollm2-135m", threads: 1, columns, rows },
  ]);
};

test("a run adds a line for each engine with results", () => {
  assert.deepEqual(linesOf("2026-11-30T12:00:00.000Z", 150.1234, 0.5), [
    {
      date: "2026-11-30T12:00:00.000Z",
      commit: "1.0.0 (abc)",
      machine: "amd-epyc-avx512f-2-cores",
      model: "smollm2-135m",
      threads: 1,
      engine: "chromium-relaxed",
      flavour: "relaxed",
      rounds: 3,
      versions: { Node: "v24.0.0" },
      medians: { load: 0.5, "prefill 512": 150.1 },
    },
  ]);
});

test("machines with other instruction sets have other names", () => {
  assert.equal(machineName({ ...machine, flags: ["avx2"] }), "amd-epyc-avx2-2-cores");
  assert.equal(machineName({ cpu: "Cortex-A76", cores: 4, flags: [] }), "cortex-a76-4-cores");
});

test("tables list runs by date, with the change since the last run that measured the same", () => {
  const lines = [...linesOf("2026-12-02T12:00:00.000Z", 165, 0.4), ...linesOf("2026-12-01T12:00:00.000Z", 150, 0.5)];
  delete lines[1].medians.load;
  assert.equal(
    historyMarkdown(lines),
    [
      "## amd-epyc-avx512f-2-cores, smollm2-135m, 1 thread, chromium-relaxed",
      "",
      "| date | commit | prefill 512 | load |",
      "|---|---|---|---|",
      "| 2026-12-01 | 1.0.0 (abc) | 150 | – |",
      "| 2026-12-02 | 1.0.0 (abc) | 165 (+10 %) | 0.4 |",
      "",
    ].join("\n"),
  );
});
