// The link to a worker in Node.
import { fileURLToPath } from "node:url";
import { MessageChannel, Worker } from "node:worker_threads";

import type { WorkerLink } from "../../../web/worker/link.js";
import type { FromWorker } from "../../../web/worker/protocol.js";
import { requirePermission } from "./permissions.js";

/** A small young generation collects the garbage of a download sooner: about 15 MB remain instead of 45 MB. */
const resourceLimits = { maxYoungGenerationSizeMb: 2 };

export function startWorker(address: URL): WorkerLink {
  if (address.protocol === "file:") requirePermission({ name: "read", path: fileURLToPath(address) });
  // Flags of this process, such as --input-type, may not fit the worker's file.
  const { port1: sign, port2: workerData } = new MessageChannel();
  const worker = new Worker(address, { execArgv: [], resourceLimits, workerData, transferList: [workerData] });
  sign.unref();
  // In Node, `postMessage` returns whether the port has another end. In other runtimes it returns undefined.
  const exists = () => (sign.postMessage(0) as unknown) === true;
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
      sign.close();
    },
    ...(exists() && { exists }),
  };
}
