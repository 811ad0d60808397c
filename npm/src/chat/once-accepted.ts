// The later calls on the model that one answer needs.
import { asCamelGPTError } from "../../../web/errors.js";

/** Milliseconds between two attempts. */
const retryDelay = 20;

/**
 * Waits while the queue of the model is full, since calls that came in between must not end an answer that has begun.
 * Returns undefined after an abort. Errors: those of `work`, except `queue-full`.
 */
export async function onceAccepted<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T | undefined> {
  while (!signal?.aborted) {
    try {
      return await work();
    } catch (error) {
      if (signal?.aborted) break;
      if (asCamelGPTError(error).code !== "queue-full") throw error;
      await new Promise((resolve) => setTimeout(resolve, retryDelay));
    }
  }
  return undefined;
}
