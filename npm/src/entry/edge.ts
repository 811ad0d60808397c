// The entry for Cloudflare Workers and similar edge runtimes: WebAssembly modules are imported, since bytes cannot be
// compiled there, and the engine runs on the caller's thread, since there are no workers.
import relaxed from "./wasm/camelgpt-relaxed.wasm";
import simd from "./wasm/camelgpt-simd.wasm";
import probe from "./wasm/multiply-add.wasm";

import { inlineBackend } from "../../../web/worker/inline.js";
import { packagedRelease } from "../../../web/load/releases/known-releases.js";
import type { ModelSource } from "../../../web/load/resolve.js";
import type { CallerPlatform, EnginePlatform } from "../../../web/worker/platform.js";
import { followingFetch } from "../../../web/load/sources/redirects.js";
import { CamelGPTInferenceBase } from "../camelgpt-inference.js";
import type { LoadOptions } from "../options.js";

export * from "../exports.js";

const enginePlatform: EnginePlatform = {
  probe,
  loadWasm: async (build) => (build.startsWith("relaxed") ? relaxed : simd),
  fetch: followingFetch,
  loadTemplates: () => import("../../../web/text/chat-template.js"),
  loadTasks: () => import("../../../web/tasks/tasks.js"),
};

const platform: CallerPlatform = {
  packaged: {
    [packagedRelease]: async () => ({
      weights: (await import("./models/camelgpt-mini.gguf.bin")).default,
      sidecar: (await import("./models/camelgpt-mini.epdp.bin")).default,
    }),
  },
  baseUrl: () => undefined,
  fetch: followingFetch,
  endsDownloadsWithCall: true,
  inlineBackend: async () => inlineBackend(enginePlatform),
};

/** A language model in an edge function. See {@link CamelGPTInferenceBase} for its methods. */
export class CamelGPTInference extends CamelGPTInferenceBase {
  /** @internal */
  protected static override readonly platform = platform;

  /**
   * Returns immediately; the first use loads the model.
   * Throws `bad-option` if an option is unknown or out of range.
   *
   * @param source A name such as `smollm2-135m`, a URL, a model on a hub (`owner/repo`, `owner/repo:Q4_K_M`,
   * `owner/repo/file.gguf`), a Blob, bytes, or a ReadableStream (the body of an object in a bucket, for example); or an
   * array of the files of a split model. The default is the release in the package, `camelgpt-mini`.
   */
  constructor(source: ModelSource = packagedRelease, options?: LoadOptions) {
    super(source, options);
  }
}
