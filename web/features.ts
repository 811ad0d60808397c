// Which build of the engine this environment can run, asked of the engine of JavaScript itself and never of its name.
import { relaxedSimd, simd } from "wasm-feature-detect";

import { CamelGPTError } from "./errors.js";

/** What the engine is built of: 128-bit SIMD, or the same with the relaxed instructions. */
export type Flavour = "simd" | "relaxed";

/** One build of the engine: a flavour, for memory of its own or for memory that threads share. */
export type Build = Flavour | `${Flavour}-threads`;

/**
 * The flavour to load. `auto` takes `relaxed` where it runs.
 * Errors: `unsupported-environment` where neither runs, or where a wanted flavour does not.
 */
export async function chooseFlavour(wanted: Flavour | "auto"): Promise<Flavour> {
  if (typeof WebAssembly === "undefined" || !(await simd())) {
    throw new CamelGPTError("unsupported-environment", "This environment cannot run WebAssembly SIMD.", {
      expected: "WebAssembly with 128-bit SIMD",
      found: typeof WebAssembly === "undefined" ? "no WebAssembly" : "WebAssembly without SIMD",
      hint: "Use Chrome 91, Firefox 89, Safari 16.4, Node 20 or newer; some private modes switch WebAssembly off.",
    });
  }
  const relaxed = await relaxedSimd();
  if (wanted === "relaxed" && !relaxed) {
    throw new CamelGPTError("unsupported-environment", "This environment cannot run the flavour `relaxed`.", {
      expected: "WebAssembly with relaxed SIMD",
      found: "WebAssembly with SIMD only",
      hint: 'Use flavour "auto" or "simd"; relaxed SIMD is in Chrome 114, Firefox 146, Node 22 and newer.',
    });
  }
  return wanted === "auto" ? (relaxed ? "relaxed" : "simd") : wanted;
}
