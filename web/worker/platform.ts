// The services that the code in web/ requires of a runtime. Each entry of the package implements these interfaces.
import type { EngineOptions } from "../engine/engine-options.js";
import type { Build } from "../types.js";
import type { FilePlatform } from "../load/location.js";
import type { CheckedFetch } from "../load/sources/http-options.js";
import type { ByteSource } from "../load/sources/source.js";
import type { OpenStore } from "../load/stores/file-store.js";
import type { TemplateModule } from "../text/rendering.js";
import type { WorkerLink } from "./link.js";
import type { CallContext, CallName, Calls } from "./protocol.js";

/** The services of a runtime for threads. */
export interface ThreadPlatform {
  /** Number of threads that run in parallel. */
  cores(): number;
  /** Starts a worker with the script of the engine's own worker, see `serveWorker`. */
  spawn(): WorkerLink;
}

/** The services of a runtime on the thread that runs the engine. */
export interface EnginePlatform {
  /** The compiled `multiplyAdd` module, for runtimes that cannot compile bytes. */
  probe?: WebAssembly.Module;
  /** Returns the compiled module of a build. Errors: `engine-unavailable`. */
  loadWasm(build: Build, options: EngineOptions): Promise<WebAssembly.Module>;
  /** Loads the interpreter of chat templates. Rejects if its file is not where it should be. */
  loadTemplates(): Promise<TemplateModule>;
  /** Loads web/tasks/tasks.ts. Rejects if its file is not where it should be. */
  loadTasks(): Promise<object>; // without the module's type, which would pull the engine's into the declarations
  /** Missing if the runtime has no threads. */
  threads?: ThreadPlatform;
  /** Opens the store for downloads; returns undefined if there is none. */
  openStore?: OpenStore;
  /** Keeps the caller's headers with their origin, and redirects within the option `allow`. */
  fetch: CheckedFetch;
  /** Opens a path, inside of `folders` if these are given. Missing if there is no file system. */
  openPath?(path: string, folders?: readonly string[]): Promise<ByteSource>;
}

/** Answers calls. After `dispose` every call, including pending ones, rejects with `disposed`. */
export interface Backend {
  /** Whether it failed and can no longer answer, without having been disposed. */
  readonly isDead: boolean;
  call<K extends CallName>(name: K, params: Calls[K]["params"], context?: CallContext<K>): Promise<Calls[K]["value"]>;
  dispose(): Promise<void>;
}

/** The services of a runtime on the thread of the caller. */
export interface CallerPlatform extends FilePlatform {
  /** Whether a download ends with the call that started it: edge runtimes tie it to a request. */
  endsDownloadsWithCall?: true;
  /** The base URL of the model hub that the user's environment names, if it does. */
  hub?(): string | undefined;
  /** Starts the worker. Missing if the runtime has none. */
  spawnWorker?(workerUrl: string | undefined): WorkerLink;
  /** Runs the engine on this thread. The implementation loads the engine's code on demand. */
  inlineBackend(): Promise<Backend>;
}
