// A fresh process that loads a model, generates, and prints as JSON what that took: `{plan, notes, load, generate, linear}`, bytes over
// what the process held before, and `{tokens, loadMs, decodeTokensPerSecond}`. Arguments: the model's path or URL, `worker` or
// `inline`, how many tokens to generate, options of the load as JSON. Inline, `linear` is the WebAssembly memory before and after
// the generation.
import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { forgetPeak, memoryOf } from "./process-memory.mjs";

const [source, where, maxTokens, options] = process.argv.slice(2);

/** Keeps the memory that a WebAssembly instance is given within reach. */
let memory;
const instantiate = WebAssembly.instantiate;
WebAssembly.instantiate = (module, imports = {}) => {
  memory ??= Object.values(imports)
    .flatMap(Object.values)
    .find((each) => each instanceof WebAssembly.Memory);
  return instantiate(module, imports);
};

forgetPeak();
const before = memoryOf().now;
const model = await CamelGPTInference.load(source, { ...JSON.parse(options), worker: where === "worker" });
const load = memoryOf().peak - before;
const linearBefore = memory?.buffer.byteLength;
const { usage, timings } = await model.stream("Once upon a time,", { maxTokens: Number(maxTokens), ignoreEos: true });
const generate = memoryOf().peak - before;
const { memoryPlan, engine } = await model.info();
console.log(
  JSON.stringify({
    plan: memoryPlan,
    notes: engine.notes,
    load,
    generate,
    tokens: usage.completionTokens,
    loadMs: timings.loadMs,
    decodeTokensPerSecond: timings.decodeTokensPerSecond,
    linear: memory && { before: linearBefore, after: memory.buffer.byteLength },
  }),
);
await model.dispose();
