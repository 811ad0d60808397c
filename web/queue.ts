// Runs overlapping calls on one model one after the other.
import { abortedError } from "../errors.js";

export class Queue {
  #last: Promise<unknown> = Promise.resolve();

  /**
   * Runs `task` once all earlier tasks have ended, successfully or not. If its signal aborts while it waits, the task
   * is never started and the promise rejects immediately.
   */
  run<T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const onAbort = () => reject(abortedError(signal));
      if (signal?.aborted) return onAbort();
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#last = this.#last.then(async () => {
        if (signal?.aborted) return;
        signal?.removeEventListener("abort", onAbort);
        await task().then(resolve, reject);
      });
    });
  }
}
