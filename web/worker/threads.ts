// Chooses the number of threads for an engine and starts its helper threads.
import { threads as hasThreads } from "wasm-feature-detect";

import type { ThreadStart } from "../engine/helper-thread.js";
import { describe } from "../errors.js";
import type { WorkerLink } from "./link.js";
import type { ThreadPlatform } from "./platform.js";

/** A number of threads, with a note if it differs from the number requested. */
export interface ThreadChoice {
  count: number;
  note?: string;
}

/** More threads help little: small models are limited by memory bandwidth. */
const maxDefaultThreads = 4;
/** The core's limit. */
const maxThreads = 32;
/** Milliseconds that helper threads may take to start. */
const startTimeout = 10_000;

/** Returns the requested number of threads, or as many as this environment can run. */
export async function chooseThreads(
  wanted: number | "auto",
  platform: ThreadPlatform | undefined,
): Promise<ThreadChoice> {
  if (wanted === 1) return { count: 1 };
  const cores = platform?.cores() ?? 1;
  const request = wanted === "auto" ? "" : `${wanted} threads were requested; `;
  const single = (reason: string): ThreadChoice => ({ count: 1, note: `${request}${reason}, so 1 thread computes.` });
  if (!platform) return single("this runtime cannot start threads");
  if (wanted === "auto" && cores < 2) return { count: 1 };
  if ((globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated === false) {
    return single(
      "this page is not cross-origin isolated (which requires the headers Cross-Origin-Opener-Policy: same-origin " +
        "and Cross-Origin-Embedder-Policy: require-corp)",
    );
  }
  if (!(await hasThreads())) return single("this environment has no shared WebAssembly memory");
  if (!canWait()) return single("a page's own thread may not wait for others (use a worker)");
  const count = Math.min(wanted === "auto" ? maxDefaultThreads : wanted, cores, maxThreads);
  if (wanted === "auto" || count === wanted) return { count };
  const reason = count === cores ? `this machine has ${cores}` : `the maximum is ${maxThreads}`;
  return { count, note: `${request}${reason}, so ${count === 1 ? "1 thread computes" : `${count} compute`}.` };
}

/** False on the main thread of a page and on edge runtimes. */
function canWait(): boolean {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1, 0);
    return true;
  } catch {
    return false;
  }
}

/** The helper threads of one engine. They end with `terminate`, or with the thread that started them. */
export class HelperThreads {
  readonly #links: WorkerLink[] = [];
  /** Resolves to undefined once all threads run, or to the reason why they do not. */
  readonly ready: Promise<string | undefined>;

  constructor(starts: readonly ThreadStart[], platform: ThreadPlatform) {
    const started = Promise.all(starts.map((start) => this.#start(start, platform)));
    this.ready = Promise.race([started, rejectLate()]).then(
      () => undefined,
      (error: unknown) => describe(error),
    );
  }

  /** False if a thread is known to have died. */
  areRunning(): boolean {
    return this.#links.every((link) => link.exists?.() !== false);
  }

  async terminate(): Promise<void> {
    await Promise.all(this.#links.map((link) => link.terminate()));
  }

  async #start(start: ThreadStart, platform: ThreadPlatform): Promise<void> {
    const link = platform.spawn();
    this.#links.push(link);
    await new Promise<void>((resolve, reject) => {
      link.listen((message) => message.type === "helping" && resolve(), reject);
      link.post({ type: "help", start }, []);
    });
    link.setBusy(false);
  }
}

function rejectLate(): Promise<never> {
  return new Promise((_, reject) => {
    const timer: unknown = setTimeout(
      () => reject(new Error(`no answer for ${startTimeout / 1000} seconds`)),
      startTimeout,
    );
    (timer as { unref?: () => void }).unref?.();
  });
}
