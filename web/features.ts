// Which build of the engine this environment can run, asked of the engine of JavaScript itself and never of its name.
import { relaxedSimd, simd } from "wasm-feature-detect";

import { CamelGPTError } from "./errors.js";

/** What the engine is built of: 128-bit SIMD, or the same with the relaxed instructions. */
export type Flavour = "simd" | "relaxed";

/** One build of the engine: a flavour, for memory of its own or for memory that threads share. */
export type Build = Flavour | `${Flavour}-threads`;

// (a, b) → whether a * a + b is not zero, by the relaxed multiply-add.
const multiplyAdd = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, // the format and its version
  1, 7, 1, 96, 2, 125, 125, 1, 127, // (f32, f32) → i32
  3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, // one function, exported as f
  10, 28, 1, 26, 0, // its code, no locals
  32, 0, 253, 19, 32, 0, 253, 19, 32, 1, 253, 19, // splat a, a and b
  253, 133, 2, 253, 31, 0, 67, 0, 0, 0, 0, 92, 11, // relaxed_madd, its first lane, 0, is it another
);

/**
 * Whether the relaxed multiply-add rounds once. It does wherever the processor has FMA. Others (x86 before 2013, and some small ones
 * since) lack AVX as well, and there V8 compiles the relaxed dots wrongly when register allocation is unlucky (seen in V8 13.6 with
 * --no-enable-avx), which no probe can find for sure.
 */
async function fusesMultiplyAdd(): Promise<boolean> {
  try {
    const { instance } = await WebAssembly.instantiate(multiplyAdd);
    // (1 + 2^-12)^2 = 1 + 2^-11 + 2^-24: the last term survives only without a rounding in between.
    return (instance.exports["f"] as (a: number, b: number) => number)(1 + 2 ** -12, -(1 + 2 ** -11)) !== 0;
  } catch {
    return false; // edge runtimes compile nothing from bytes: the flavour that is right everywhere, then
  }
}

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
  const relaxed = (await relaxedSimd()) && (await fusesMultiplyAdd());
  if (wanted === "relaxed" && !relaxed) {
    throw new CamelGPTError("unsupported-environment", "This environment cannot run the flavour `relaxed`.", {
      expected: "WebAssembly with relaxed SIMD, and a processor with fused multiply-add",
      found: "WebAssembly with SIMD only, or a processor without it",
      hint: 'Use flavour "auto" or "simd"; relaxed SIMD is in Chrome 114, Firefox 146, Node 22 and newer.',
    });
  }
  return wanted === "auto" ? (relaxed ? "relaxed" : "simd") : wanted;
}
