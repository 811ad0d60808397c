// What a model can be asked for, and the messages that carry it to another thread and back.
import type { DeepPartial, GenerationOptions, MemoryOptions } from "./engine/records.js";
import type { ErrorData } from "./errors.js";
import type { Build, Flavour } from "./features.js";
import type { Location } from "./load/resolve.js";
import type { ByteSource } from "./load/source.js";
import type { ThreadStart } from "./threads.js";
import type {
  Calibration,
  Classification,
  EpdpMode,
  EpdpNumbers,
  FilledMasks,
  Generated,
  Inspection,
  LoadedState,
  ModelInfo,
  Pooling,
  ProgressEvent,
  PruneNumbers,
  Score,
} from "./types.js";

/** How the engine is to be made. */
export interface EngineOptions {
  flavour: Flavour | "auto";
  threads: number | "auto";
  /** A compiled module to use instead of loading one. */
  wasmModule?: WebAssembly.Module | undefined;
  /** Where the module is instead of beside the package: one file, or one for each build. */
  wasmUrl?: string | Partial<Record<Build, string>> | undefined;
}

export interface LoadParams {
  location: Location;
  /** What the sidecar adds to it is only known in the worker. */
  memory: DeepPartial<Omit<MemoryOptions, "prune" | "trainedFfn">>;
  epdp: EpdpMode | EpdpNumbers;
  /** Whether the model may answer before all of its weights have arrived, if the sidecar allows it. */
  eager: boolean;
  /** Whether to read what lies behind the last tensor too, since only then the whole file is known to be right. */
  toEnd: boolean;
  /** What an earlier calibration has learnt. */
  sidecar?: SidecarParams | undefined;
  /** What to calibrate with in idle time, where that is wanted. */
  calibrationText: string | undefined;
  engine: EngineOptions;
}

export interface SidecarParams {
  bytes: Uint8Array;
  /** Of the file, for messages. */
  name: string;
  /** Whether the user named it: then an unusable one is an error, and otherwise a note. */
  named: boolean;
}

/** A model that answers. */
export interface LoadedModel {
  info: ModelInfo;
  /** Jinja; empty where the model has none. */
  chatTemplate: string;
  /** The written forms of the tokens, for the template; empty where the model has none. */
  bosText: string;
  eosText: string;
}

export interface GenerateParams {
  /** Text, or token ids to continue as they are. */
  prompt: string | readonly number[];
  /** Whether to add the tokens that the model wants around a text. */
  addSpecial: boolean;
  /** Whether special tokens written in the text (`<|im_end|>`) count as such. */
  parseSpecial: boolean;
  sampling: DeepPartial<GenerationOptions> & { seed: number };
  stop: readonly string[];
  logitBias: readonly (readonly [token: number, bias: number])[];
}

export interface ScoreParams {
  text: string | readonly number[];
  addSpecial: boolean;
  parseSpecial: boolean;
  /** Tokens of a window; 0 means the whole context. */
  window: number;
  /** Tokens of the text to use at most; 0 means all. */
  maxTokens: number;
  logprobs: boolean;
  /** Whether to compare with the dense model. */
  compare: boolean;
}

export interface CalibrateParams {
  /** To learn from. */
  text: string;
  /** Part of the neurons that the model was trained to answer with. */
  ffn: number;
}

export interface FillParams {
  text: string;
  /** Candidates of a mask. */
  top: number;
  steps: number | undefined;
}

export interface ClassifyParams {
  text: string;
  labels: readonly string[];
  /** With `{text}` and `{labels}`; undefined: the model's own for these labels, or a general one. */
  template: string | undefined;
}

export interface EmbedParams {
  /** Texts, or their token ids. */
  texts: readonly (string | readonly number[])[];
  pooling: Pooling | undefined;
  normalize: boolean;
  /** Cut texts that do not fit. */
  truncate: boolean;
}

/** Every call: what goes in, what comes while it runs, what comes out. */
export interface Calls {
  load: { params: LoadParams; event: ProgressEvent; value: LoadedModel };
  inspect: { params: LoadParams; event: ProgressEvent; value: Inspection };
  tokenize: { params: { text: string; addSpecial: boolean; parseSpecial: boolean }; event: never; value: number[] };
  detokenize: { params: { tokens: readonly number[]; keepControl: boolean }; event: never; value: string };
  pieces: { params: { tokens: readonly number[] }; event: never; value: string[] };
  /** The events are pieces of the text, in order. */
  generate: { params: GenerateParams; event: string; value: Generated };
  save: { params: Record<string, never>; event: never; value: Uint8Array };
  restore: { params: { state: Uint8Array }; event: never; value: LoadedState };
  score: { params: ScoreParams; event: never; value: Score };
  fill: { params: FillParams; event: never; value: FilledMasks };
  classify: { params: ClassifyParams; event: never; value: Classification };
  embed: { params: EmbedParams; event: never; value: Float32Array[] };
  /** The events say how much is done, 0 to 1. */
  calibrate: { params: CalibrateParams; event: number; value: Calibration };
  report: { params: Record<string, never>; event: never; value: PruneNumbers };
}
export type CallName = keyof Calls;

/** What belongs to one call beside its parameters. */
export interface CallContext<K extends CallName> {
  signal?: AbortSignal | undefined;
  /** What comes while the call runs. */
  onEvent?: ((event: Calls[K]["event"]) => void) | undefined;
  /** Opens the bytes of a `caller` location: of one of its files. */
  openCaller?: ((file: number) => Promise<ByteSource>) | undefined;
}

/** From the caller to the engine's thread. A call has one id; everything that belongs to it carries that id. */
export type ToWorker =
  | { [K in CallName]: { type: "call"; id: number; name: K; params: Calls[K]["params"] } }[CallName]
  | { type: "abort"; id: number }
  /** The answer to `pull`: the next bytes, none at the end. */
  | { type: "bytes"; id: number; bytes: Uint8Array }
  | { type: "bytes-failed"; id: number; error: ErrorData }
  /** Makes a new worker a helping thread of another one's engine. Nothing follows it. */
  | { type: "help"; start: ThreadStart };

/** From the engine's thread to the caller. */
export type FromWorker =
  | { type: "value"; id: number; value: Calls[CallName]["value"] }
  | { type: "event"; id: number; event: ProgressEvent | string | number }
  | { type: "error"; id: number; error: ErrorData }
  /** Asks for at most `size` bytes of a file that only the caller can read. One at a time. */
  | { type: "pull"; id: number; file: number; size: number }
  /** The answer to `help`. */
  | { type: "helping" };
