// Measures the time CamelGPT-mini takes for 16 tokens in 1, 3 and 8 steps after a warm-up, and its memory.
//
//   npm run bench:mini -- [--rounds N] [--record] [--name NAME]
//
// Each round has its own prompt, so that nothing is reused. Measured in a worker (the default) and on the caller's
// thread.
import { parseArgs } from "node:util";

const args = process.argv.slice(2);
const { values } = parseArgs({
  args,
  options: { rounds: { type: "string", default: "300" }, record: { type: "boolean" }, name: { type: "string" } },
});
const rounds = Number(values.rounds);
const collect = globalThis.gc ?? (() => {});

collect();
const before = process.memoryUsage.rss();
const { CamelGPTInference } = await import("../../npm/dist/node.js");
const { reportHead } = await import("./machine.mjs");
const { percentileOf, statisticsOf } = await import("./report/statistics.mjs");

const prompt = (i) =>
  `${["a man", "two dogs", "a woman in a red shirt", "the children"][i % 4]} in the water, number ${i}. german :`;

async function measure(options) {
  const model = await CamelGPTInference.load("camelgpt-mini", { threads: 1, ...options });
  const rows = [];
  for (const steps of [1, 3, 8]) {
    const times = [];
    for (let i = 0; i < rounds + 50; i++) {
      const begin = performance.now();
      await model.generateText(prompt(i), { maxTokens: 16, steps, ignoreEos: true });
      if (i >= 50) times.push(performance.now() - begin);
    }
    rows.push({ steps, ...statisticsOf(times), p95: percentileOf(times, 0.95) });
  }
  const { epdp, memoryPlan, engine } = { ...(await model.info()), epdp: await model.report() };
  collect();
  const grown = process.memoryUsage.rss() - before;
  await model.dispose();
  return { rows, epdp, memoryPlan, engine, grown };
}

const head = reportHead("mini", args);
const recorded = [];
const settings = {};
console.log(`Node ${process.version}`, head.machine);
for (const worker of [true, false]) {
  const { rows, epdp, memoryPlan, engine, grown } = await measure({ worker });
  const where = worker ? "in a worker" : "on the caller's thread";
  const neurons = `${(100 * epdp.ffnKept).toFixed(0)} % of the neurons`;
  console.log(`\n16 tokens, ${where}, ${engine.kernels}, epdp ${epdp.mode}, ${neurons}`);
  console.table(
    rows.map(({ steps, median, p95 }) => ({ steps, "median ms": median.toFixed(2), "95 % ms": p95.toFixed(2) })),
  );
  const megabytes = (bytes, digits) => `${(bytes / 1e6).toFixed(digits)} MB`;
  const planned = megabytes(memoryPlan.totalBytes, 2);
  console.log(`planned ${planned}; the process grew by ${megabytes(grown, 1)}, including the engine's code`);
  const id = worker ? "node-worker" : "node-inline";
  const label = `CamelGPT, Node, ${where}`;
  const [flavour] = engine.kernels.split(" ");
  const common = { model: "camelgpt-mini", engine: id, label, flavour, threads: engine.threads };
  settings[id] = `${engine.kernels}, epdp ${epdp.mode}, ${neurons}`;
  recorded.push(
    ...rows.map(({ steps, ...statistics }) => ({ ...common, measure: "answer", at: steps, unit: "ms", ...statistics })),
    { ...common, measure: "planned-memory", unit: "bytes", median: memoryPlan.totalBytes },
    { ...common, measure: "process-memory", unit: "bytes", median: grown },
  );
}
// Later, since it takes memory.
const { recordIfWanted } = await import("./report/results.mjs");
const what = "CamelGPT-mini: time of 16 tokens in 1, 3 and 8 steps, and memory";
recordIfWanted(values, { benchmark: "mini", what, ...head, settings, rows: recorded });
