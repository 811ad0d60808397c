// The entry for Node, and for what behaves like it.
import { Worker } from "node:worker_threads";

import type { ModelSource } from "../../../web/load/resolve.js";
import type { CallerMeans, WorkerLink } from "../../../web/platform.js";
import type { FromWorker } from "../../../web/protocol.js";
import { CamelGPTInferenceBase } from "../camelgpt-inference.js";
import type { LoadOptions } from "../options.js";
import { nodeFiles } from "./node-files.js";

export * from "../exports.js";

const means: CallerMeans = {
  files: nodeFiles,
  baseUrl: () => undefined,
  inlineBackend: async () => (await import("./node-inline.js")).start(),
  spawnWorker,
};

function spawnWorker(workerUrl: string | undefined): WorkerLink {
  const address = workerUrl === undefined ? new URL("./node-worker.js", import.meta.url) : new URL(workerUrl, import.meta.url);
  // Flags of this process, such as --input-type, need not make sense for the worker's file.
  const worker = new Worker(address, { execArgv: [] });
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

/** A language model, running in a thread of its own. See {@link CamelGPTInferenceBase} for its methods. */
export class CamelGPTInference extends CamelGPTInferenceBase {
  /**
   * Returns at once; the load starts with the first use.
   * Throws `bad-option` where an option is unknown or outside its range.
   *
   * @param source A path, a URL, `owner/repo/file.gguf`, the name of a release, a Blob, bytes, or a ReadableStream.
   */
  constructor(source: ModelSource, options?: LoadOptions) {
    super(source, options, means);
  }
}
