// The shapes of what comes out of the engine: the same in a worker, inline, in the CLI's JSON.
import type * as records from "./engine/records.js";
import type { FloatWeights, KvType, MeasuredCost, PruneMode, PruneOptions, PruneReport } from "./engine/records.js";
import type { Flavour } from "./features.js";

/** How keys and values are stored: as integers of 16 or of 8 bits, with a scale for each head and position. */
export type KvCacheType = KvType;

/** How matrices of an F32 file are kept: unchanged, or as halves, which take half of the memory. */
export type WeightType = Exclude<FloatWeights, "auto">;

/** What a model occupies, in bytes. Known as soon as the header of the file is. */
export interface MemoryPlan extends Omit<records.MemoryPlan, "halves"> {
  /** `f16`: matrices of F32 are kept as halves. */
  weights: WeightType;
}

/** The code that runs the model, and why it is this one. */
export interface EngineInfo {
  flavour: Flavour;
  /** The kernels that the start-up probe chose, for example `"relaxed dot32"`. */
  kernels: string;
  threads: number;
  /** Whether the engine has a thread of its own. */
  worker: boolean;
  /** What was asked for and could not be had, a sentence each. */
  notes: string[];
}

/**
 * What a model is for. `causal`: predicts the next token. `masked`: fills masks, and answers that way too. `encoder`: only
 * gives vectors.
 */
export type ModelKind = records.ModelKind;

/** The numbers of a model. */
export type ModelNumbers = Omit<records.ModelInfo, "wantsComposedText">;

/** What a model is. */
export interface ModelInfo extends ModelNumbers {
  /** `general.architecture` of the file. */
  architecture: string;
  /** `general.name` of the file; empty where it has none. */
  name: string;
  memoryPlan: MemoryPlan;
  engine: EngineInfo;
  /** The release that the model came with: its manifest was read, and its files were verified by it. */
  release?: ReleaseInfo;
}

/** What the manifest of a release says. */
export interface ReleaseInfo {
  name: string;
  version: string;
  license: string;
  /** The public key (Ed25519, hexadecimal) of whoever signed it; null where nobody did, or where that cannot be checked here. */
  signedBy: string | null;
  /** Whether that key is pinned in the package, or one of the option `trustedKeys`. */
  trusted: boolean;
}

/** One tensor of a file, as the core lists it. */
export type TensorInfo = Record<string, unknown>;

/** What the header of a file says, without its weights. */
export interface Inspection {
  architecture: string;
  parameters: number;
  tensors: TensorInfo[];
  memoryPlan: MemoryPlan;
  metadata: Record<string, unknown>;
}

/** A token, its text, and the natural logarithm of its probability before any sampling option. */
export interface TokenLogprob {
  token: number;
  /** The written form of the token; a part of a character shows as U+FFFD. */
  text: string;
  logprob: number;
}

/** The token that was chosen, and what was probable in its place, most probable first. */
export interface StepLogprobs extends TokenLogprob {
  top: TokenLogprob[];
}

/**
 * Why a text ends. `stop`: the end token or a stop string. `length`: `maxTokens` or the context is reached. `abort`: the
 * caller's signal, or the loop over the text was left. `error`: never in a result (an error rejects); for wire formats that
 * must name one.
 */
export type FinishReason = "stop" | "length" | "abort" | "error";

export interface Usage {
  promptTokens: number;
  completionTokens: number;
  /** Tokens of the prompt that the cache still held, so that they were not evaluated again; missing where there were none. */
  cachedTokens?: number;
  /** Bytes of the completion, where a model reads and writes bytes and its tokens are chunks of them. */
  bytes?: number;
}

export interface Timings {
  /** From the beginning of the load to readiness; the same for every call on a model. */
  loadMs: number;
  prefillMs: number;
  decodeMs: number;
  /** Tokens of the prompt by second; those that the cache still held do not count. */
  prefillTokensPerSecond: number;
  /** Tokens by second after the first one; 0 where there was one only. */
  decodeTokensPerSecond: number;
}

/** The whole of one generation, as the engine gives it. */
export interface Generated {
  text: string;
  /** Every token that was chosen, the one that ended the text too. */
  tokens: number[];
  finishReason: FinishReason;
  usage: Usage;
  timings: Timings;
  /** The seed in use; the same seed gives the same text. */
  seed: number;
  /** One for each token, where `logprobs` was asked for. */
  logprobs?: StepLogprobs[];
}

/** The whole of one generation, and what it ran on. */
export interface GenerationResult extends Generated {
  engine: EngineInfo;
}

/** What a saved state was. */
export interface LoadedState {
  /** Of its text. */
  tokens: number;
}

/** How probable a model found a text. */
export interface Score {
  /** Tokens scored: every token of a window but its first. */
  tokens: number;
  /** Bytes of these, where a model reads bytes and its tokens are chunks of them. */
  bytes?: number;
  /** Mean negative log-likelihood, in nats a token; a byte, where `bytes` is there. */
  nll: number;
  /** `exp(nll)`. */
  perplexity: number;
  /** The natural logarithm of the probability of each scored token, where `logprobs` was asked for. */
  logprobs?: number[];
  /** The token that was the most probable in the place of each scored token, where `logprobs` was asked for. */
  best?: number[];
  /** With `against: "dense"`: the mean Kullback-Leibler divergence from the dense model, in nats a token. */
  kl?: number;
  /** Likewise: the part of the tokens, 0 to 1, in whose place the same token is the most probable. */
  top1?: number;
  /** Likewise: the perplexity over that of the dense model. */
  perplexityRatio?: number;
}

/** Which hidden states represent a text: their mean, or that of its first or last token. */
export type Pooling = Exclude<records.Pooling, "model">;

/** What may stand in a place, and how probable that is, 0 to 1. */
export interface Candidate {
  token: number;
  text: string;
  probability: number;
}

/** What may stand in place of masks. */
export interface FilledMasks {
  /** Of the first mask, the most probable ones first; each mask alone, as if the others stayed masks. */
  candidates: Candidate[];
  /** The same of each mask. */
  masks: Candidate[][];
  /** The text with all masks decided, one depending on the other. */
  text: string;
}

/** Which of some labels fits a text. */
export interface Classification {
  label: string;
  /** All labels, the most probable first. The probabilities add up to 1. */
  candidates: { text: string; probability: number }[];
}

/** How much dynamic pruning leaves out. */
export type EpdpMode = Exclude<PruneMode, "custom">;

/** The same in numbers. */
export type EpdpNumbers = Partial<Omit<PruneOptions, "mode">>;

/** The cost of a mode, measured when the model was calibrated. */
export type EpdpCost = MeasuredCost;

export type EpdpCosts = Record<Exclude<EpdpMode, "off">, EpdpCost>;

/** What dynamic pruning did since the last generation began. */
export interface PruneNumbers extends Omit<PruneReport, "hasLargeHead" | "headReserved" | "costs"> {
  /** The cost of each mode, measured when the model was calibrated; null before, or if the head is too small. */
  costs: EpdpCosts | null;
}

/** What a calibration has learnt. */
export interface Calibration {
  /** To be kept beside the model, as a file with the ending .epdp. */
  sidecar: Uint8Array;
  /** Null where the output head is too small to be pruned. */
  costs: EpdpCosts | null;
}

/** An event of a load, in the shape of transformers.js. */
export interface ProgressEvent {
  /**
   * `initiate`: the source is known. `download`: its first byte is about to arrive. `progress`: some arrived. `done`: all of
   * them are in place. `ready`: the model answers; where that is before all are there (the option `eager`), `progress` and `done` go on behind it.
   */
  status: "initiate" | "download" | "progress" | "done" | "ready";
  file: string;
  /** Bytes so far. */
  loaded: number;
  /** Bytes in all; 0 while unknown. */
  total: number;
  /** Percent, 0 to 100; 0 while the total is unknown. */
  progress: number;
}
