// Measures the package on a request: the log-probabilities of `tokens`, greedy answers to `prompts` of at most
// `maxTokens` tokens, and the name of the kernels.
import assert from "node:assert/strict";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { modelPath } from "../web/lib/model.mjs";

export async function measure({ flavour, threads, contextLength, tokens, prompts = [], maxTokens }) {
  const model = await CamelGPTInference.load(modelPath, { flavour, threads, contextLength });
  const { engine } = await model.info();
  assert.equal(engine.threads, threads);
  const score = tokens && (await model.score(tokens, { logprobs: true }));
  const answers = [];
  for (const prompt of prompts) answers.push((await model.stream(prompt, { maxTokens, temperature: 0 })).tokens);
  await model.dispose();
  return { kernels: engine.kernels, score, answers };
}
