// The entry for Node, and for what behaves like it.
import { type ModelSource, packagedRelease } from "../../../web/load/resolve.js";
import type { CallerMeans, WorkerLink } from "../../../web/worker/platform.js";
import { CamelGPTInferenceBase } from "../camelgpt-inference.js";
import type { LoadOptions } from "../options.js";
import { nodeFiles } from "./node-files.js";
import { startWorker } from "./node-link.js";
import { openStore } from "./node-store.js";

export * from "../exports.js";

const means: CallerMeans = {
  packaged: {
    [packagedRelease]: async () => ({
      weights: new URL("./models/camelgpt-mini.gguf", import.meta.url),
      sidecar: new URL("./models/camelgpt-mini.epdp", import.meta.url),
    }),
  },
  files: nodeFiles,
  baseUrl: () => undefined,
  inlineBackend: async () => (await import("./node-inline.js")).start(),
  openStore,
  spawnWorker,
};

function spawnWorker(workerUrl: string | undefined): WorkerLink {
  return startWorker(
    workerUrl === undefined ? new URL("./node-worker.js", import.meta.url) : new URL(workerUrl, import.meta.url),
  );
}

/** A language model, running in a thread of its own. See {@link CamelGPTInferenceBase} for its methods. */
export class CamelGPTInference extends CamelGPTInferenceBase {
  /**
   * Returns at once; the load starts with the first use.
   * Throws `bad-option` where an option is unknown or outside its range.
   *
   * @param source A path, a URL, `owner/repo/file.gguf`, the name of a release, a Blob, bytes, or a ReadableStream; an array of them for a
   * model in several files. Without one, the smallest release answers, which comes with the package.
   */
  constructor(source: ModelSource = packagedRelease, options?: LoadOptions) {
    super(source, options, means);
  }
}
