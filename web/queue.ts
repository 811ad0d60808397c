// Runs overlapping tasks in order: one after the other, or shared ones side by side.
import { abortedError } from "./errors.js";

interface Waiting {
  isShared: boolean;
  start(): Promise<void>;
}

export class Queue {
  /** Shared tasks that may run at a time. */
  places = 1;
  #running = 0;
  #runsExclusive = false;
  readonly #waiting: Waiting[] = [];

  /** Number of tasks that have not started. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Runs `task` in its turn: once all earlier tasks have ended, successfully or not. A shared task only waits for a
   * free place and for earlier tasks that are not shared. If its signal aborts while it waits, the task is never
   * started and the promise rejects immediately.
   */
  run<T>(task: () => Promise<T>, signal?: AbortSignal, isShared = false): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const onAbort = () => {
        const at = this.#waiting.indexOf(entry);
        if (at >= 0) this.#waiting.splice(at, 1);
        reject(abortedError(signal));
        this.#startNext();
      };
      const start = async () => {
        signal?.removeEventListener("abort", onAbort);
        this.#running++;
        this.#runsExclusive = !isShared;
        await task().then(resolve, reject);
        this.#running--;
        this.#runsExclusive = false;
        this.#startNext();
      };
      const entry = { isShared, start };
      if (signal?.aborted) return onAbort();
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#waiting.push(entry);
      // Later: the caller's other synchronous work comes first.
      queueMicrotask(() => this.#startNext());
    });
  }

  #startNext(): void {
    for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
      const fits = next.isShared ? this.#running < this.places && !this.#runsExclusive : this.#running === 0;
      if (!fits) return;
      this.#waiting.shift();
      void next.start();
    }
  }
}
