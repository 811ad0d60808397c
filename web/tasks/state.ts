// The contents of the cache (a text with its keys and values) ↔ bytes that can be stored and loaded again.
import type { Engine } from "../engine/engine.js";
import { CamelGPTError, throwIfAborted } from "../errors.js";
import { pacer } from "../pause.js";
import type { LoadedState } from "../types.js";

/** Errors: `bad-state` if the cache is empty, `unsupported-task` for encoders, `out-of-memory`. */
export async function saveState(engine: Engine, signal: AbortSignal | undefined): Promise<Uint8Array> {
  throwIfAborted(signal);
  const state = allocate(engine.save());
  const pace = pacer();
  for (let filled = 0; filled < state.length; ) {
    const { processed } = engine.advance(engine.staging().length);
    state.set(engine.staging().subarray(0, processed), filled);
    filled += processed;
    await pace();
    throwIfAborted(signal);
  }
  return state;
}

/**
 * After an error or an abort the cache may be empty. Errors: `truncated`, `bad-format`, `unsupported-version`,
 * `bad-input` if the state belongs to another model, `context-overflow`, `aborted`.
 */
export async function loadState(
  engine: Engine,
  state: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<LoadedState> {
  throwIfAborted(signal);
  engine.restore(state.length);
  const pace = pacer();
  for (let given = 0; given < state.length; ) {
    const staging = engine.staging();
    const bytes = state.subarray(given, given + staging.length);
    staging.set(bytes);
    engine.advance(bytes.length);
    given += bytes.length;
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
