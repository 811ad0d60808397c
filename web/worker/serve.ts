// The worker's side of the protocol: messages become calls of the host, and their results become messages.
import { runHelperThread } from "../engine/helper-thread.js";
import { abortedError, errorFromData, errorToData } from "../errors.js";
import type { ByteSource } from "../load/sources/source.js";
import { Host } from "./host.js";
import type { WorkerPort } from "./link.js";
import type { EnginePlatform } from "./platform.js";
import type { CallContext, CallName, ToWorker } from "./protocol.js";

type PulledBytes = Pick<Extract<ToWorker, { type: "bytes" }>, "bytes" | "fileSize">;

/** A call in progress. */
interface ActiveCall {
  abort: AbortController;
  /** Settles the pending request for bytes. */
  bytes?: { resolve: (message: PulledBytes) => void; reject: (error: unknown) => void } | undefined;
}

/** Maximum number of bytes to request from the caller at a time. Posting copies them once. */
const maxPullBytes = 1 << 20;

/** Answers the messages of one caller for the lifetime of the worker. */
export function serveWorker(port: WorkerPort, platform: EnginePlatform): void {
  const host = new Host(platform, true);
  const active = new Map<number, ActiveCall>();

  const answer = async (id: number, name: CallName, params: unknown): Promise<void> => {
    const call: ActiveCall = { abort: new AbortController() };
    active.set(id, call);
    const context: CallContext<CallName> = {
      signal: call.abort.signal,
      onEvent: (event) => port.post({ type: "event", id, event }),
      openCaller: async (file) => pulledSource(port, id, file, call),
    };
    try {
      const value = await host.call(name, params as never, context);
      // A saved state is large; it is moved instead of copied.
      port.post({ type: "value", id, value }, value instanceof Uint8Array ? [value.buffer as ArrayBuffer] : []);
    } catch (error) {
      port.post({ type: "error", id, error: errorToData(error) });
    } finally {
      active.delete(id);
    }
  };

  port.listen((message: ToWorker) => {
    switch (message.type) {
      case "help":
        runHelperThread(message.start, () => port.post({ type: "helping" }));
        break;
      case "call":
        void answer(message.id, message.name, message.params);
        break;
      case "abort": {
        const call = active.get(message.id);
        call?.abort.abort();
        call?.bytes?.reject(abortedError());
        break;
      }
      case "bytes":
        active.get(message.id)?.bytes?.resolve(message);
        break;
      case "bytes-failed":
        active.get(message.id)?.bytes?.reject(errorFromData(message.error));
        break;
    }
  });
}

/** A source that only the caller can read (its own fetch, a stream, an array): each read posts a request. */
function pulledSource(port: WorkerPort, id: number, file: number, call: ActiveCall): ByteSource {
  let exactSize: number | undefined;
  return {
    name: "model",
    size: undefined,
    get exactSize() {
      return exactSize; // known after the first read
    },
    async read(target) {
      const { bytes, fileSize } = await new Promise<PulledBytes>((resolve, reject) => {
        call.bytes = { resolve, reject };
        port.post({ type: "pull", id, file, size: Math.min(target.length, maxPullBytes) });
      });
      call.bytes = undefined;
      exactSize = fileSize;
      target.set(bytes);
      return bytes.length;
    },
    async close() {}, // the caller closes its source when the call ends
  };
}
