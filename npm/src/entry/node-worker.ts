// The script of the worker in Node.
import { parentPort } from "node:worker_threads";

import type { ToWorker } from "../../../web/worker/protocol.js";
import { serveWorker } from "../../../web/worker/serve.js";
import { nodeEngine } from "./node-engine.js";

if (parentPort) {
  const port = parentPort;
  serveWorker(
    {
      post: (message, transfer) => port.postMessage(message, transfer),
      listen: (onMessage) => void port.on("message", (message: ToWorker) => onMessage(message)),
    },
    nodeEngine,
  );
}
