// Starts the engine's worker in browsers. They run no script of another origin as a worker, but a script of the page's
// own origin may import it: packages on a CDN need one.
import type { WorkerLink } from "../../../web/worker/link.js";
import { linkOf } from "./browser-link.js";

/** The weights of the release in the package. Bundlers recognise exactly this form, and include the file. */
export const packagedWeights = () => new URL("./models/camelgpt-mini.gguf", import.meta.url);

/** Addresses of scripts that import one of another origin. Kept, since a worker starts its helper threads later. */
const importers: Record<string, string> = {};

/** `workerUrl` is the address of the worker's script; undefined: the one in the package. */
export function spawnWorker(workerUrl?: string): WorkerLink {
  // A bundler may have made the address of the weights relative to the page, or put the weights into it.
  const known = new URL(workerUrl ?? packagedWeights().href, globalThis.location.href);
  if (/^http/.test(known.protocol) && known.origin !== globalThis.origin) {
    // Not the form that bundlers recognise: they would include the worker twice.
    const address = workerUrl === undefined ? new URL("../worker.js", known) : known;
    return linkOf(new Worker(importerOf(address.href), { type: "module" }));
  }
  return linkOf(
    workerUrl === undefined
      ? // Bundlers recognise exactly this form too.
        new Worker(new URL("./worker.js", import.meta.url), { type: "module" })
      : new Worker(workerUrl, { type: "module" }),
  );
}

function importerOf(address: string): string {
  const script = `import ${JSON.stringify(address)}`;
  return (importers[address] ??= URL.createObjectURL(new Blob([script], { type: "text/javascript" })));
}
