// Where the WebAssembly of a flavour is: beside the package, unless the caller said otherwise.
import type { Flavour } from "../../../web/features.js";
import type { EngineOptions } from "../../../web/protocol.js";

export function wasmAddress(
  flavour: Flavour,
  given: EngineOptions["wasmUrl"],
  beside: Record<Flavour, () => URL>,
): string {
  const own = typeof given === "object" ? given[flavour] : given;
  return own ?? beside[flavour]().href;
}
