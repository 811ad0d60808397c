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
  browserEngine(() => linkOf(new Worker(globalThis.location.href, { type: workerType() })), {
    loadTemplates,
    loadTasks,
  }),
);

// Parts that not every page needs are files of their own, which bundlers copy like the WebAssembly. The build marks the
// imports so that they leave them alone: Vite's default form of a worker cannot have chunks.

async function loadTemplates(): Promise<TemplateModule> {
  const address = new URL("./chat-template.js", import.meta.url);
  return import(address.href);
}

async function loadTasks(): Promise<object> {
  const address = new URL("./tasks.js", import.meta.url);
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
