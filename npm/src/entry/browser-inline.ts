// The engine on the caller's thread, in a file of its own so that it is loaded only where it is wanted.
import { inlineBackend } from "../../../web/worker/inline.js";
import type { Backend } from "../../../web/worker/platform.js";
import { browserEngine } from "./browser-engine.js";

const spawn = () => new Worker(new URL("./worker.js", import.meta.url), { type: "module" });

export const start = (): Backend => inlineBackend(browserEngine(spawn));
