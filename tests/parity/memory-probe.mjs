// Loads a model, generates, and prints its memory as JSON, as a fresh process: `{plan, notes, load, generate, linear}`,
// in bytes above the process's memory before, and `{tokens, loadMs, decodeTokensPerSecond}`. Arguments: the model's
// path or URL, `worker` or `inline`, the number of tokens to generate, load options as JSON. Inline, `linear` is the
// size of the WebAssembly memory before and after the generation.
import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { forgetPeak, memoryOf } from "./process-memory.mjs";

const [source, where, maxTokens, options] = process.argv.slice(2);

/** Makes the memory of a WebAssembly instance accessible. */
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
