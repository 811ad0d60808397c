// The result of generating text.
import type { CamelGPTError } from "../errors.js";
import type { AnswerMessage, ToolCall, ToolResult } from "./answers.js";
import type { EngineInfo } from "./model.js";

/** How much of the prompt has been evaluated, in tokens; the cached ones count as done. */
export interface PrefillProgress {
  phase: "prefill";
  done: number;
  total: number;
}

/** The work of the model to choose one token of an answer. */
export interface StepActivity {
  phase: "decode";
  token: number;
  /** Rows of the output head that were scored exactly: all of the vocabulary in a dense step, 0 for a forced token. */
  headRows: number;
  /**
   * How many rows dynamic pruning selected in each stretch of 64 rows of the vocabulary. Empty if the head was dense,
   * the token was forced, or a format allowed few tokens.
   */
  headMap: Uint8Array;
  /** The expected divergence of the step from the dense model, in nats; 0: the step was dense. */
  expectedKl: number;
  /**
   * How many neurons of each layer were open, for models whose gates are ReLUs: the others were skipped. Empty for
   * other models, which need all neurons.
   */
  openNeurons: Uint32Array;
}

/** An event of a generation that is not text. */
export type GenerationReport = PrefillProgress | StepActivity;

/** A token, its text, and the natural logarithm of its probability before any sampling option is applied. */
export interface TokenLogprob {
  token: number;
  /** The piece of the token; an incomplete character shows as U+FFFD. */
  text: string;
  /** The bytes of the piece in UTF-8: those of successive tokens join to whole characters. */
  bytes: number[];
  logprob: number;
}

/** The chosen token and the most probable alternatives, in descending order. */
export interface StepLogprobs extends TokenLogprob {
  top: TokenLogprob[];
}

/**
 * Why a text ended. `stop`: the end token or a stop string. `length`: `maxTokens` or the end of the context.
 * `tool-calls`: the model called tools that the application has to run. `abort`: the caller's signal, or leaving the
 * loop over the stream. `error`: for wire formats that must name one; results never have it, since an error rejects.
 */
export type FinishReason = "stop" | "length" | "tool-calls" | "abort" | "error";

export interface Usage {
  promptTokens: number;
  completionTokens: number;
  /** Those of them that belong to the reasoning, with its markers; missing if there was none. */
  reasoningTokens?: number;
  /** Tokens of the prompt that were still in the cache and were not evaluated again; missing if there were none. */
  cachedTokens?: number;
  /** Bytes of the completion, for byte-level models only. */
  bytes?: number;
}

export interface Timings {
  /** Duration of the load; the same for every call on one model. */
  loadMs: number;
  prefillMs: number;
  decodeMs: number;
  /** Evaluated tokens of the prompt per second, without `cachedTokens`. */
  prefillTokensPerSecond: number;
  /** Tokens per second after the first token; 0 if there was only one. */
  decodeTokensPerSecond: number;
}

/** One complete generation, as the engine returns it. */
export interface Generated {
  text: string;
  /** All chosen tokens, including the one that ended the text. */
  tokens: number[];
  finishReason: FinishReason;
  usage: Usage;
  timings: Timings;
  /** The seed that was used; the same seed gives the same text. */
  seed: number;
  /** One entry for each token, if `logprobs` was requested. */
  logprobs?: StepLogprobs[];
}

/** One complete generation and the engine it ran on. `T` is the type of the value that `responseFormat` asked for. */
export interface GenerationResult<T = unknown> extends Generated {
  /** The reasoning of a chat's answer, which `text` does not contain; missing if there was none. */
  reasoning?: string;
  engine: EngineInfo;
  /** The calls of tools in the answer, for a chat with the option `tools`. */
  toolCalls?: ToolCall[];
  /** All answers of a chat with the option `tools`; `text` and `toolCalls` are those of the last one. */
  steps?: AnswerStep[];
  /** The messages that continue the conversation: the answers, and the results of tools. For chats with `tools`. */
  messages?: AnswerMessage[];
  /**
   * The value of the answer, if `responseFormat` is JSON (parsed, and validated by a Standard Schema) or a choice.
   * Missing if the answer was cut off, which `finishReason` tells, or is not valid.
   */
  object?: T;
  /** All answers, the first of them this one, if the option `n` was given. `usage` counts the tokens of all. */
  choices?: GenerationResult<T>[];
  /** Why `object` is missing, with the code `bad-answer`. `text` has the answer. */
  objectError?: CamelGPTError;
}

/** One answer of the model, among those that it gave in a row with the results of tools in between. */
export interface AnswerStep {
  text: string;
  reasoning?: string;
  toolCalls: ToolCall[];
  /** The results of the tools that were executed, in the order of the calls. */
  toolResults: ToolResult[];
  finishReason: FinishReason;
  usage: Usage;
}

/** The state that `loadState` put into the cache. */
export interface LoadedState {
  /** Tokens of its text. */
  tokens: number;
}
