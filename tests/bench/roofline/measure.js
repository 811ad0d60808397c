// What this runtime makes of this machine: `measureRoofline(module)` → gigabytes a second that reading from memory reaches, and
// for each panel kind the multiply-adds a second of its kernel on data in the first-level cache, for one token (decoding) and
// for a tile of 64 (prefill), and the bytes of a weight. Runs in every runtime; `module` is roofline_<flavour>.wasm, compiled.

const columns = 512;
const mostCacheBytes = 24 << 10; // of the weights; the inputs need a little of the 32 KiB too
const streamRows = 8192;
const streamColumns = 6144; // half a byte for each of 50 million weights: no cache holds them
const measurements = 40; // many short ones: on a machine that is shared some of them are undisturbed
const secondsEach = 0.006;

/** The shortest of some runs, in seconds for one repetition. */
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

/** @param wanted names of panel kinds; all of them where it is left out */
export async function measureRoofline(module, wanted) {
  const unused = () => { throw new Error("the probe needs nothing of its surroundings"); };
  const imports = {};
  for (const { module: from, name } of WebAssembly.Module.imports(module)) (imports[from] ??= {})[name] = unused;
  imports.env = { ...imports.env, emscripten_notify_memory_growth() {} };
  const { exports } = await WebAssembly.instantiate(module, imports);
  exports._initialize?.();
  const text = (address) => {
    const bytes = new Uint8Array(exports.memory.buffer, address);
    return new TextDecoder().decode(bytes.slice(0, bytes.indexOf(0)));
  };
  const prepare = (kind, rows, width, tokens) => {
    if (!exports.prepare(kind, rows, width, tokens)) throw new Error("there is not enough memory for the probe");
  };

  const kernels = {};
  for (let kind = 0; kind < exports.panel_kinds(); ++kind) {
    const kindName = text(exports.panel_kind_name(kind));
    if (wanted && !wanted.includes(kindName)) continue;
    const rows = Math.max(8, Math.floor(mostCacheBytes / exports.panel_bytes(kind, 8, columns)) * 8);
    const gmacs = (tokens) => {
      prepare(kind, rows, columns, tokens);
      return (rows * columns * tokens) / fastest((repetitions) => exports.multiply(repetitions)) / 1e9;
    };
    kernels[kindName] = { decode: gmacs(1), prefill: gmacs(64), bytesPerWeight: exports.panel_bytes(kind, 8, columns) / (8 * columns) };
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
 * Seconds that one decoded token takes at least: over all matrices, the larger of its bytes at the speed of memory and its
 * multiply-adds at its kernel's speed. `matrices`: `{kind, rows, columns, bytes}`, each read once for a token.
 */
export function decodeRooflineSeconds(matrices, { readGBps, gmacs }) {
  return matrices.reduce((sum, { kind, rows, columns: width, bytes }) => {
    return sum + Math.max(bytes / (readGBps * 1e9), (rows * width) / (gmacs[kind].decode * 1e9));
  }, 0);
}
