// The two ends of the channel between a caller and a worker. Each runtime's entry provides them.
import type { FromWorker, ToWorker } from "./protocol.js";

/** The caller's end: a worker of any runtime. */
export interface WorkerLink {
  post(message: ToWorker, transfer: ArrayBuffer[]): void;
  /** Called once, before the first message. `onDeath` is called when the worker can no longer answer. */
  listen(onMessage: (message: FromWorker) => void, onDeath: (reason: unknown) => void): void;
  /** Says whether calls are pending. An idle worker must not keep the process alive. */
  setBusy(busy: boolean): void;
  terminate(): Promise<void>;
  /** Whether the worker exists, for a thread that is too busy to receive events. Missing if that is unknown. */
  exists?(): boolean;
}

/** The worker's end. */
export interface WorkerPort {
  post(message: FromWorker, transfer?: ArrayBuffer[]): void;
  listen(onMessage: (message: ToWorker) => void): void;
}
