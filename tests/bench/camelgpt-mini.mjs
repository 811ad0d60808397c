// Measures the time CamelGPT-mini takes for 16 tokens in 1, 3 and 8 steps after a warm-up, and its memory.
//
//   npm run bench:mini -- [--rounds N]
//
// Each round has its own prompt, so that nothing is reused. Measured in a worker (the default) and on the caller's
// thread.
import { parseArgs } from "node:util";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "300" } } });
const rounds = Number(values.rounds);
const collect = globalThis.gc ?? (() => {});

collect();
const before = process.memoryUsage.rss();
const { CamelGPTInference } = await import("../../npm/dist/node.js");
const { describeMachine } = await import("./machine.mjs");

const prompt = (i) =>
  `${["a man", "two dogs", "a woman in a red shirt", "the children"][i % 4]} in the water, number ${i}. german :`;

async function measure(options) {
  const model = await CamelGPTInference.load("camelgpt-mini", { threads: 1, ...options });
  const lines = [];
  for (const steps of [1, 3, 8]) {
    const times = [];
    for (let i = 0; i < rounds + 50; i++) {
      const begin = performance.now();
      await model.generateText(prompt(i), { maxTokens: 16, steps, ignoreEos: true });
      if (i >= 50) times.push(performance.now() - begin);
    }
    times.sort((a, b) => a - b);
    const at = (part) => times[Math.floor(part * (times.length - 1))].toFixed(2);
    lines.push({ steps, "median ms": at(0.5), "95 % ms": at(0.95) });
  }
  const { epdp, memoryPlan, engine } = { ...(await model.info()), epdp: await model.report() };
  collect();
  const grown = process.memoryUsage.rss() - before;
  await model.dispose();
  return { lines, epdp, memoryPlan, engine, grown };
}

console.log(`Node ${process.version}`, describeMachine());
for (const worker of [true, false]) {
  const { lines, epdp, memoryPlan, engine, grown } = await measure({ worker });
  const where = worker ? "in a worker" : "on the caller's thread";
  const neurons = `${(100 * epdp.ffnKept).toFixed(0)} % of the neurons`;
  console.log(`\n16 tokens, ${where}, ${engine.kernels}, epdp ${epdp.mode}, ${neurons}`);
  console.table(lines);
  const megabytes = (bytes, digits) => `${(bytes / 1e6).toFixed(digits)} MB`;
  const planned = megabytes(memoryPlan.totalBytes, 2);
  console.log(`planned ${planned}; the process grew by ${megabytes(grown, 1)}, including the engine's code`);
}
