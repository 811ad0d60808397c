// Runs the engine on the caller's own thread: without copies and a worker, but the thread is busy while the engine
// computes.
import { Host } from "./host.js";
import type { Backend, EnginePlatform } from "./platform.js";

export function inlineBackend(platform: EnginePlatform): Backend {
  const host = new Host(platform, false);
  return {
    isDead: false,
    call: (name, params, context = {}) => host.call(name, params, context),
    dispose: async () => host.dispose(),
  };
}
