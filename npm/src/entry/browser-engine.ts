// The platform of the engine's thread in browsers: fetches the WebAssembly, and starts helper threads.
import { CamelGPTError, describe } from "../../../web/errors.js";
import { browserFetch } from "../../../web/load/sources/browser-fetch.js";
import type { WorkerLink } from "../../../web/worker/link.js";
import type { EnginePlatform } from "../../../web/worker/platform.js";
import { openStore } from "./browser-store.js";
import { wasmAddress } from "./wasm-address.js";

/** `spawn` starts a worker with the engine's script. `parts` loads code that is not always needed. */
export const browserEngine = (
  spawn: () => WorkerLink,
  parts: Pick<EnginePlatform, "loadTemplates" | "loadTasks">,
): EnginePlatform => ({
  ...parts,

  // Edge runtimes and workers of old browsers have no Worker.
  ...(typeof Worker === "function" && {
    threads: { cores: () => navigator.hardwareConcurrency, spawn },
  }),

  fetch: browserFetch,
  openStore,

  async loadWasm(build, options) {
    const address = wasmAddress(build, options.wasmUrl, {
      // Bundlers recognise exactly this form, with a literal path, and include the files.
      simd: () => new URL("./wasm/camelgpt-simd.wasm", import.meta.url),
      relaxed: () => new URL("./wasm/camelgpt-relaxed.wasm", import.meta.url),
      "simd-threads": () => new URL("./wasm/camelgpt-simd-threads.wasm", import.meta.url),
      "relaxed-threads": () => new URL("./wasm/camelgpt-relaxed-threads.wasm", import.meta.url),
    });
    try {
      const response = await fetch(address);
      if (!response.ok) throw new Error(`HTTP ${response.status} ${response.statusText}`);
      // Streaming compilation requires the media type, which some servers do not send.
      const isWasm = response.headers.get("content-type")?.startsWith("application/wasm");
      if (isWasm) return await WebAssembly.compileStreaming(response);
      return await WebAssembly.compile(await response.arrayBuffer());
    } catch (error) {
      throw new CamelGPTError("engine-unavailable", `The engine could not be loaded: ${describe(error)}`, {
        expected: `WebAssembly at ${address}`,
        hint:
          "Serve the package's wasm folder, or give `wasmUrl` or `wasmModule`. A Content-Security-Policy needs " +
          "script-src 'wasm-unsafe-eval'.",
        cause: error,
      });
    }
  },
});
