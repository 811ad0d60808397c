// The script of the worker in browsers.
import type { TemplateModule } from "../../../web/text/rendering.js";
import type { ToWorker } from "../../../web/worker/protocol.js";
import { serveWorker } from "../../../web/worker/serve.js";
import { browserEngine } from "./browser-engine.js";
import { linkOf } from "./browser-link.js";

serveWorker(
  {
    post: (message, transfer = []) => globalThis.postMessage(message, { transfer }),
    listen(onMessage) {
      globalThis.onmessage = (event: MessageEvent<ToWorker>) => onMessage(event.data);
    },
  },
  // Helper threads run this script, at the address that a bundler or the caller chose.
  browserEngine(() => linkOf(new Worker(globalThis.location.href, { type: workerType() })), loadTemplates),
);

/**
 * The interpreter of templates is a file of its own, which bundlers copy like the WebAssembly. The build marks
 * the import so that they leave it alone: Vite's default form of a worker cannot have chunks.
 */
async function loadTemplates(): Promise<TemplateModule> {
  const address = new URL("./chat-template.js", import.meta.url);
  return import(address.href);
}

/** Turbopack always starts classic workers. In a module worker `importScripts` throws. */
function workerType(): WorkerType {
  try {
    (globalThis as unknown as { importScripts(): void }).importScripts();
    return "classic";
  } catch {
    return "module";
  }
}
