// Chooses the build of the engine that this environment can run. Features are probed; browser names are not consulted.
import { simd } from "wasm-feature-detect";

import { CamelGPTError } from "../errors.js";
import type { Flavour } from "../types.js";
import { multiplyAdd } from "./multiply-add.js";

/**
 * Whether there is relaxed SIMD and its multiply-add rounds once, as it does on processors with FMA. Processors without
 * FMA (x86 before 2013 and some small ones since) also lack AVX, and without AVX V8 can miscompile the relaxed dot
 * products, depending on register allocation (seen in V8 13.6 with --no-enable-avx). No probe detects that reliably, so
 * processors without FMA do not use the relaxed flavour.
 */
async function fusesMultiplyAdd(compiled: WebAssembly.Module | undefined): Promise<boolean> {
  try {
    const instance = await WebAssembly.instantiate(compiled ?? (await WebAssembly.compile(multiplyAdd)));
    // (1 + 2^-12)^2 = 1 + 2^-11 + 2^-24: the last term survives only if the product is not rounded.
    return (instance.exports["f"] as (a: number, b: number) => number)(1 + 2 ** -12, -(1 + 2 ** -11)) !== 0;
  } catch {
    return false; // unknown: choose the flavour that is correct everywhere
  }
}

/**
 * Returns the flavour to load. `auto` prefers `relaxed`. `probe` is the compiled `multiplyAdd` module, for runtimes
 * that cannot compile bytes. Errors: `unsupported-environment` if no flavour, or not the requested one, can run.
 */
export async function chooseFlavour(wanted: Flavour | "auto", probe?: WebAssembly.Module): Promise<Flavour> {
  if (typeof WebAssembly === "undefined" || !(await simd())) {
    throw new CamelGPTError("unsupported-environment", "This environment cannot run WebAssembly SIMD.", {
      expected: "WebAssembly with 128-bit SIMD",
      found: typeof WebAssembly === "undefined" ? "no WebAssembly" : "WebAssembly without SIMD",
      hint: "Use Chrome 91, Firefox 89, Safari 16.4, Node 20 or newer; some private modes disable WebAssembly.",
    });
  }
  const relaxed = await fusesMultiplyAdd(probe);
  if (wanted === "relaxed" && !relaxed) {
    throw new CamelGPTError("unsupported-environment", "This environment cannot run the flavour `relaxed`.", {
      expected: "WebAssembly with relaxed SIMD, and a processor with fused multiply-add",
      found: "one of them, or neither",
      hint: 'Use flavour "auto" or "simd"; relaxed SIMD is in Chrome 114, Firefox 146, Node 22 and newer.',
    });
  }
  return wanted === "auto" ? (relaxed ? "relaxed" : "simd") : wanted;
}
