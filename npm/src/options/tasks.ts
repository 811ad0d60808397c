// Options of the other calls on a model: their types, their rules, and their conversion to parameters of the engine.
// The functions throw `bad-option` and `bad-input`.
import { generationOptionsRules } from "../../../web/engine/records.js";
import type { EmbedParams, FillParams, ScoreParams } from "../../../web/tasks/params.js";
import type { Pooling, TextsProgress } from "../../../web/types.js";
import {
  checkOptions,
  checkPrompt,
  checkText,
  checkTokens,
  flag,
  oneOf,
  signal,
  tagOf,
  text,
  wrongKind,
} from "../check-options.js";
import { type Limits, limitText, refuseAbove } from "./limits.js";
import { ffnRule } from "./load.js";
import { callback, integer, largest, ruleOf } from "./rules.js";

export interface TokenizeOptions {
  /**
   * Add the special tokens that the model expects around a text.
   * @default true
   */
  addSpecial?: boolean;
  /**
   * Read special tokens written in the text (`<|im_end|>`) as tokens.
   * @default true
   */
  parseSpecial?: boolean;
  signal?: AbortSignal;
}

export interface DetokenizeOptions {
  /**
   * Include special tokens in the text.
   * @default false
   */
  keepSpecial?: boolean;
  signal?: AbortSignal;
}

export interface ScoreOptions extends TokenizeOptions {
  /**
   * Tokens per window. Windows do not overlap, and each starts with an empty cache.
   * @default the size of the context
   */
  contextLength?: number;
  /** Maximum number of tokens of the text to use. */
  maxTokens?: number;
  /**
   * Also return the log-probability of each token, and the most probable token at its position.
   * @default false
   */
  logprobs?: boolean;
  /** Compare with the dense model, to measure the cost of dynamic pruning on this text. */
  against?: "dense";
}

export interface FillMaskOptions {
  /**
   * Candidates per mask, at most 20.
   * @default 5
   */
  topK?: number;
  /**
   * Number of steps in which the masks are replaced, the most certain ones first.
   * @default 3
   */
  steps?: number;
  signal?: AbortSignal;
}

export interface EmbedOptions {
  /**
   * How the hidden states of a text are combined into one vector.
   * @default the pooling in the model's file, or "mean"
   */
  pooling?: Pooling;
  /**
   * Scale vectors to length 1, so that dot products are cosine similarities.
   * @default true
   */
  normalize?: boolean;
  /**
   * Truncate texts that are longer than the context instead of failing.
   * @default false
   */
  truncate?: boolean;
  signal?: AbortSignal;
  /** Called after each step of 64 tokens or less, with the number of texts that are complete. */
  onProgress?: (progress: TextsProgress) => void;
}

export interface CalibrateOptions {
  /** A few thousand tokens of text that resembles the model's future prompts and answers. */
  text?: string;
  /**
   * Fraction of its neurons that the model was trained to answer with. The sidecar records it, and the modes then
   * compute no more than that.
   * @default 1
   */
  ffn?: number;
  /**
   * Keep the result in the store of downloads, for later loads of this model. Possible for cached downloads and local
   * files.
   * @default false
   */
  keep?: boolean;
  signal?: AbortSignal;
  /** Called with the completed fraction of the work, 0 to 1. */
  onProgress?: (done: number) => void;
}

const tokenizeRules = { addSpecial: flag, parseSpecial: flag, signal };
const detokenizeRules = { keepSpecial: flag, signal };
const scoreRules = {
  ...tokenizeRules,
  contextLength: integer(2, largest),
  maxTokens: integer(2, largest),
  logprobs: flag,
  against: oneOf("dense"),
};
const fillRules = { topK: integer(1, 20), steps: ruleOf(generationOptionsRules.steps), signal };
const embedRules = {
  pooling: oneOf("mean", "first", "last"),
  normalize: flag,
  truncate: flag,
  signal,
  onProgress: callback,
};
const calibrateRules = { text, ffn: ffnRule, keep: flag, signal, onProgress: callback };

export function stateBytes(state: Uint8Array | ArrayBuffer): Uint8Array {
  if (tagOf(state) === "ArrayBuffer") return new Uint8Array(state);
  if (tagOf(state) === "Uint8Array") return state as Uint8Array;
  throw wrongKind(state, "the bytes of a saved state");
}

export function tokenizeParams(
  input: string,
  options: TokenizeOptions | undefined,
  limits: Limits | undefined,
): { text: string; addSpecial: boolean; parseSpecial: boolean } {
  const { addSpecial = true, parseSpecial = true } = checkOptions("tokenize", options, tokenizeRules);
  limitText(limits, input);
  checkText(input);
  return { text: input, addSpecial, parseSpecial };
}

export function detokenizeParams(
  tokens: readonly number[],
  options: DetokenizeOptions | undefined,
): { tokens: readonly number[]; keepControl: boolean } {
  const { keepSpecial = false } = checkOptions("detokenize", options, detokenizeRules);
  checkTokens(tokens);
  return { tokens, keepControl: keepSpecial };
}

export function scoreParams(
  input: string | readonly number[],
  options: ScoreOptions | undefined,
  limits: Limits | undefined,
): ScoreParams {
  limitText(limits, input);
  checkPrompt(input);
  const {
    addSpecial = true,
    parseSpecial = true,
    contextLength = 0,
    maxTokens = 0,
    logprobs = false,
    against,
  } = checkOptions("score", options, scoreRules);
  return {
    text: input,
    addSpecial,
    parseSpecial,
    window: contextLength,
    maxTokens,
    logprobs,
    compare: against === "dense",
  };
}

export function calibrateOptions(
  options: CalibrateOptions | undefined,
  limits: Limits | undefined,
): CalibrateOptions & { ffn: number } {
  limitText(limits, options?.text);
  const { ffn = 1, ...rest } = checkOptions("calibration", options, calibrateRules);
  return { ffn, ...rest };
}

export function fillParams(text: string, options: FillMaskOptions | undefined): FillParams {
  const { topK = 5, steps } = checkOptions("fill-mask", options, fillRules);
  checkText(text);
  return { text, top: topK, steps };
}

export function embedParams(
  texts: EmbedParams["texts"],
  options: EmbedOptions | undefined,
  limits: Limits | undefined,
): EmbedParams {
  const { pooling, normalize = true, truncate = false } = checkOptions("embedding", options, embedRules);
  refuseAbove(limits, "texts", texts.length, "bad-input");
  for (const each of texts) limitText(limits, each);
  texts.forEach(checkPrompt);
  return { texts, pooling, normalize, truncate };
}
