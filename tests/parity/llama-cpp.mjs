// Native llama.cpp through node-llama-cpp as a child process. Arguments: its modules folder, a model and a number of
// threads. Requests arrive as messages, results are sent back.
//   {prompts: [[id…]…], maxTokens} → {answers: [[id…]…]}   (an end token is the last of an answer that it ends)
//   {prefixes: [[id…]…]} → {gaps: [number…]}                (between the two best logits after each)
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, modelPath, threads] = process.argv.slice(2);
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(join(modules, "node-llama-cpp/dist/index.js")).href);
const llama = await getLlama({
  build: "never",
  gpu: false,
  maxThreads: Number(threads),
  logLevel: LlamaLogLevel.error,
});
const model = await llama.loadModel({ modelPath });
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

process.on("message", async ({ prompts, maxTokens, prefixes }) => {
  const answers = [];
  const gaps = [];
  for (const prompt of prompts ?? []) answers.push(await answer(prompt, maxTokens));
  for (const prefix of prefixes ?? []) gaps.push(await gapAfter(prefix));
  process.send({ answers, gaps });
});
process.on("disconnect", () => process.exit(0));
