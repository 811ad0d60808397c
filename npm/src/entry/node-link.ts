// A worker in Node.
import { Worker } from "node:worker_threads";

import type { WorkerLink } from "../../../web/worker/platform.js";
import type { FromWorker } from "../../../web/worker/protocol.js";

/** What a download leaves behind is collected the sooner, the smaller this is: by default some 45 MB of it lie about, with this 15. */
const resourceLimits = { maxYoungGenerationSizeMb: 2 };

export function startWorker(address: URL): WorkerLink {
  // Flags of this process, such as --input-type, need not make sense for the worker's file.
  const worker = new Worker(address, { execArgv: [], resourceLimits });
  return {
    post: (message, transfer) => worker.postMessage(message, transfer),
    listen(onMessage, onDeath) {
      worker.on("message", (message: FromWorker) => onMessage(message));
      worker.on("messageerror", onDeath);
      worker.on("error", onDeath);
      worker.on("exit", (code) => onDeath(`exit code ${code}`));
    },
    setBusy: (busy) => (busy ? worker.ref() : worker.unref()),
    async terminate() {
      await worker.terminate();
    },
  };
}
