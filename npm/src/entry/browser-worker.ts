// The worker's script in browsers.
import type { ToWorker } from "../../../web/worker/protocol.js";
import { serveWorker } from "../../../web/worker/serve.js";
import { browserEngine } from "./browser-engine.js";

serveWorker(
  {
    post: (message, transfer = []) => globalThis.postMessage(message, { transfer }),
    listen(onMessage) {
      globalThis.onmessage = (event: MessageEvent<ToWorker>) => onMessage(event.data);
    },
  },
  // By its own address, whatever a bundler or the caller made of it.
  browserEngine(() => new Worker(globalThis.location.href, { type: ownType() })),
);

/** Turbopack starts classic workers whatever they are asked for; a module may not call `importScripts`. */
function ownType(): WorkerType {
  try {
    (globalThis as unknown as { importScripts(): void }).importScripts();
    return "classic";
  } catch {
    return "module";
  }
}
