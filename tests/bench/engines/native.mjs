// Native llama.cpp through node-llama-cpp, in a child process.
import { getLlama, LlamaGrammarEvaluationState, LlamaLogLevel } from "node-llama-cpp";
import { measureAnswer } from "./answers.js";
import { answerLines } from "./lines.mjs";

let llama;
let model;
let context;

/** With `flashAttention` undefined, both settings are tried and the faster one is used. */
async function load({ source, threads, contextLength, flashAttention }) {
  llama = await getLlama({ build: "never", gpu: false, maxThreads: threads, logLevel: LlamaLogLevel.error });
  model = await llama.loadModel({ modelPath: source });
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

/**
 * Evaluates a prompt, then measures its greedy answer, of at most `tokens` tokens: JSON by `schema`, or without one a
 * text of exactly that length. The prompt's last token is evaluated in the measured time, as in our engine.
 */
async function answer({ prompt, schema, tokens }) {
  const ids = model.tokenize(prompt);
  if (model.tokens.shouldPrependBosToken) ids.unshift(model.tokens.bos);
  const sequence = context.getSequence();
  await sequence.evaluateWithoutGeneratingNewTokens(ids.slice(0, -1));
  const measured = await measureAnswer(async () => {
    const grammar = schema && (await llama.createGrammarForJsonSchema(schema));
    const grammarEvaluationState = grammar && new LlamaGrammarEvaluationState({ model, grammar });
    const options = { temperature: 0, grammarEvaluationState, yieldEogToken: true };
    const generated = [];
    for await (const token of sequence.evaluate(ids.slice(-1), options)) {
      if (schema && model.isEogToken(token)) break;
      if (generated.push(token) === tokens) break;
    }
    return { text: model.detokenize(generated), tokens: generated.length };
  });
  await sequence.dispose();
  return measured;
}

/** Loads an encoder. Both settings of flash attention are tried on `texts` and the faster one is used. */
async function loadEncoder({ source, threads, texts }) {
  llama = await getLlama({ build: "never", gpu: false, maxThreads: threads, logLevel: LlamaLogLevel.error });
  const times = [];
  const open = async (flash) => {
    await model?.dispose();
    model = await llama.loadModel({ modelPath: source, defaultContextFlashAttention: flash });
    context = await model.createEmbeddingContext({ contextSize: 512, batchSize: 512, threads });
  };
  for (const flash of [false, true]) {
    await open(flash);
    await embed({ texts });
    times.push((await embed({ texts })).cpuMs);
  }
  const flash = times[1] < times[0];
  await open(flash);
  return { threads, settings: `batch 512, flash attention ${flash ? "on" : "off"}` };
}

/** Embeds texts, one after the other: node-llama-cpp has no call for several. */
async function embed({ texts }) {
  return measureAnswer(async () => {
    const vectors = [];
    for (const text of texts) vectors.push((await context.getEmbeddingFor(text)).vector);
    return { vector: vectors.at(-1) };
  });
}

await answerLines({ load, run, answer, loadEncoder, embed });
