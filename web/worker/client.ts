// The side of the caller: the calls of the protocol as promises, with the engine in a worker.
import {
  abortedError,
  asCamelGPTError,
  CamelGPTError,
  describe,
  disposedError,
  errorFromData,
  errorToData,
} from "../errors.js";
import type { ByteSource } from "../load/sources/source.js";
import type { Backend, WorkerLink } from "./platform.js";
import type { CallContext, CallName, Calls, FromWorker, ToWorker } from "./protocol.js";

interface Pending {
  context: CallContext<CallName>;
  resolve: (value: Calls[CallName]["value"]) => void;
  reject: (error: unknown) => void;
  /** By file; opened when the worker asks for the first bytes. */
  sources: Map<number, Promise<ByteSource>>;
  stopListening: () => void;
}

/** The engine in a worker. The end of the worker, for whatever reason, rejects what is pending and all that follows. */
export class WorkerBackend implements Backend {
  readonly #link: WorkerLink;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  /** Goes on to hear of the rest of a model that answers before all of it is there. */
  #load: { id: number; onEvent: CallContext<CallName>["onEvent"] } | undefined;
  #ended: CamelGPTError | undefined;

  constructor(link: WorkerLink) {
    this.#link = link;
    link.listen(
      (message) => this.#receive(message),
      (reason) => void this.#end(workerFailed(reason)),
    );
    link.setBusy(false);
  }

  call<K extends CallName>(
    name: K,
    params: Calls[K]["params"],
    context: CallContext<K> = {},
  ): Promise<Calls[K]["value"]> {
    if (this.#ended) return Promise.reject(this.#ended);
    const { signal } = context;
    if (signal?.aborted) return Promise.reject(abortedError(signal));
    const id = ++this.#lastId;
    if (name === "load") this.#load = { id, onEvent: context.onEvent as CallContext<CallName>["onEvent"] };
    return new Promise((resolve, reject) => {
      const onAbort = () => this.#post({ type: "abort", id });
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#pending.set(id, {
        context: context as CallContext<CallName>,
        resolve: resolve as Pending["resolve"],
        reject,
        sources: new Map(),
        stopListening: () => signal?.removeEventListener("abort", onAbort),
      });
      this.#link.setBusy(true);
      try {
        this.#post({ type: "call", id, name, params } as ToWorker);
      } catch (error) {
        // An option that cannot be cloned, for example.
        this.#settle(id)?.reject(asCamelGPTError(error));
      }
    });
  }

  get isDead(): boolean {
    return this.#ended?.code === "worker-failed";
  }

  dispose(): Promise<void> {
    return this.#end(disposedError());
  }

  #post(message: ToWorker, transfer: ArrayBuffer[] = []): void {
    if (!this.#ended) this.#link.post(message, transfer);
  }

  async #end(error: CamelGPTError): Promise<void> {
    this.#ended ??= error;
    for (const id of [...this.#pending.keys()]) this.#settle(id)?.reject(error);
    await this.#link.terminate();
  }

  /** Takes a call off the list, with all that belongs to it. */
  #settle(id: number): Pending | undefined {
    const call = this.#pending.get(id);
    if (!call) return undefined;
    this.#pending.delete(id);
    call.stopListening();
    // A source that could not be opened has already been reported to the worker.
    for (const opening of call.sources.values()) opening.then((source) => source.close()).catch(() => {});
    if (this.#pending.size === 0) this.#link.setBusy(false);
    return call;
  }

  #receive(message: FromWorker): void {
    if (message.type === "helping") return; // only for those who asked for help
    const { id } = message;
    switch (message.type) {
      case "value":
        this.#settle(id)?.resolve(message.value);
        break;
      case "error":
        this.#settle(id)?.reject(this.#errorOf(message));
        break;
      case "event": {
        const hearer = id === this.#load?.id ? this.#load : this.#pending.get(id)?.context;
        hearer?.onEvent?.(message.event as never);
        break;
      }
      case "pull":
        void this.#feed(id, message.file, message.size);
        break;
    }
  }

  #errorOf({ id, error }: Extract<FromWorker, { type: "error" }>): CamelGPTError {
    const signal = this.#pending.get(id)?.context.signal;
    return error.code === "aborted" ? abortedError(signal) : errorFromData(error);
  }

  async #feed(id: number, file: number, size: number): Promise<void> {
    const call = this.#pending.get(id);
    if (!call) return;
    try {
      if (!call.context.openCaller) throw new CamelGPTError("internal", "The worker asked for bytes that nobody has.");
      const source = call.sources.get(file) ?? call.context.openCaller(file);
      call.sources.set(file, source);
      const buffer = new Uint8Array(size);
      const count = await (await source).read(buffer);
      this.#post({ type: "bytes", id, bytes: buffer.subarray(0, count) }, [buffer.buffer]);
    } catch (error) {
      this.#post({ type: "bytes-failed", id, error: errorToData(error) });
    }
  }
}

function workerFailed(reason: unknown): CamelGPTError {
  return new CamelGPTError("worker-failed", `The engine's worker ended: ${describe(reason)}`, {
    hint: "A model that was loaded is loaded anew by the next call. If the worker never started: is its file served, and does the Content-Security-Policy allow it (worker-src)?",
    cause: reason,
  });
}
