// The entry for Node, Deno and Bun.
import { packagedRelease } from "../../../web/load/releases/known-releases.js";
import type { ModelSource } from "../../../web/load/resolve.js";
import type { WorkerLink } from "../../../web/worker/link.js";
import type { CallerPlatform } from "../../../web/worker/platform.js";
import { followingFetch } from "../../../web/load/sources/redirects.js";
import { CamelGPTInferenceBase } from "../camelgpt-inference.js";
import type { LoadOptions } from "../options.js";
import { environmentHub, nodeFiles } from "./node-files.js";
import { startWorker } from "./node-link.js";
import { openStore } from "./node-store.js";
import { requireConnection } from "./permissions.js";

export * from "../exports.js";

const platform: CallerPlatform = {
  packaged: {
    [packagedRelease]: async () => ({
      weights: new URL("./models/camelgpt-mini.gguf", import.meta.url),
      sidecar: new URL("./models/camelgpt-mini.epdp", import.meta.url),
    }),
  },
  files: nodeFiles,
  baseUrl: () => undefined,
  hub: environmentHub,
  requireAccess: requireConnection,
  inlineBackend: async () => (await import("./node-inline.js")).start(),
  openStore,
  fetch: followingFetch,
  spawnWorker,
};

function spawnWorker(workerUrl: string | undefined): WorkerLink {
  return startWorker(
    workerUrl === undefined ? new URL("./node-worker.js", import.meta.url) : new URL(workerUrl, import.meta.url),
  );
}

/** A language model, running in a thread of its own. See {@link CamelGPTInferenceBase} for its methods. */
export class CamelGPTInference extends CamelGPTInferenceBase {
  /** @internal */
  protected static override readonly platform = platform;

  /**
   * Returns immediately; the first use loads the model.
   * Throws `bad-option` if an option is unknown or out of range.
   *
   * @param source A name such as `smollm2-135m`, a path, a URL, a model on a hub (`owner/repo`, `owner/repo:Q4_K_M`,
   * `owner/repo/file.gguf`), a Blob, bytes, or a ReadableStream; or an array of the files of a split model. The default
   * is the release in the package, `camelgpt-mini`.
   */
  constructor(source: ModelSource = packagedRelease, options?: LoadOptions) {
    super(source, options);
  }
}
