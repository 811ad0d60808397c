// Where the WebAssembly of a build is: beside the package, unless the caller said otherwise.
import type { Build } from "../../../web/engine/features.js";
import type { EngineOptions } from "../../../web/worker/protocol.js";

export function wasmAddress(build: Build, given: EngineOptions["wasmUrl"], beside: Record<Build, () => URL>): string {
  const own = typeof given === "object" ? given[build] : given;
  return own ?? beside[build]().href;
}
