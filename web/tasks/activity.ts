// Runs the engine's activity to its end, and pauses in between so that other messages are handled.
import type { Engine } from "../engine/engine.js";
import { throwIfAborted } from "../errors.js";
import { pacer } from "../pause.js";

/** Tokens that one call of the engine evaluates: enough for full speed, few enough to abort quickly. */
export const sliceTokens = 64;

/** `onRemaining` receives the remaining work after each step. Errors: those of the activity, `aborted`. */
export async function runActivity(
  engine: Engine,
  signal: AbortSignal | undefined,
  onRemaining?: (remaining: number) => void,
): Promise<void> {
  const pace = pacer();
  for (;;) {
    const { state, remaining } = engine.advance(sliceTokens);
    onRemaining?.(remaining);
    if (state === "done") return;
    await pace();
    throwIfAborted(signal);
  }
}
