// The platform of the engine's thread in Node.
import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";

import { CamelGPTError, describe } from "../../../web/errors.js";
import { followingFetch } from "../../../web/load/sources/redirects.js";
import type { EnginePlatform } from "../../../web/worker/platform.js";
import { openFile } from "./node-files.js";
import { startWorker } from "./node-link.js";
import { openStore } from "./node-store.js";
import { requireConnection, requirePermission } from "./permissions.js";
import { wasmAddress } from "./wasm-address.js";

export const nodeEngine: EnginePlatform = {
  openPath: openFile,
  fetch: followingFetch,
  openStore,
  loadTemplates: () => import("../../../web/text/chat-template.js"),
  loadTasks: () => import("../../../web/tasks/tasks.js"),
  threads: { cores: availableParallelism, spawn: () => startWorker(new URL("./node-worker.js", import.meta.url)) },

  async loadWasm(build, options) {
    const address = wasmAddress(build, options.wasmUrl, {
      simd: () => new URL("./wasm/camelgpt-simd.wasm", import.meta.url),
      relaxed: () => new URL("./wasm/camelgpt-relaxed.wasm", import.meta.url),
      "simd-threads": () => new URL("./wasm/camelgpt-simd-threads.wasm", import.meta.url),
      "relaxed-threads": () => new URL("./wasm/camelgpt-relaxed-threads.wasm", import.meta.url),
    });
    try {
      return await WebAssembly.compile(await bytesAt(address));
    } catch (error) {
      if (error instanceof CamelGPTError) throw error;
      throw new CamelGPTError("engine-unavailable", `The engine could not be loaded: ${describe(error)}`, {
        expected: `WebAssembly at ${address}`,
        hint: "Reinstall the package, or give `wasmUrl` or `wasmModule`.",
        cause: error,
      });
    }
  },
};

async function bytesAt(address: string): Promise<BufferSource> {
  if (!/^https?:/i.test(address)) {
    const path = address.startsWith("file:") ? fileURLToPath(address) : address;
    requirePermission({ name: "read", path });
    return readFile(path);
  }
  requireConnection(address);
  const response = await fetch(address);
  if (!response.ok) throw new Error(`HTTP ${response.status} ${response.statusText}`);
  return response.arrayBuffer();
}
