// Scores of answers → their probabilities against one another.
import type { AnswerScore } from "../../../web/types.js";

/**
 * By the mean log-probability of an answer's tokens, so that long answers can win. `priors`: probabilities by which
 * those of the answers are divided.
 */
export function labelProbabilities(scores: readonly AnswerScore[], priors?: readonly number[]): number[] {
  return softmax(scores.map(({ logprob, tokens }, i) => logprob / tokens - Math.log(priors?.[i] ?? 1)));
}

export function softmax(logprobs: readonly number[]): number[] {
  const largest = Math.max(...logprobs);
  const weights = logprobs.map((each) => Math.exp(each - largest));
  const total = weights.reduce((sum, each) => sum + each, 0);
  return weights.map((each) => each / total);
}
