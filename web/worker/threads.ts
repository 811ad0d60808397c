// How many threads the engine may compute with and why, and the ones that help it: each has the engine's module in an instance
// of its own, over the same memory.
import { threads as hasThreads } from "wasm-feature-detect";

import { describe } from "../errors.js";
import type { ThreadMeans, WorkerLink } from "./platform.js";

/** A number of threads; where it is not what was asked for, the reason, as a sentence. */
export interface ThreadChoice {
  count: number;
  note?: string;
}

/** What a helping thread needs. Addresses are those of the shared memory. */
export interface ThreadStart {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  /** Where the function that it runs is in the module's table: `entry(index, stack)`. */
  entry: number;
  index: number;
  /** The top of its stack. */
  stack: number;
  /** Where it says that it failed. */
  failed: number;
}

/** More than these help little: small models are bound by memory. */
const mostByDefault = 4;
/** As many as the core takes. */
const most = 32;
/** How long helping threads may take to start, in milliseconds. */
const patience = 10_000;

/** As many threads as were asked for, or what this environment has of them. */
export async function chooseThreads(wanted: number | "auto", means: ThreadMeans | undefined): Promise<ThreadChoice> {
  if (wanted === 1) return { count: 1 };
  const cores = means?.cores() ?? 1;
  const asked = wanted === "auto" ? "" : `${wanted} threads were asked for; `;
  const instead = (reason: string): ThreadChoice => ({ count: 1, note: `${asked}${reason}, so 1 thread computes.` });
  if (!means) return instead("this runtime cannot start threads");
  if (wanted === "auto" && cores < 2) return { count: 1 };
  if ((globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated === false) {
    return instead(
      "this page is not cross-origin isolated (that takes the headers Cross-Origin-Opener-Policy: same-origin and " +
        "Cross-Origin-Embedder-Policy: require-corp)",
    );
  }
  if (!(await hasThreads())) return instead("this environment has no shared WebAssembly memory");
  if (!canWait()) return instead("a page's own thread may not wait for others (let the engine have a worker)");
  const count = Math.min(wanted === "auto" ? mostByDefault : wanted, cores, most);
  if (wanted === "auto" || count === wanted) return { count };
  const reason = count === cores ? `this machine runs ${cores} at once` : `at most ${most} can work together`;
  return { count, note: `${asked}${reason}, so ${count === 1 ? "1 thread computes" : `${count} compute`}.` };
}

/** Not on the main thread of a page, and nowhere on edge runtimes. */
function canWait(): boolean {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1, 0);
    return true;
  } catch {
    return false;
  }
}

/** Threads that help one engine. They end with `end`, or with the thread that started them. */
export class Helpers {
  readonly #links: WorkerLink[] = [];
  /** Undefined as soon as all of them help, or the reason why that is not to be. */
  readonly ready: Promise<string | undefined>;

  constructor(starts: readonly ThreadStart[], means: ThreadMeans) {
    this.ready = Promise.race([Promise.all(starts.map((start) => this.#start(start, means))), tooLate()]).then(
      () => undefined,
      (error: unknown) => describe(error),
    );
  }

  async end(): Promise<void> {
    await Promise.all(this.#links.map((link) => link.terminate()));
  }

  async #start(start: ThreadStart, means: ThreadMeans): Promise<void> {
    const link = means.spawn();
    this.#links.push(link);
    await new Promise<void>((resolve, reject) => {
      link.listen((message) => message.type === "helping" && resolve(), reject);
      link.post({ type: "help", start }, []);
    });
    link.setBusy(false);
  }
}

function tooLate(): Promise<never> {
  return new Promise((_, reject) => {
    const timer: unknown = setTimeout(() => reject(new Error(`no answer for ${patience / 1000} seconds`)), patience);
    (timer as { unref?: () => void }).unref?.();
  });
}

/** On the helping thread: works until the thread is ended. `onStart` is called just before. */
export function help(start: ThreadStart, onStart: () => void): void {
  const { module, memory, entry, index, stack, failed } = start;
  const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {};
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    (imports[from] ??= {})[name] = kind === "memory" ? memory : outOfReach;
  }
  const { exports } = new WebAssembly.Instance(module, imports);
  const table = Object.values(exports).find((each) => each instanceof WebAssembly.Table);
  const work = table?.get(entry) as (index: number, stack: number) => void;
  onStart();
  try {
    work(index, stack);
  } catch (error) {
    Atomics.store(new Int32Array(memory.buffer), failed / 4, 1); // or the others would wait for ever
    throw error;
  }
}

/** The core calls out only from the thread that the engine belongs to. */
function outOfReach(): never {
  throw new Error("a helping thread called out of the engine");
}
