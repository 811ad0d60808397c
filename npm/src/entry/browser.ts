// The entry for browsers and bundlers.
import { type ModelSource, packagedRelease } from "../../../web/load/resolve.js";
import type { CallerMeans, WorkerLink } from "../../../web/worker/platform.js";
import { CamelGPTInferenceBase } from "../camelgpt-inference.js";
import type { LoadOptions } from "../options.js";
import { linkOf } from "./browser-link.js";
import { openStore } from "./browser-store.js";

export * from "../exports.js";

const means: CallerMeans = {
  packaged: {
    [packagedRelease]: async () => ({
      weights: new URL("./models/camelgpt-mini.gguf", import.meta.url),
      sidecar: new URL("./models/camelgpt-mini.epdp", import.meta.url),
    }),
  },
  baseUrl: () => (typeof document === "undefined" ? globalThis.location?.href : document.baseURI),
  openStore,
  inlineBackend: async () => (await import("./browser-inline.js")).start(),
  // Where there is no Worker (server rendering, edge runtimes) the engine runs on the caller's thread.
  ...(typeof Worker === "function" && { spawnWorker }),
};

function spawnWorker(workerUrl: string | undefined): WorkerLink {
  // Bundlers look for exactly this form, with a literal path, to bring the worker along.
  return linkOf(
    workerUrl === undefined
      ? new Worker(new URL("./worker.js", import.meta.url), { type: "module" })
      : new Worker(workerUrl, { type: "module" }),
  );
}

/** A language model, running in a worker of this page. See {@link CamelGPTInferenceBase} for its methods. */
export class CamelGPTInference extends CamelGPTInferenceBase {
  /**
   * Returns at once; the load starts with the first use.
   * Throws `bad-option` where an option is unknown or outside its range.
   *
   * @param source A URL, `owner/repo/file.gguf`, the name of a release, a File or Blob, bytes, or a ReadableStream; an array of them for a model in
   * several files. Without one, the smallest release answers, which comes with the package.
   */
  constructor(source: ModelSource = packagedRelease, options?: LoadOptions) {
    super(source, options, means);
  }
}
