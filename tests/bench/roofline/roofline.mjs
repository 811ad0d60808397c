// Prints the roofline of the kernels on this machine, in Node: `node tests/bench/roofline/roofline.mjs [relaxed|simd]`.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { buildWithEmscripten } from "../../../scripts/lib/cmake.mjs";
import { isMain, runMain } from "../../../scripts/lib/run.mjs";
import { ensureToolchain } from "../../../scripts/setup.mjs";
import { measureRoofline } from "./measure.js";

/** Compiles the probe of one flavour and returns the path of its .wasm. */
export async function buildRoofline(tools, flavour) {
  const target = `roofline_${flavour}`;
  return join(await buildWithEmscripten(tools, target), `${target}.wasm`);
}

if (isMain(import.meta.url)) {
  await runMain(async ([flavour = "relaxed"]) => {
    const path = await buildRoofline(await ensureToolchain({ native: false }), flavour);
    const { name, readGBps, gmacs } = await measureRoofline(await WebAssembly.compile(await readFile(path)));
    process.stdout.write(`${name}, ${process.versions.v8}: reading memory ${readGBps.toFixed(1)} GB/s\n\n`);
    process.stdout.write("| kernel | decode GMAC/s | prefill GMAC/s |\n|---|---|---|\n");
    for (const [kernel, { decode, prefill }] of Object.entries(gmacs)) {
      process.stdout.write(`| ${kernel} | ${decode.toFixed(1)} | ${prefill.toFixed(1)} |\n`);
    }
  });
}
