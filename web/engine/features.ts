// Which build of the engine this environment can run, asked of the engine of JavaScript itself and never of its name.
import { relaxedSimd, simd } from "wasm-feature-detect";

import { CamelGPTError } from "../errors.js";
import { multiplyAdd } from "./multiply-add.js";

/** What the engine is built of: 128-bit SIMD, or the same with the relaxed instructions. */
export type Flavour = "simd" | "relaxed";

/** One build of the engine: a flavour, for memory of its own or for memory that threads share. */
export type Build = Flavour | `${Flavour}-threads`;

/**
 * Whether the relaxed multiply-add rounds once. It does wherever the processor has FMA. Others (x86 before 2013, and some small ones
 * since) lack AVX as well, and there V8 compiles the relaxed dots wrongly when register allocation is unlucky (seen in V8 13.6 with
 * --no-enable-avx), which no probe can find for sure.
 */
async function fusesMultiplyAdd(compiled: WebAssembly.Module | undefined): Promise<boolean> {
  try {
    const instance = await WebAssembly.instantiate(compiled ?? (await WebAssembly.compile(multiplyAdd)));
    // (1 + 2^-12)^2 = 1 + 2^-11 + 2^-24: the last term survives only without a rounding in between.
    return (instance.exports["f"] as (a: number, b: number) => number)(1 + 2 ** -12, -(1 + 2 ** -11)) !== 0;
  } catch {
    return false; // what cannot be found out: the flavour that is right everywhere, then
  }
}

/**
 * The flavour to load. `auto` takes `relaxed` where it runs. `probe` is `multiplyAdd`, compiled, for runtimes that compile nothing from bytes.
 * Errors: `unsupported-environment` where neither runs, or where a wanted flavour does not.
 */
export async function chooseFlavour(wanted: Flavour | "auto", probe?: WebAssembly.Module): Promise<Flavour> {
  if (typeof WebAssembly === "undefined" || !(await simd())) {
    throw new CamelGPTError("unsupported-environment", "This environment cannot run WebAssembly SIMD.", {
      expected: "WebAssembly with 128-bit SIMD",
      found: typeof WebAssembly === "undefined" ? "no WebAssembly" : "WebAssembly without SIMD",
      hint: "Use Chrome 91, Firefox 89, Safari 16.4, Node 20 or newer; some private modes switch WebAssembly off.",
    });
  }
  const relaxed = (await relaxedSimd()) && (await fusesMultiplyAdd(probe));
  if (wanted === "relaxed" && !relaxed) {
    throw new CamelGPTError("unsupported-environment", "This environment cannot run the flavour `relaxed`.", {
      expected: "WebAssembly with relaxed SIMD, and a processor with fused multiply-add",
      found: "WebAssembly with SIMD only, or a processor without it",
      hint: 'Use flavour "auto" or "simd"; relaxed SIMD is in Chrome 114, Firefox 146, Node 22 and newer.',
    });
  }
  return wanted === "auto" ? (relaxed ? "relaxed" : "simd") : wanted;
}
