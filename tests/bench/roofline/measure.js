// Measures the limits of this runtime on this machine: `measureRoofline(module)` returns the gigabytes a second of
// reading memory, and for each kernel (a panel kind) the bytes of a weight and the multiply-adds a second on data in
// the first-level cache, for one token (decoding) and for a tile of 64 (prefill). Runs in every runtime; `module` is
// the compiled roofline_<flavour>.wasm.
import { instantiateProbe } from "../probe.js";

const columns = 512;
const maxCacheBytes = 24 << 10; // of the weights; the inputs need a little of the 32 KiB too
const streamRows = 8192;
const streamColumns = 6144; // half a byte for each of 50 million weights: larger than any cache
const measurements = 40; // many short ones: on a shared machine some of them run undisturbed
const secondsEach = 0.006;

/** The shortest of several runs, in seconds for one repetition. */
function fastest(run) {
  let repetitions = 1;
  const time = () => {
    const begin = performance.now();
    run(repetitions);
    return (performance.now() - begin) / 1000;
  };
  time(); // compiles
  while (time() < secondsEach) repetitions *= 2;
  return Math.min(...Array.from({ length: measurements }, time)) / repetitions;
}

/** @param wanted names of kernels (default: all) */
export async function measureRoofline(module, wanted) {
  const exports = await instantiateProbe(module);
  const text = (address) => {
    const bytes = new Uint8Array(exports.memory.buffer, address);
    return new TextDecoder().decode(bytes.slice(0, bytes.indexOf(0)));
  };
  const prepare = (kind, rows, width, tokens) => {
    if (!exports.prepare(kind, rows, width, tokens)) throw new Error("not enough memory for the probe");
  };

  const kernels = {};
  for (let kind = 0; kind < exports.panel_kinds(); ++kind) {
    const kernel = text(exports.panel_kind_name(kind));
    if (wanted && !wanted.includes(kernel)) continue;
    const rows = Math.max(8, Math.floor(maxCacheBytes / exports.panel_bytes(kind, 8, columns)) * 8);
    const gmacs = (tokens) => {
      prepare(kind, rows, columns, tokens);
      return (rows * columns * tokens) / fastest((repetitions) => exports.multiply(repetitions)) / 1e9;
    };
    kernels[kernel] = {
      decode: gmacs(1),
      prefill: gmacs(64),
      bytesPerWeight: exports.panel_bytes(kind, 8, columns) / (8 * columns),
    };
  }
  const nibbles = 0;
  prepare(nibbles, streamRows, streamColumns, 1);
  const bytes = exports.panel_bytes(nibbles, streamRows, streamColumns);
  const seconds = fastest((repetitions) => {
    for (let i = 0; i < repetitions; ++i) exports.read();
  });
  return { name: text(exports.kernels_name()), readGBps: bytes / seconds / 1e9, gmacs: kernels };
}

/**
 * The minimum seconds for a decoded token: the sum over all matrices of the larger of bytes / memory speed and
 * multiply-adds / kernel speed. `matrices`: `{kernel, rows, columns, bytes}`, each read once for a token.
 */
export function decodeRooflineSeconds(matrices, { readGBps, gmacs }) {
  return matrices.reduce((sum, { kernel, rows, columns: width, bytes }) => {
    return sum + Math.max(bytes / (readGBps * 1e9), (rows * width) / (gmacs[kernel].decode * 1e9));
  }, 0);
}
