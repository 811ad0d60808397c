// The link to a worker in browsers.
import type { WorkerLink } from "../../../web/worker/link.js";
import type { FromWorker } from "../../../web/worker/protocol.js";

export function linkOf(worker: Worker): WorkerLink {
  return {
    post: (message, transfer) => worker.postMessage(message, transfer),
    listen(onMessage, onDeath) {
      worker.onmessage = (event: MessageEvent<FromWorker>) => onMessage(event.data);
      worker.onerror = (event) => {
        event.preventDefault(); // a helper thread's error would propagate to the parent of this worker
        onDeath(event.message || "its script could not be loaded");
      };
      worker.onmessageerror = () => onDeath("a message could not be read");
    },
    setBusy() {},
    async terminate() {
      worker.terminate();
    },
  };
}
