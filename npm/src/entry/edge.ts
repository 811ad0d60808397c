// The entry for Cloudflare Workers and what behaves like them: modules of WebAssembly are imported, since nothing may be compiled there, and
// the engine runs on the caller's thread, since there is no other.
import relaxed from "./wasm/camelgpt-relaxed.wasm";
import simd from "./wasm/camelgpt-simd.wasm";
import probe from "./wasm/multiply-add.wasm";

import { inlineBackend } from "../../../web/worker/inline.js";
import { type ModelSource, packagedRelease } from "../../../web/load/resolve.js";
import type { CallerMeans, EngineMeans } from "../../../web/worker/platform.js";
import { CamelGPTInferenceBase } from "../camelgpt-inference.js";
import type { LoadOptions } from "../options.js";

export * from "../exports.js";

const engine: EngineMeans = {
  probe,
  loadWasm: async (build) => (build.startsWith("relaxed") ? relaxed : simd),
};

const means: CallerMeans = {
  packaged: {
    [packagedRelease]: async () => ({
      weights: (await import("./models/camelgpt-mini.gguf.bin")).default,
      sidecar: (await import("./models/camelgpt-mini.epdp.bin")).default,
    }),
  },
  baseUrl: () => undefined,
  callsOwnDownloads: true,
  inlineBackend: async () => inlineBackend(engine),
};

/** A language model in an edge function. See {@link CamelGPTInferenceBase} for its methods. */
export class CamelGPTInference extends CamelGPTInferenceBase {
  /**
   * Returns at once; the load starts with the first use.
   * Throws `bad-option` where an option is unknown or outside its range.
   *
   * @param source A URL, `owner/repo/file.gguf`, a Blob, bytes, or a ReadableStream (the body of an object in a bucket, for example);
   * an array of them for a model in several files. Without one, the smallest release answers, which comes with the package.
   */
  constructor(source: ModelSource = packagedRelease, options?: LoadOptions) {
    super(source, options, means);
  }
}
