// Types that describe a model, its memory and the engine that runs it.
import type * as records from "../engine/records.js";

/** The instructions a build of the engine uses: 128-bit SIMD, or 128-bit SIMD with the relaxed instructions. */
export type Flavour = "simd" | "relaxed";

/** One build of the engine: a flavour, with or without shared memory for threads. */
export type Build = Flavour | `${Flavour}-threads`;

/** How keys and values are stored: as integers of 16 or 8 bits, with one scale for each head and position. */
export type KvCacheType = records.KvType;

/** How the matrices of an F32 file are stored: unchanged, or as half floats, which take half the memory. */
export type WeightType = Exclude<records.FloatWeights, "auto">;

/** The memory a model occupies, in bytes. It is known once the header of the file has been read. */
export interface MemoryPlan extends Omit<records.MemoryPlan, "halves"> {
  /** `f16`: the F32 matrices are stored as half floats. */
  weights: WeightType;
}

/** The build of the engine that runs the model, and why it was chosen. */
export interface EngineInfo {
  flavour: Flavour;
  /** The kernels that the start-up probe chose, for example `"relaxed dot32"`. */
  kernels: string;
  threads: number;
  /** Whether the engine runs in a worker. */
  worker: boolean;
  /** One sentence for each request that could not be met. */
  notes: string[];
}

/**
 * `causal`: predicts the next token. `masked`: predicts masked tokens, and generates text by filling masks. `encoder`:
 * computes embeddings only.
 */
export type ModelKind = records.ModelKind;

/** The dimensions of a model. */
export type ModelNumbers = Omit<records.ModelInfo, "wantsComposedText" | "sampling">;

/**
 * The sampling options with which a model answers a chat, unless the caller gives others: those that its file
 * recommends (`general.sampling.*`), otherwise those of the catalogue; a temperature of 0.7 and a min-p of 0.05 if
 * these are not among them. Empty for masked models, which choose the most probable tokens.
 */
export type SamplingDefaults = { [Name in keyof records.RecommendedSampling]?: number | undefined };

/** Everything that `info()` reports about a model. */
export interface ModelInfo extends ModelNumbers {
  /** `general.architecture` of the file. */
  architecture: string;
  /** `general.name` of the file; empty if the file has none. */
  name: string;
  memoryPlan: MemoryPlan;
  sampling: SamplingDefaults;
  engine: EngineInfo;
  /** Present if the model was loaded from a release: its files have been verified against the manifest. */
  release?: ReleaseInfo;
}

/** The contents of a release's manifest. */
export interface ReleaseInfo {
  name: string;
  version: string;
  license: string;
  /**
   * The Ed25519 public key of the signer, in hexadecimal; null if the release is unsigned or the signature cannot be
   * checked here.
   */
  signedBy: string | null;
  /** Whether that key is pinned in the package or listed in the option `trustedKeys`. */
  trusted: boolean;
}

/** One tensor of a file, as the core lists it. */
export type TensorInfo = Record<string, unknown>;

/** The contents of a file's header. */
export interface Inspection {
  architecture: string;
  parameters: number;
  tensors: TensorInfo[];
  memoryPlan: MemoryPlan;
  sampling: SamplingDefaults;
  metadata: Record<string, unknown>;
}

/** A loading event, in the shape that transformers.js uses. */
export interface ProgressEvent {
  /**
   * `initiate`: the source is known. `download`: the first byte is about to arrive. `progress`: some bytes arrived.
   * `done`: the whole file is in place. `ready`: the model can answer. With the option `eager`, `ready` can come before
   * further `progress` events and `done`.
   */
  status: "initiate" | "download" | "progress" | "done" | "ready";
  file: string;
  /** Bytes received so far. */
  loaded: number;
  /** Size of the file in bytes; 0 while unknown. */
  total: number;
  /** Percentage, 0 to 100; 0 while the total is unknown. */
  progress: number;
}
