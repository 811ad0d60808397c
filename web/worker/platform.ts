// What the code here needs of a runtime. Each entry of the package brings its own.
import type { FileStore } from "../load/stores/cache.js";
import type { CallContext, CallName, Calls, EngineOptions, FromWorker, ToWorker } from "./protocol.js";
import type { Build } from "../engine/features.js";
import type { ResolveMeans } from "../load/resolve.js";
import type { ByteSource } from "../load/sources/source.js";

/** What it takes to compute on more than one thread. */
export interface ThreadMeans {
  /** How many threads run at once here. */
  cores(): number;
  /** Starts a worker with the script of the engine's own, see `serveWorker`. */
  spawn(): WorkerLink;
}

/** The means of the thread that runs the engine. */
export interface EngineMeans {
  /** `multiplyAdd`, compiled, where nothing may be compiled from bytes. */
  probe?: WebAssembly.Module;
  /** The compiled module of one build. Errors: `engine-unavailable`. */
  loadWasm(build: Build, options: EngineOptions): Promise<WebAssembly.Module>;
  /** Missing where there are no threads. */
  threads?: ThreadMeans;
  /** Where downloads are kept; undefined where they cannot be. */
  openStore?(): Promise<FileStore | undefined>;
  /** Opens a path. Missing where there is no file system. */
  openPath?(path: string): Promise<ByteSource>;
}

/** Something that answers calls. After `dispose` every call, pending ones too, rejects with `disposed`. */
export interface Backend {
  /** Whether it died: it can answer no more, and nobody disposed of it. */
  readonly isDead: boolean;
  call<K extends CallName>(name: K, params: Calls[K]["params"], context?: CallContext<K>): Promise<Calls[K]["value"]>;
  dispose(): Promise<void>;
}

/** A worker, whatever the runtime calls it. */
export interface WorkerLink {
  post(message: ToWorker, transfer: ArrayBuffer[]): void;
  /** Set once, before the first message. `onDeath` comes when the worker can answer no more. */
  listen(onMessage: (message: FromWorker) => void, onDeath: (reason: unknown) => void): void;
  /** Whether calls are pending. An idle worker must not keep the process alive. */
  setBusy(busy: boolean): void;
  terminate(): Promise<void>;
}

/** The other end of a {@link WorkerLink}. */
export interface WorkerPort {
  post(message: FromWorker, transfer?: ArrayBuffer[]): void;
  listen(onMessage: (message: ToWorker) => void): void;
}

/** The means of the thread that calls. */
export interface CallerMeans extends ResolveMeans {
  /** Whether a download ends with the call that began it: edge runtimes tie it to a request. */
  callsOwnDownloads?: true;
  /** Starts the worker. Missing where the runtime has none. */
  spawnWorker?(workerUrl: string | undefined): WorkerLink;
  /** The engine on this thread. Its code is loaded only where it is wanted. */
  inlineBackend(): Promise<Backend>;
}
