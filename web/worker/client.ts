// The caller's side of the protocol: calls become messages to a worker, and its answers settle their promises.
import {
  abortedError,
  asCamelGPTError,
  CamelGPTError,
  describe,
  disposedError,
  type ErrorData,
  errorFromData,
  errorToData,
} from "../errors.js";
import { type ByteSource, exactSizeOf } from "../load/sources/source.js";
import type { WorkerLink } from "./link.js";
import type { Backend } from "./platform.js";
import type { CallContext, CallName, Calls, FromWorker, ToWorker } from "./protocol.js";

interface PendingCall {
  context: CallContext<CallName>;
  resolve: (value: Calls[CallName]["value"]) => void;
  reject: (error: unknown) => void;
  /** Sources by file number, opened when the worker requests their first bytes. */
  sources: Map<number, Promise<ByteSource>>;
  stopListening: () => void;
}

/** The engine in a worker. If the worker ends for any reason, all pending and later calls reject. */
export class WorkerBackend implements Backend {
  readonly #link: WorkerLink;
  readonly #pending = new Map<number, PendingCall>();
  #lastId = 0;
  /** Keeps receiving progress after an eager load has resolved. */
  #load: { id: number; onEvent: CallContext<CallName>["onEvent"] } | undefined;
  #end: CamelGPTError | undefined;

  constructor(link: WorkerLink) {
    this.#link = link;
    link.listen(
      (message) => this.#receive(message),
      (reason) => void this.#terminate(workerFailed(reason)),
    );
    link.setBusy(false);
  }

  call<K extends CallName>(
    name: K,
    params: Calls[K]["params"],
    context: CallContext<K> = {},
  ): Promise<Calls[K]["value"]> {
    if (this.#end) return Promise.reject(this.#end);
    const { signal } = context;
    if (signal?.aborted) return Promise.reject(abortedError(signal));
    const id = ++this.#lastId;
    if (name === "load") this.#load = { id, onEvent: context.onEvent as CallContext<CallName>["onEvent"] };
    return new Promise((resolve, reject) => {
      const onAbort = () => this.#post({ type: "abort", id });
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#pending.set(id, {
        context: context as CallContext<CallName>,
        resolve: resolve as PendingCall["resolve"],
        reject,
        sources: new Map(),
        stopListening: () => signal?.removeEventListener("abort", onAbort),
      });
      this.#link.setBusy(true);
      try {
        this.#post({ type: "call", id, name, params } as ToWorker);
      } catch (error) {
        // For example, an option that cannot be cloned.
        this.#remove(id)?.reject(asCamelGPTError(error));
      }
    });
  }

  get isDead(): boolean {
    return this.#end?.code === "worker-failed";
  }

  dispose(): Promise<void> {
    return this.#terminate(disposedError());
  }

  #post(message: ToWorker, transfer: ArrayBuffer[] = []): void {
    if (!this.#end) this.#link.post(message, transfer);
  }

  async #terminate(error: CamelGPTError): Promise<void> {
    this.#end ??= error;
    for (const id of [...this.#pending.keys()]) this.#remove(id)?.reject(error);
    await this.#link.terminate();
  }

  /** Removes a call and releases what belongs to it. */
  #remove(id: number): PendingCall | undefined {
    const call = this.#pending.get(id);
    if (!call) return undefined;
    this.#pending.delete(id);
    call.stopListening();
    // A failure to open a source has already been posted to the worker.
    for (const opening of call.sources.values()) opening.then((source) => source.close()).catch(() => {});
    if (this.#pending.size === 0) this.#link.setBusy(false);
    return call;
  }

  #receive(message: FromWorker): void {
    if (message.type === "helping") return; // not sent to clients
    const { id } = message;
    switch (message.type) {
      case "value":
        this.#remove(id)?.resolve(message.value);
        break;
      case "error": {
        if (message.error.code === "worker-failed") return void this.#terminate(errorFromData(message.error));
        const call = this.#remove(id);
        call?.reject(errorOf(message.error, call.context.signal));
        break;
      }
      case "event": {
        const listener = id === this.#load?.id ? this.#load : this.#pending.get(id)?.context;
        listener?.onEvent?.(message.event as never);
        break;
      }
      case "pull":
        void this.#sendBytes(id, message.file, message.size);
        break;
    }
  }

  async #sendBytes(id: number, file: number, size: number): Promise<void> {
    const call = this.#pending.get(id);
    if (!call) return;
    try {
      const { openCaller } = call.context;
      if (!openCaller) throw new CamelGPTError("internal", "The worker requested bytes that the caller does not have.");
      const source = call.sources.get(file) ?? openCaller(file);
      call.sources.set(file, source);
      const buffer = new Uint8Array(size);
      const opened = await source;
      const count = await opened.read(buffer);
      this.#post({ type: "bytes", id, bytes: buffer.subarray(0, count), fileSize: exactSizeOf(opened) }, [
        buffer.buffer,
      ]);
    } catch (error) {
      this.#post({ type: "bytes-failed", id, error: errorToData(error) });
    }
  }
}

function errorOf(data: ErrorData, signal: AbortSignal | undefined): CamelGPTError {
  return data.code === "aborted" ? abortedError(signal) : errorFromData(data);
}

/** The error for a worker that could not start, or that ended. */
export function workerFailed(reason: unknown): CamelGPTError {
  if (reason instanceof CamelGPTError) return reason;
  return new CamelGPTError("worker-failed", `The engine's worker ended: ${describe(reason)}`, {
    hint:
      "The next call loads the model again. If the worker never started: is its file served, and does the " +
      "Content-Security-Policy allow it (worker-src; for a package on another origin: that origin and blob:)? " +
      "`workerUrl` and `wasmUrl` name other places of the package's worker.js and wasm folder, such as your origin.",
    cause: reason,
  });
}
