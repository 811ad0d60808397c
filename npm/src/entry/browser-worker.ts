// The worker's script in browsers.
import type { ToWorker } from "../../../web/protocol.js";
import { serveWorker } from "../../../web/worker.js";
import { browserEngine } from "./browser-engine.js";

serveWorker(
  {
    post: (message) => globalThis.postMessage(message),
    listen(onMessage) {
      globalThis.onmessage = (event: MessageEvent<ToWorker>) => onMessage(event.data);
    },
  },
  browserEngine,
);
