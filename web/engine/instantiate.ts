// A compiled module → a running one with its own memory.
import createCamelGPT, { type MainModule } from "../../build/wasm/camelgpt.mjs";

import { CamelGPTError, describe } from "../errors.js";

export interface Instantiated {
  module: MainModule;
  memory: WebAssembly.Memory;
}

/**
 * A compiled module does not tell whether its memory is shared, so if one kind does not fit, the other is tried.
 * Errors: `out-of-memory`, `engine-unavailable`.
 */
export async function instantiate(
  wasm: WebAssembly.Module,
  hasThreads: boolean,
  maxMemory: number,
): Promise<Instantiated> {
  try {
    return await instantiateOver(newMemory(hasThreads, maxMemory), wasm).catch((error: unknown) => {
      if (error instanceof WebAssembly.LinkError) return instantiateOver(newMemory(!hasThreads, maxMemory), wasm);
      throw error;
    });
  } catch (error) {
    if (error instanceof RangeError) {
      throw new CamelGPTError("out-of-memory", "There is not enough memory for the engine.", {
        found: describe(error),
        hint: "Close other pages or programs.",
        cause: error,
      });
    }
    throw new CamelGPTError("engine-unavailable", `The engine could not be started: ${describe(error)}`, {
      hint: "If `wasmModule` or `wasmUrl` is given: it must be of the same version as this package.",
      cause: error,
    });
  }
}

const pageBytes = 65536;
/** 4 MiB, with which a module starts, and 4 GiB. */
const initialPages = 64;
const maxPages = 65536;

/**
 * Returns 4 MiB that can grow to `maxMemory` bytes, at most 4 GiB. Shared memory reserves its maximum; if that fails,
 * smaller ones are tried.
 */
function newMemory(shared: boolean, maxMemory: number): WebAssembly.Memory {
  const limit = Math.max(initialPages, Math.min(maxPages, Math.floor(maxMemory / pageBytes)));
  for (let maximum = limit; ; maximum = Math.floor(maximum / 2)) {
    try {
      return new WebAssembly.Memory({ initial: initialPages, maximum, shared });
    } catch (error) {
      if (!shared || maximum <= 4096) throw error;
    }
  }
}

/** Emscripten's glue around the compiled module: it neither fetches nor compiles anything. */
function instantiateOver(memory: WebAssembly.Memory, wasm: WebAssembly.Module): Promise<Instantiated> {
  return new Promise((resolve, reject) => {
    const instantiateWasm = (
      imports: WebAssembly.Imports,
      success: (instance: WebAssembly.Instance, module: WebAssembly.Module) => void,
    ) => {
      // The glue ignores a failure and would wait forever.
      WebAssembly.instantiate(wasm, imports)
        .then((instance) => success(instance, wasm))
        .catch(reject);
      return {};
    };
    createCamelGPT({ instantiateWasm, wasmMemory: memory }).then((module) => resolve({ module, memory }), reject);
  });
}
