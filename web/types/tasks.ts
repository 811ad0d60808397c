// The results of scoring, embedding, filling masks and classifying.
import type * as records from "../engine/records.js";

/** How probable a model finds a text. */
export interface Score {
  /** Tokens scored: all tokens of each window but the first. */
  tokens: number;
  /** Bytes of the scored tokens, for byte-level models only. */
  bytes?: number;
  /** Mean negative log-likelihood in nats per token, or per byte if `bytes` is present. */
  nll: number;
  /** `exp(nll)`. */
  perplexity: number;
  /** The natural logarithm of the probability of each scored token, if `logprobs` was requested. */
  logprobs?: number[];
  /** The most probable token at the position of each scored token, if `logprobs` was requested. */
  best?: number[];
  /** With `against: "dense"`: mean Kullback-Leibler divergence from the dense model, in nats per token. */
  kl?: number;
  /** With `against: "dense"`: fraction of the tokens, 0 to 1, for which both models rank the same token first. */
  top1?: number;
  /** With `against: "dense"`: the perplexity divided by that of the dense model. */
  perplexityRatio?: number;
}

/** Which hidden states become the embedding: their mean, or the state of the first or last token. */
export type Pooling = Exclude<records.Pooling, "model">;

/** A token that can fill a mask, and its probability, 0 to 1. */
export interface Candidate {
  token: number;
  text: string;
  probability: number;
}

/** Candidates for the masks of a text. */
export interface FilledMasks {
  /**
   * Candidates for the first mask, most probable first. Each mask is predicted independently, with the other masks
   * unfilled.
   */
  candidates: Candidate[];
  /** Candidates for every mask, in the same form. */
  masks: Candidate[][];
  /** The text with all masks filled, each choice depending on the earlier ones. */
  text: string;
}

/** How probable an answer is after a prompt. */
export interface AnswerScore {
  /** The natural logarithm of the probability of its tokens together. */
  logprob: number;
  tokens: number;
}

/** The label that fits a text best. */
export interface Classification<Label extends string = string> {
  label: Label;
  /** All labels, most probable first. The probabilities add up to 1. */
  candidates: { text: Label; probability: number }[];
}

/** The option that the model finds the most probable answer. */
export interface Choice<Option extends string = string> {
  choice: Option;
  /** Of the choice in the options. */
  index: number;
  /** Of all options, in their order. They add up to 1. */
  probabilities: number[];
}

/** The answer to a question that is answered with yes or no. */
export interface YesNo {
  /** Whether yes is the more probable answer. */
  answer: boolean;
  /** Of yes against no, 0 to 1. */
  probability: number;
}

/** A judgement as a number. */
export interface Rating {
  /** The mean of the numbers, weighted by their probabilities: rarely a whole number. */
  value: number;
  /** The numbers in ascending order. The probabilities add up to 1. */
  distribution: { value: number; probability: number }[];
}

/** How many of the texts of a call are done. */
export interface TextsProgress {
  done: number;
  total: number;
}

/** How far a text belongs to a language. */
export interface GrammarMatch {
  /** `prefix`: the text is not complete, but something can follow it; `mismatch`: no text of the language begins so. */
  state: "complete" | "prefix" | "mismatch";
  /** Where the first character is that cannot be there; the text's length if there is none. */
  at: number;
}
