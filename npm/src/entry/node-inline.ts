// The engine on the caller's thread, in a file of its own so that it is loaded only where it is wanted.
import { inlineBackend } from "../../../web/worker/inline.js";
import type { Backend } from "../../../web/worker/platform.js";
import { nodeEngine } from "./node-engine.js";

export const start = (): Backend => inlineBackend(nodeEngine);
