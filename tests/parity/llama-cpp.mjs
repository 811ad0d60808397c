// Native llama.cpp through node-llama-cpp as a child process. Arguments: its modules folder, a model, a number of
// threads, and "exact" for keys and values as floats. Requests arrive as messages, results are sent back.
//   {prompts: [[id…]…], maxTokens} → {answers: [[id…]…]}   (an end token is the last of an answer that it ends)
//   {prefixes: [[id…]…]} → {gaps: [number…]}                (between the two best logits after each)
//   {texts: [text…]} → {ids: [[id…]…]}
//   {windows: [{tokens: [id…], start}…]} → {logprobs: [[number…]…]}   (of the tokens from `start` on)
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, modelPath, threads, precision] = process.argv.slice(2);
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(join(modules, "node-llama-cpp/dist/index.js")).href);
const llama = await getLlama({
  build: "never",
  gpu: false,
  maxThreads: Number(threads),
  logLevel: LlamaLogLevel.error,
});
const exactOptions = {
  defaultContextFlashAttention: false,
  experimentalDefaultContextKvCacheKeyType: "F32",
  experimentalDefaultContextKvCacheValueType: "F32",
};
const model = await llama.loadModel({ modelPath, ...(precision === "exact" && exactOptions) });
const context = await model.createContext({ contextSize: 2048, batchSize: 512, threads: Number(threads) });

async function answer(prompt, maxTokens) {
  const sequence = context.getSequence();
  const tokens = [];
  for await (const token of sequence.evaluate(prompt, { temperature: 0, yieldEogToken: true })) {
    tokens.push(token);
    if (model.isEogToken(token) || tokens.length === maxTokens) break;
  }
  await sequence.dispose();
  return tokens;
}

// The default samplers remove most tokens before the logits are read.
const everyToken = { temperature: 1, topK: 0, topP: 1, minP: 0, yieldEogToken: true };

async function gapAfter(prefix) {
  const sequence = context.getSequence();
  let gap;
  for await (const { probabilities } of sequence.evaluateWithMetadata(prefix, { probabilities: true }, everyToken)) {
    const [best, second] = [...probabilities.values()].sort((a, b) => b - a);
    gap = Math.log(best / second);
    break;
  }
  await sequence.dispose();
  return gap;
}

/** Log-probabilities of the tokens from `start` on. A map of all logits would take most of the time. */
async function logprobsFrom({ tokens, start }) {
  const sequence = context.getSequence();
  const input = tokens.slice(0, -1).map((token, i) => {
    if (i + 1 < start) return token;
    // The selected token is the best one. (The option includeMax has no effect.)
    const logits = { filter: { tokens: [tokens[i + 1]], includeSelected: true } };
    return [token, { generateNext: { logits, totalLogitWeight: true, options: { ...everyToken, temperature: 0 } } }];
  });
  const outputs = await sequence.controlledEvaluate(input);
  await sequence.dispose();
  return outputs.slice(start - 1).map(({ next: { logits, totalLogitWeight } }, i) => {
    const logit = logits.get(tokens[start + i]);
    return logit - Math.max(...logits.values()) - Math.log(totalLogitWeight);
  });
}

process.on("message", async ({ prompts, maxTokens, prefixes, texts, windows }) => {
  const answers = [];
  const gaps = [];
  const logprobs = [];
  for (const prompt of prompts ?? []) answers.push(await answer(prompt, maxTokens));
  for (const prefix of prefixes ?? []) gaps.push(await gapAfter(prefix));
  for (const window of windows ?? []) logprobs.push(await logprobsFrom(window));
  const ids = texts?.map((text) => [...model.tokenize(text)]);
  process.send({ answers, gaps, ids, logprobs });
});
process.on("disconnect", () => process.exit(0));
