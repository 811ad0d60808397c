// The calls that the engine's thread answers, and the messages that carry them between threads.
import type { EngineOptions } from "../engine/engine-options.js";
import type { ThreadStart } from "../engine/helper-thread.js";
import type { DeepPartial, MemoryOptions } from "../engine/records.js";
import type { ErrorData } from "../errors.js";
import type { GapTokens } from "../load/gap-tokens.js";
import type { Location } from "../load/location.js";
import type { Sidecar } from "../load/sidecar.js";
import type { ByteSource } from "../load/sources/source.js";
import type { RenderedChat, TemplateInput } from "../text/rendering.js";
import type {
  AnswersParams,
  CalibrateParams,
  EmbedParams,
  FillParams,
  GenerateParams,
  MatchParams,
  ScoreParams,
  TokenizeParams,
} from "../tasks/params.js";
import type {
  AnswerScore,
  Calibration,
  EpdpMode,
  EpdpNumbers,
  FilledMasks,
  Generated,
  GenerationReport,
  GrammarMatch,
  Inspection,
  LoadedState,
  ModelInfo,
  ProgressEvent,
  PruneNumbers,
  SamplingDefaults,
  Score,
  TextsProgress,
} from "../types.js";

export interface LoadParams {
  location: Location;
  /** Options that the sidecar adds are only known to the engine. */
  memory: DeepPartial<Omit<MemoryOptions, "prune" | "trainedFfn" | "hasSidecar">>;
  epdp: EpdpMode | EpdpNumbers;
  /** Whether the model may answer before all of its weights have arrived, if the sidecar allows it. */
  eager: boolean;
  /** Whether to read the bytes after the last tensor too, which a hash of the whole file requires. */
  toEnd: boolean;
  /** The result of an earlier calibration. */
  sidecar?: Sidecar | undefined;
  /** The text for a calibration in idle time; undefined: none. */
  calibrationText: string | undefined;
  /** The sampling that the catalogue recommends for the model. */
  sampling: SamplingDefaults | undefined;
  /** Limit of the headers of all files together. */
  maxHeaderBytes: number;
  engine: EngineOptions;
}

/** A model that answers. */
export interface LoadedModel {
  info: ModelInfo;
  /** A Jinja template; empty if the model has none. */
  chatTemplate: string;
  gapTokens: GapTokens;
  /** The metadata `camelgpt.tasks`; empty if the file has none. */
  tasks: string;
  /** The pieces of the special tokens, for the template; empty if the model has none. */
  bosText: string;
  eosText: string;
  /** A text of more bytes does not fit into the context. */
  maxTextBytes: number;
}

/** The end of a calibration in idle time, which can come after the value. */
export interface CalibratedEvent {
  status: "calibrated";
  sidecar: Uint8Array;
}

/** All calls: their parameters, the events they emit, and the value they return. */
export interface Calls {
  load: { params: LoadParams; event: ProgressEvent | CalibratedEvent; value: LoadedModel };
  inspect: { params: LoadParams; event: ProgressEvent; value: Inspection };
  /** This and the next two run between two steps of the call in progress, unless the model is byte-level. */
  tokenize: { params: TokenizeParams; event: never; value: number[] };
  detokenize: { params: { tokens: readonly number[]; keepControl: boolean }; event: never; value: string };
  pieces: { params: { tokens: readonly number[] }; event: never; value: string[] };
  /** Does not wait for other calls. The value is null if this thread cannot load the interpreter of templates. */
  render: { params: TemplateInput; event: never; value: RenderedChat | null };
  /** The events are consecutive pieces of the text, and progress and activity if the parameters ask for them. */
  generate: { params: GenerateParams; event: string | GenerationReport; value: Generated };
  match: { params: MatchParams; event: never; value: GrammarMatch };
  /** Removes the tokens [from, to) from the cached text that begins with `tokens`, if there is one. */
  remove: { params: { tokens: readonly number[]; from: number; to: number }; event: never; value: undefined };
  save: { params: Record<string, never>; event: never; value: Uint8Array };
  restore: { params: { state: Uint8Array }; event: never; value: LoadedState };
  score: { params: ScoreParams; event: never; value: Score };
  fill: { params: FillParams; event: never; value: FilledMasks };
  /** The value has the scores of all answers for each prompt. */
  scoreAnswers: { params: AnswersParams; event: TextsProgress; value: AnswerScore[][] };
  embed: { params: EmbedParams; event: TextsProgress; value: Float32Array[] };
  /** The events are the completed fraction, 0 to 1. */
  calibrate: { params: CalibrateParams; event: number; value: Calibration };
  /** Runs between two steps of a generation in progress, which continues with the new setting. */
  setEpdp: { params: { epdp: EpdpMode | EpdpNumbers }; event: never; value: undefined };
  /** `queued`: calls that wait for their turn. Does not wait itself. */
  report: { params: Record<string, never>; event: never; value: PruneNumbers & { queued: number } };
}
export type CallName = keyof Calls;

/** Everything that a call has besides its parameters. */
export interface CallContext<K extends CallName> {
  signal?: AbortSignal | undefined;
  onEvent?: ((event: Calls[K]["event"]) => void) | undefined;
  /** Opens one file of a `caller` location. */
  openCaller?: ((file: number) => Promise<ByteSource>) | undefined;
}

/** From the caller to the engine's thread. Every message of a call carries the id of the call. */
export type ToWorker =
  | { [K in CallName]: { type: "call"; id: number; name: K; params: Calls[K]["params"] } }[CallName]
  | { type: "abort"; id: number }
  /** The answer to `pull`: the next bytes, or none at the end, and the exact size of the file if it is known. */
  | { type: "bytes"; id: number; bytes: Uint8Array; fileSize?: number | undefined }
  | { type: "bytes-failed"; id: number; error: ErrorData }
  /** Turns a new worker into a helper thread of another worker's engine. No other message follows. */
  | { type: "help"; start: ThreadStart };

/** From the engine's thread to the caller. */
export type FromWorker =
  | { type: "value"; id: number; value: Calls[CallName]["value"] }
  | {
      type: "event";
      id: number;
      event: ProgressEvent | CalibratedEvent | GenerationReport | TextsProgress | string | number;
    }
  | { type: "error"; id: number; error: ErrorData }
  /** Requests at most `size` bytes of a file that only the caller can read. One request at a time. */
  | { type: "pull"; id: number; file: number; size: number }
  /** The answer to `help`. */
  | { type: "helping" };
