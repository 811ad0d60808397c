// The engine on the caller's thread. A separate file, so that its code is loaded on demand.
import { inlineBackend } from "../../../web/worker/inline.js";
import type { Backend } from "../../../web/worker/platform.js";
import { nodeEngine } from "./node-engine.js";

export const start = (): Backend => inlineBackend(nodeEngine);
