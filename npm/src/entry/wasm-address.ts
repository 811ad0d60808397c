// The address of a build's WebAssembly: in the package, unless the caller gave another.
import type { Build } from "../../../web/types.js";
import type { EngineOptions } from "../../../web/engine/engine-options.js";

export function wasmAddress(build: Build, given: EngineOptions["wasmUrl"], packaged: Record<Build, () => URL>): string {
  const address = typeof given === "object" ? given[build] : given;
  return address ?? packaged[build]().href;
}
