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
export async function instantiate(wasm: WebAssembly.Module, hasThreads: boolean): Promise<Instantiated> {
  try {
    return await instantiateOver(newMemory(hasThreads), wasm).catch((error: unknown) => {
      if (error instanceof WebAssembly.LinkError) return instantiateOver(newMemory(!hasThreads), wasm);
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

/** Returns 4 MiB that can grow to 4 GiB. Shared memory reserves its maximum; if that fails, smaller ones are tried. */
function newMemory(shared: boolean): WebAssembly.Memory {
  for (let maximum = 65536; ; maximum /= 2) {
    try {
      return new WebAssembly.Memory({ initial: 64, maximum, shared });
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
