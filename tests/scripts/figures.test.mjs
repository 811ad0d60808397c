// Figures in Markdown: each mark becomes a value of a results file, and a wrong one names its place.
import assert from "node:assert/strict";
import { test } from "node:test";

import { withFigures } from "../../scripts/lib/figures.mjs";

const row = (engine, measure, at, median, more) => {
  return { model: "m", engine, label: `Engine ${engine}`, threads: 1, measure, at, unit: "tok/s", median, ...more };
};
const head = {
  machine: { name: "amd", cpu: "AMD EPYC", cores: 2, flags: ["avx2"], memoryBytes: 8e9, system: "linux x64" },
  versions: { CamelGPT: "1.0.0 (abc)" },
  date: "2026-12-01T12:00:00.000Z",
  command: "npm run bench",
};
const results = new Map([
  [
    "amd/speed",
    {
      ...head,
      rows: [
        row("ours", "decode", 0, 90, { min: 80.04, max: 100, count: 3, flavour: "simd" }),
        row("ours", "decode", 4096, 45, { min: 45, max: 45, count: 1, flavour: "simd" }),
        row("ours", "prefill-share", undefined, 0.638, { unit: "share", flavour: "simd" }),
        row("theirs", "decode", 0, 60),
        row("ours", "decode", 0, 180, { threads: 2, flavour: "simd" }),
      ],
    },
  ],
  [
    "amd/pruning",
    {
      ...head,
      load: [0.04, 1.26],
      note: "A note.",
      rows: [
        { engine: "ours", setting: "off", measure: "decode", unit: "tok/s", median: 80, mean: 81 },
        { engine: "ours", setting: '{"headRows":1}', measure: "decode", unit: "tok/s", median: 100, mean: 99 },
        { engine: "ours", setting: '{"headRows":1}', measure: "kl", unit: "nats", mean: 0.01234 },
        { engine: "ours", setting: "off", measure: "wasm", unit: "bytes", median: 487_896 },
        { engine: "ours", setting: "off", measure: "memory", unit: "bytes", median: 131.6e6 },
      ],
    },
  ],
  ["amd/twice", { ...head, rows: [] }],
  ["arm/twice", { ...head, rows: [] }],
]);
const of = (text) => withFigures(text, results, "a.md");
const figure = (words, value = "0") => `<!-- figure ${words} -->${value}<!-- end -->`;
const textOf = (words) => /-->(.*?)<!--/.exec(of(figure(words)))[1];

test("a figure is the value of the row that its words select", () => {
  assert.equal(
    of(`so ${figure("speed: theirs decode", "old")} a second`),
    `so ${figure("speed: theirs decode", "60.0")} a second`,
  );
  assert.equal(textOf("amd/speed: ours decode 4096"), "45.0");
  assert.equal(textOf("speed: ours decode 0 threads=2 digits=0"), "180");
  assert.equal(textOf("speed: ours decode 0 threads=1 range"), "90.0 (80.0–100.0)");
  assert.equal(textOf("speed: ours decode 4096 range"), "45.0", "of one round");
  assert.equal(textOf("pruning: off decode mean"), "81.0");
  assert.equal(textOf('pruning: {"headRows":1} kl'), "0.0123");
  assert.equal(textOf("speed: prefill-share"), "63.8 %");
  assert.equal(textOf("pruning: wasm"), "488 KB");
  assert.equal(textOf("pruning: memory"), "132 MB");
});

test("a ratio keeps the row's other keys", () => {
  assert.equal(textOf("speed: ours decode 0 threads=1 / theirs"), "1.50");
  assert.equal(textOf("speed: ours decode 0 threads=2 / threads=1"), "2.00");
  assert.equal(textOf("speed: ours decode 4096 / 0 digits=1"), "0.50", "options belong to the first part");
  assert.equal(textOf('pruning: {"headRows":1} decode / off'), "1.25");
});

test("a source names machine, versions, date, command and load", () => {
  assert.equal(
    of("<!-- source speed --><!-- end -->"),
    "<!-- source speed -->AMD EPYC, 2 cores (avx2), 8 GB of memory, linux x64; CamelGPT 1.0.0 (abc); 2026-12-01; " +
      "`npm run bench`.<!-- end -->",
  );
  assert.match(of("<!-- source pruning --><!-- end -->"), /2026-12-01, load average 0\.0 to 1\.3; .* A note\.<!-- end/);
});

test("a table has a line for each setting, engine and number of threads", () => {
  const table = (columns) => of(`<!-- table ${columns} -->\n<!-- end of table -->`).split("\n").slice(2, -2);
  assert.deepEqual(table("speed: decode 0, decode 0 / theirs, decode 4096"), [
    "| threads | engine        | decode after 0    | × Engine theirs | decode after 4,096 |",
    "| ------- | ------------- | ----------------- | --------------- | ------------------ |",
    "| 1       | Engine ours   | 90.0 (80.0–100.0) | 1.50            | 45.0               |",
    "| 1       | Engine theirs | 60.0              | 1               | –                  |",
    "| 2       | Engine ours   | 180.0             | –               | –                  |",
  ]);
  assert.deepEqual(table("pruning: decode, decode / off, kl"), [
    "| setting          | decode | × off | KL     |",
    "| ---------------- | ------ | ----- | ------ |",
    "| off              | 80.0   | 1     | –      |",
    '| `{"headRows":1}` | 100.0  | 1.25  | 0.0123 |',
  ]);
});

test("marks in code are left unchanged", () => {
  const text = `\`${figure("none: a")}\`\n\`\`\`\n<!-- figure none: a -->\n\`\`\`\n`;
  assert.equal(of(text), text);
});

test("a wrong mark is an error that says what is wrong", () => {
  const problem = (text, message) => assert.throws(() => of(text), { message });
  problem(figure("fast: a"), /^a\.md: figure fast: a: there is no results file "fast"; known files: amd\/speed/);
  problem(figure("twice: a"), /several files have this name; known files: amd\/twice, arm\/twice$/);
  problem(figure("speed: quick"), /no row has "quick"$/);
  problem(
    figure("speed: ours decode"),
    /3 rows have "ours decode"; they differ in at \(0, 4096\) and threads \(1, 2\)$/,
  );
  problem(figure("speed: theirs decode / threads=9"), /no row has "threads=9"$/);
  problem(figure("speed: theirs decode p99"), /the row of theirs, decode has no p99$/);
  problem(figure("speed"), /expected "FILE: WORDS"$/);
  problem("<!-- figure speed: theirs decode -->60", /1 figures begin, and 0 have an end$/);
});
