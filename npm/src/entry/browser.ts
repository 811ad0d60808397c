// The entry for browsers and bundlers.
import { packagedRelease } from "../../../web/load/releases/known-releases.js";
import { browserFetch } from "../../../web/load/sources/browser-fetch.js";
import type { ModelSource } from "../../../web/load/resolve.js";
import type { CallerPlatform } from "../../../web/worker/platform.js";
import { CamelGPTInferenceBase } from "../camelgpt-inference.js";
import type { LoadOptions } from "../options.js";
import { packagedWeights, spawnWorker } from "./browser-spawn.js";

export * from "../exports.js";

const platform: CallerPlatform = {
  packaged: {
    [packagedRelease]: async () => ({
      weights: packagedWeights(),
      sidecar: new URL("./models/camelgpt-mini.epdp", import.meta.url),
    }),
  },
  baseUrl: () => (typeof document === "undefined" ? globalThis.location?.href : document.baseURI),
  fetch: browserFetch,
  openStore: async (warn) => (await import("./browser-page-store.js")).openPageStore(warn),
  inlineBackend: async () => (await import("./browser-inline.js")).start(),
  // Without Worker (server rendering, edge runtimes) the engine runs on the caller's thread.
  ...(typeof Worker === "function" && { spawnWorker }),
};

/** A language model, running in a worker of this page. See {@link CamelGPTInferenceBase} for its methods. */
export class CamelGPTInference extends CamelGPTInferenceBase {
  /** @internal */
  protected static override readonly platform = platform;

  /**
   * Returns immediately; the first use loads the model.
   * Throws `bad-option` if an option is unknown or out of range.
   *
   * @param source A name such as `smollm2-135m`, a URL, a model on a hub (`owner/repo`, `owner/repo:Q4_K_M`,
   * `owner/repo/file.gguf`), a File or Blob, bytes, or a ReadableStream; or an array of the files of a split model. The
   * default is the release in the package, `camelgpt-mini`.
   */
  constructor(source: ModelSource = packagedRelease, options?: LoadOptions) {
    super(source, options);
  }
}
