// Options for creating the engine.
import type { Build, Flavour } from "../types.js";

export interface EngineOptions {
  flavour: Flavour | "auto";
  threads: number | "auto";
  /** Bytes that the engine's memory may have; undefined: 4 GiB. */
  maxMemory?: number | undefined;
  /** A compiled module to use instead of loading one. */
  wasmModule?: WebAssembly.Module | undefined;
  /** URL of the module if it is not in the package: one file, or one for each build. */
  wasmUrl?: string | Partial<Record<Build, string>> | undefined;
}
