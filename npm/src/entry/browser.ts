// The entry for browsers and bundlers.
import type { ModelSource } from "../../../web/load/resolve.js";
import type { CallerMeans, WorkerLink } from "../../../web/platform.js";
import type { FromWorker } from "../../../web/protocol.js";
import { CamelGPTInferenceBase } from "../camelgpt-inference.js";
import type { LoadOptions } from "../options.js";

export * from "../exports.js";

const means: CallerMeans = {
  baseUrl: () => (typeof document === "undefined" ? globalThis.location?.href : document.baseURI),
  inlineBackend: async () => (await import("./browser-inline.js")).start(),
  // Where there is no Worker (server rendering, edge runtimes) the engine runs on the caller's thread.
  ...(typeof Worker === "function" && { spawnWorker }),
};

function spawnWorker(workerUrl: string | undefined): WorkerLink {
  // Bundlers look for exactly this form, with a literal path, to bring the worker along.
  const worker =
    workerUrl === undefined
      ? new Worker(new URL("./worker.js", import.meta.url), { type: "module" })
      : new Worker(workerUrl, { type: "module" });
  return {
    post: (message, transfer) => worker.postMessage(message, transfer),
    listen(onMessage, onDeath) {
      worker.onmessage = (event: MessageEvent<FromWorker>) => onMessage(event.data);
      worker.onerror = (event) => onDeath(event.message || "its script could not be loaded");
      worker.onmessageerror = () => onDeath("a message could not be read");
    },
    setBusy() {},
    async terminate() {
      worker.terminate();
    },
  };
}

/** A language model, running in a worker of this page. See {@link CamelGPTInferenceBase} for its methods. */
export class CamelGPTInference extends CamelGPTInferenceBase {
  /**
   * Returns at once; the load starts with the first use.
   * Throws `bad-option` where an option is unknown or outside its range.
   *
   * @param source A URL, `owner/repo/file.gguf`, the name of a release, a File or Blob, bytes, or a ReadableStream.
   */
  constructor(source: ModelSource, options?: LoadOptions) {
    super(source, options, means);
  }
}
