// The text that the cache holds, with keys and values ↔ bytes to keep.
import type { Engine } from "./engine/engine.js";
import { CamelGPTError, throwIfAborted } from "./errors.js";
import { pacer } from "./pause.js";
import type { LoadedState } from "./types.js";

/** Errors: `bad-state` where there is no text, `unsupported-task` for encoders, `out-of-memory`. */
export async function saveState(engine: Engine, signal: AbortSignal | undefined): Promise<Uint8Array> {
  throwIfAborted(signal);
  const state = allocate(engine.saveBegin());
  const pace = pacer();
  for (let filled = 0; filled < state.length; ) {
    const bytes = engine.saveContinue();
    state.set(bytes, filled);
    filled += bytes.length;
    await pace();
    throwIfAborted(signal);
  }
  return state;
}

/** Errors: all that the bytes can be at fault with. Then, and after an abort, the cache may be empty. */
export async function loadState(
  engine: Engine,
  state: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<LoadedState> {
  throwIfAborted(signal);
  engine.restoreBegin(state.length);
  const pace = pacer();
  for (let given = 0; given < state.length; ) {
    given += engine.restoreContinue(state.subarray(given));
    await pace();
    throwIfAborted(signal);
  }
  return { tokens: engine.cachedTokens };
}

function allocate(bytes: number): Uint8Array {
  try {
    return new Uint8Array(bytes);
  } catch (cause) {
    throw new CamelGPTError("out-of-memory", "There is not enough memory for the saved state.", {
      expected: `${bytes} bytes`,
      cause,
    });
  }
}
