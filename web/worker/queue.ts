// Calls on one model may overlap; the engine does one thing at a time. They wait here for their turn.
import { abortedError } from "../errors.js";

export class Queue {
  #last: Promise<unknown> = Promise.resolve();

  /**
   * Runs `task` when every earlier one has ended, whether well or badly. A task whose signal aborts while it waits is never
   * started and rejects at once.
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
