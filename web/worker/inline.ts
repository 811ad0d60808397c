// Runs the engine on the caller's own thread: without copies and a worker, but the thread is busy while the engine
// computes.
import { asCamelGPTError } from "../errors.js";
import { Host } from "./host.js";
import type { Backend, EnginePlatform } from "./platform.js";

export function inlineBackend(platform: EnginePlatform): Backend {
  const host = new Host(platform, false);
  let isDead = false; // a helper thread has died
  return {
    get isDead() {
      return isDead;
    },
    call: (name, params, context = {}) =>
      host.call(name, params, context).catch((error: unknown) => {
        isDead ||= asCamelGPTError(error).code === "worker-failed";
        throw error;
      }),
    dispose: async () => host.dispose(),
  };
}
