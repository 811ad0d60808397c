// The engine on the caller's thread. A separate file, so that its code is loaded on demand.
import { inlineBackend } from "../../../web/worker/inline.js";
import type { Backend } from "../../../web/worker/platform.js";
import { browserEngine } from "./browser-engine.js";
import { spawnWorker } from "./browser-spawn.js";

export const start = (): Backend =>
  inlineBackend(
    browserEngine(() => spawnWorker(), {
      loadTemplates: () => import("../../../web/text/chat-template.js"),
      loadTasks: () => import("../../../web/tasks/tasks.js"),
    }),
  );
