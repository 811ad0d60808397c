// Native llama.cpp through node-llama-cpp, in a child process.
import { getLlama, LlamaLogLevel } from "node-llama-cpp";
import { answerLines } from "./lines.mjs";

let context;

/** With `flashAttention` undefined, both settings are tried and the faster one is used. */
async function load({ source, threads, contextLength, flashAttention }) {
  const llama = await getLlama({ build: "never", gpu: false, maxThreads: threads, logLevel: LlamaLogLevel.error });
  const model = await llama.loadModel({ modelPath: source });
  const open = async (flash) => {
    await context?.dispose();
    context = await model.createContext({ contextSize: contextLength, batchSize: 512, threads, flashAttention: flash });
  };
  const chosen = flashAttention ?? (await fasterWay(open));
  await open(chosen);
  return { threads, flashAttention: chosen, settings: `batch 512, flash attention ${chosen ? "on" : "off"}` };
}

async function fasterWay(open) {
  const times = [];
  for (const flash of [false, true]) {
    await open(flash);
    await trial();
    times.push(await trial());
  }
  return times[1] < times[0];
}

async function trial() {
  const { promptMs, decodeMs } = await run({
    prompt: { ids: Array.from({ length: 128 }, (_, i) => 1000 + i) },
    tokens: 16,
  });
  return promptMs + decodeMs;
}

async function run({ prompt, tokens }) {
  const sequence = context.getSequence();
  const started = performance.now();
  let first;
  let last;
  let generated = 0;
  for await (const _ of sequence.evaluate(prompt.ids, { temperature: 0, yieldEogToken: true })) {
    last = performance.now();
    first ??= last;
    if (++generated === tokens) break;
  }
  await sequence.dispose();
  return { promptTokens: prompt.ids.length, promptMs: first - started, generated, decodeMs: last - first };
}

await answerLines({ load, run });
