// The worker: messages in, calls of the host, messages out.
import { abortedError, errorFromData, errorToData } from "../errors.js";
import { Host } from "./host.js";
import type { ByteSource } from "../load/sources/source.js";
import type { EngineMeans, WorkerPort } from "./platform.js";
import type { CallContext, CallName, ToWorker } from "./protocol.js";
import { help } from "./threads.js";

/** One call that is being answered. */
interface Running {
  abort: AbortController;
  /** Waits for the bytes that were asked for last. */
  bytes?: { resolve: (bytes: Uint8Array) => void; reject: (error: unknown) => void } | undefined;
}

/** Largest piece to ask the caller for: it is copied once on the way. */
const pullSize = 1 << 20;

/** Answers the messages of one caller, as long as the worker lives. */
export function serveWorker(port: WorkerPort, means: EngineMeans): void {
  const host = new Host(means, true);
  const running = new Map<number, Running>();

  const answer = async (id: number, name: CallName, params: unknown): Promise<void> => {
    const call: Running = { abort: new AbortController() };
    running.set(id, call);
    const context: CallContext<CallName> = {
      signal: call.abort.signal,
      onEvent: (event) => port.post({ type: "event", id, event }),
      openCaller: async (file) => pulledSource(port, id, file, call),
    };
    try {
      const value = await host.call(name, params as never, context);
      // A saved state is large, and nobody here needs it any more.
      port.post({ type: "value", id, value }, value instanceof Uint8Array ? [value.buffer as ArrayBuffer] : []);
    } catch (error) {
      port.post({ type: "error", id, error: errorToData(error) });
    } finally {
      running.delete(id);
    }
  };

  port.listen((message: ToWorker) => {
    switch (message.type) {
      case "help":
        help(message.start, () => port.post({ type: "helping" }));
        break;
      case "call":
        void answer(message.id, message.name, message.params);
        break;
      case "abort": {
        const call = running.get(message.id);
        call?.abort.abort();
        call?.bytes?.reject(abortedError());
        break;
      }
      case "bytes":
        running.get(message.id)?.bytes?.resolve(message.bytes);
        break;
      case "bytes-failed":
        running.get(message.id)?.bytes?.reject(errorFromData(message.error));
        break;
    }
  });
}

/** A source whose bytes only the caller has: its own fetch, a stream, an array. It is asked for each piece. */
function pulledSource(port: WorkerPort, id: number, file: number, call: Running): ByteSource {
  return {
    name: "model",
    size: undefined,
    async read(target) {
      const bytes = await new Promise<Uint8Array>((resolve, reject) => {
        call.bytes = { resolve, reject };
        port.post({ type: "pull", id, file, size: Math.min(target.length, pullSize) });
      });
      call.bytes = undefined;
      target.set(bytes);
      return bytes.length;
    },
    async close() {}, // the caller closes its source when the call ends
  };
}
