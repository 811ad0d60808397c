// The parameters of the calls on a loaded model, checked and with all defaults filled in.
import type { DeepPartial, GenerationOptions } from "../engine/records.js";
import type { RenderedPrompt } from "../rendered-prompt.js";
import type { Pooling } from "../types.js";

export interface TokenizeParams {
  /** A text, or a rendered chat, which gets no EOS, and BOS only if it lacks it. */
  text: string | RenderedPrompt;
  /** Whether to add the special tokens that the model expects around a text. */
  addSpecial: boolean;
  /** Whether special tokens written in the text (`<|im_end|>`) are read as tokens. */
  parseSpecial: boolean;
}

/** Added to the logits of tokens. */
export type TokenBiases = readonly (readonly [token: number, bias: number])[];

export interface GenerateParams {
  /** Text, or token ids, which are used unchanged, or a rendered chat. */
  prompt: string | readonly number[] | RenderedPrompt;
  /** See {@link TokenizeParams}. */
  addSpecial: boolean;
  parseSpecial: boolean;
  sampling: DeepPartial<GenerationOptions> & { seed: number };
  stop: readonly string[];
  /** By token id, or by the text of a token. */
  logitBias: readonly (readonly [token: number | string, bias: number])[];
  /** The language of the answer in GBNF; undefined: any text. */
  grammar?: string | undefined;
  /** Whether the text contains the written form of control tokens, except for end tokens. */
  keepControl?: boolean | undefined;
  /** Only texts with the same salt share cached prefixes. */
  cacheSalt?: string | undefined;
  /** Whether to report the progress of the prompt. */
  reportsProgress: boolean;
  /** Whether to report what each step computed. */
  reportsActivity?: boolean;
}

export interface MatchParams {
  text: string;
  /** A language in GBNF. Literals of tokens match no text. */
  grammar: string;
}

export interface ScoreParams {
  text: string | readonly number[];
  /** See {@link TokenizeParams}. */
  addSpecial: boolean;
  parseSpecial: boolean;
  /** Tokens per window; 0: the whole context. */
  window: number;
  /** Maximum number of tokens of the text to use; 0: all. */
  maxTokens: number;
  logprobs: boolean;
  /** Whether to compare with the dense model. */
  compare: boolean;
}

export interface CalibrateParams {
  /** The text to learn from. */
  text: string;
  /** Fraction of the neurons that the model was trained to answer with. */
  ffn: number;
}

export interface FillParams {
  text: string;
  /** Candidates per mask. */
  top: number;
  steps: number | undefined;
}

export interface AnswersParams {
  prompts: readonly RenderedPrompt[];
  /** A space is added before an answer if the prompt does not end with one. */
  answers: readonly string[];
  /** Whether the prompts are rendered chats, which get no EOS, and BOS only if they lack it. */
  isChat: boolean;
}

export interface EmbedParams {
  /** Texts, or their token ids. */
  texts: readonly (string | readonly number[])[];
  pooling: Pooling | undefined;
  normalize: boolean;
  /** Whether to cut texts that do not fit. */
  truncate: boolean;
}
