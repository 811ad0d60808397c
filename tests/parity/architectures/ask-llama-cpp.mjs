// Evaluates models in native llama.cpp through node-llama-cpp, as a child process. The argument is its modules folder.
//   {models: [{path, encoder, tokens: [id…], maxTokens, texts}…]} → {release, answers}
// `release` is llama.cpp's version; each answer is one of
//     {logprobs: [of each token but the first], greedy: {tokens, gaps: [between the two best logits before each]}},
//     with {ids: [[id…]…]} if there are texts;
//     {embedding: [number…]} for an encoder;
//     {error: text} if llama.cpp rejects the file
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [modules] = process.argv.slice(2);
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(join(modules, "node-llama-cpp/dist/index.js")).href);
const llama = await getLlama({ build: "never", gpu: false, maxThreads: 1, logLevel: LlamaLogLevel.error });

// As exact as possible: no flash attention, and keys and values are not rounded.
const modelOptions = {
  defaultContextFlashAttention: false,
  experimentalDefaultContextKvCacheKeyType: "F32",
  experimentalDefaultContextKvCacheValueType: "F32",
};
const contextOptions = { contextSize: 256, batchSize: 256, threads: 1 };

// The default samplers remove most tokens before the logits are read.
const everyToken = { temperature: 1, topK: 0, topP: 1, minP: 0 };

/** The logits after each of these tokens, as maps from token to logit. Probabilities would be rounded to float32. */
async function logitsAfter(sequence, tokens) {
  const generateNext = { logits: true, options: everyToken };
  const outputs = await sequence.controlledEvaluate(tokens.map((token) => [token, { generateNext }]));
  return outputs.map(({ next }) => next.logits);
}

function logprob(logits, token) {
  const values = [...logits.values()];
  const best = Math.max(...values);
  const total = values.reduce((sum, value) => sum + Math.exp(value - best), 0);
  return logits.get(token) - best - Math.log(total);
}

/** The best token that does not end the text, and its margin over the second best. */
function choose(logits, end) {
  const [[token, best], [, second]] = [...logits].filter(([each]) => each !== end).sort(([, a], [, b]) => b - a);
  return { token, gap: best - second };
}

async function decode(model, { tokens, maxTokens }) {
  const context = await model.createContext(contextOptions);
  const sequence = context.getSequence();
  const all = await logitsAfter(sequence, tokens);
  const logprobs = tokens.slice(1).map((token, i) => logprob(all[i], token));
  const greedy = { tokens: [], gaps: [] };
  for (let logits = all.at(-1); ; [logits] = await logitsAfter(sequence, [greedy.tokens.at(-1)])) {
    const { token, gap } = choose(logits, model.tokens.eos);
    greedy.tokens.push(token);
    greedy.gaps.push(gap);
    if (greedy.tokens.length === maxTokens) break;
  }
  await context.dispose();
  return { logprobs, greedy };
}

async function embed(model, { tokens }) {
  const context = await model.createEmbeddingContext(contextOptions);
  const { vector } = await context.getEmbeddingFor(tokens);
  await context.dispose();
  return { embedding: [...vector] };
}

async function answer(request) {
  try {
    const model = await llama.loadModel({ modelPath: request.path, ...modelOptions });
    const result = request.encoder ? await embed(model, request) : await decode(model, request);
    const ids = request.texts?.map((text) => [...model.tokenize(text)]);
    await model.dispose();
    return { ...result, ids };
  } catch (error) {
    return { error: String(error) };
  }
}

process.on("message", async ({ models }) => {
  const answers = [];
  for (const model of models) answers.push(await answer(model));
  process.send({ release: llama.llamaCppRelease.release, answers });
});
process.on("disconnect", () => process.exit(0));
