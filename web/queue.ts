// Runs overlapping tasks one after the other.
import { abortedError } from "./errors.js";

export class Queue {
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** Number of tasks that have not started. */
  get waiting(): number {
    return this.#waiting;
  }

  /**
   * Runs `task` once all earlier tasks have ended, successfully or not. If its signal aborts while it waits, the task
   * is never started and the promise rejects immediately.
   */
  run<T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const onAbort = () => {
        this.#waiting--;
        reject(abortedError(signal));
      };
      this.#waiting++;
      if (signal?.aborted) return onAbort();
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#last = this.#last.then(async () => {
        if (signal?.aborted) return;
        this.#waiting--;
        signal?.removeEventListener("abort", onAbort);
        await task().then(resolve, reject);
      });
    });
  }
}
