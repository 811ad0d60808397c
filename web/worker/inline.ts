// The engine on the caller's own thread: no copies and no worker, but the thread is busy while the engine works.
import { Host } from "./host.js";
import type { Backend, EngineMeans } from "./platform.js";

export function inlineBackend(means: EngineMeans): Backend {
  const host = new Host(means, false);
  return {
    isDead: false,
    call: (name, params, context = {}) => host.call(name, params, context),
    dispose: async () => host.dispose(),
  };
}
