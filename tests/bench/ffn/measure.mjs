// Measures the gain from skipping closed neurons, in Node on one thread:
//   node tests/bench/ffn/measure.mjs [relaxed|simd]
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { buildWithEmscripten } from "../../../scripts/lib/cmake.mjs";
import { Problem, isMain, runMain } from "../../../scripts/lib/run.mjs";
import { ensureToolchain } from "../../../scripts/setup.mjs";
import { instantiateProbe } from "../probe.js";

const types = ["Q8_0", "Q4_0", "F16"];
const shapes = [
  [256, 1024, 12],
  [576, 1536, 12],
  [1024, 4096, 6],
]; // hidden, neurons, layers
const shifts = { 50: 0, 85: 1.036, 90: 1.282, 95: 1.645 }; // zeros in percent → shift in standard deviations
const rounds = 100; // many short ones: on a shared machine some of them run undisturbed
const secondsEach = 0.005;

async function instantiate(path) {
  return instantiateProbe(await WebAssembly.compile(await readFile(path)));
}

/** The shortest time of a token in milliseconds for each function. They alternate, so that load affects both alike. */
function fastest(functions) {
  const counts = functions.map((run) => {
    let count = 1;
    for (;;) {
      const begin = performance.now();
      run(count);
      if (performance.now() - begin >= secondsEach * 1000) return count;
      count *= 2;
    }
  });
  const best = functions.map(() => Infinity);
  for (let round = 0; round < rounds; ++round) {
    functions.forEach((run, i) => {
      const begin = performance.now();
      run(counts[i]);
      best[i] = Math.min(best[i], (performance.now() - begin) / counts[i]);
    });
  }
  return best;
}

if (isMain(import.meta.url)) {
  await runMain(async ([flavour = "relaxed", ...wanted]) => {
    const target = `ffn_${flavour}`;
    const folder = await buildWithEmscripten(await ensureToolchain({ native: false }), target);
    const bench = await instantiate(join(folder, `${target}.wasm`));
    process.stdout.write(
      "| type | hidden × neurons × layers | zeros | dense ms | sparse ms | times faster |\n|---|---|---|---|---|---|\n",
    );
    for (const [which, type] of types.entries()) {
      if (wanted.length > 0 && !wanted.includes(type)) continue;
      for (const [hidden, ffn, layers] of shapes) {
        for (const shift of Object.values(shifts)) {
          if (!bench.prepare(which, hidden, ffn, layers, shift)) throw new Problem("the benchmark ran out of memory");
          for (let i = 0; i < 16; ++i) if (!bench.is_same()) throw new Problem("the results differ");
          const [dense, sparse] = fastest([bench.run_dense, bench.run_sparse]);
          const row = [
            type,
            `${hidden} × ${ffn} × ${layers}`,
            `${(bench.zeros() * 100).toFixed(1)} %`,
            dense.toFixed(3),
            sparse.toFixed(3),
            (dense / sparse).toFixed(2),
          ];
          process.stdout.write(`| ${row.join(" | ")} |\n`);
        }
      }
    }
  });
}
