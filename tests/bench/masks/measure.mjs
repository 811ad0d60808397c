// Measures the time of token masks in WebAssembly, in Node.
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { buildWithEmscripten } from "../../../scripts/lib/cmake.mjs";
import { Problem } from "../../../scripts/lib/run.mjs";
import { instantiateProbe } from "../probe.js";

const firstBytes = 4 << 20; // of a file's header; doubled until it is complete
const maxHeaderBytes = 1 << 28;

/** Compiles the probe and returns it as a module. */
export async function buildMaskProbe(tools) {
  const target = "masks_simd";
  return WebAssembly.compile(await readFile(join(await buildWithEmscripten(tools, target), `${target}.wasm`)));
}

/**
 * Walks texts token by token, each with a newly compiled grammar. A step's time is the shortest of `rounds` walks, all
 * of which compute the same.
 *
 * @param cases `[{name, grammar, texts}]`: GBNF, and texts that match it. The second and later texts find the masks of
 *   those before them in the grammar's cache, as later answers do.
 * @returns `{vocabulary, trie: {ms, bytes}, compile, first, steps}`: the last three are times in milliseconds, of
 *   compiling each grammar, of its first mask, and of all other masks.
 */
export async function measureMasks({ module, modelPath, cases, rounds }) {
  const probe = await open(module);
  loadTokenizer(probe, modelPath);
  const trie = { ms: Math.min(...Array.from({ length: 3 }, () => timed(() => probe.check("build_trie")))) };
  trie.bytes = probe.exports.trie_bytes();
  const times = cases.map(() => ({ compile: Infinity, masks: [] }));
  for (let round = 0; round < rounds; round++) {
    for (const [i, each] of cases.entries()) walk(probe, each, times[i]);
  }
  return {
    vocabulary: probe.exports.vocabulary(),
    trie,
    compile: times.map(({ compile }) => compile),
    first: times.map(({ masks }) => masks[0]),
    steps: times.flatMap(({ masks }) => masks.slice(1)),
  };
}

/** Compiles a grammar and walks its texts. Keeps the shorter times in `best`. */
function walk(probe, { name, grammar, texts }, best) {
  const { exports, check } = probe;
  const size = probe.write(grammar);
  best.compile = Math.min(
    best.compile,
    timed(() => check("compile", size)),
  );
  let step = 0;
  for (const text of texts) {
    const count = exports.encode(probe.write(text));
    if (count === 0) throw new Problem(`${name}: no tokens in ${text}`);
    check("begin");
    for (let i = 0; i < count; i++, step++) {
      check("sweep");
      const ms = timed(() => check("mask"));
      best.masks[step] = Math.min(best.masks[step] ?? Infinity, ms);
      if (!exports.accept(i)) throw new Problem(`${name}: token ${i} of ${text} is not allowed`);
    }
    if (!exports.may_end()) throw new Problem(`${name}: ${text} is not complete`);
  }
}

function timed(body) {
  const begin = performance.now();
  body();
  return performance.now() - begin;
}

async function open(module) {
  const exports = await instantiateProbe(module);
  return {
    exports,
    /** Calls a function that returns whether it succeeded. */
    check(name, argument) {
      if (!exports[name](argument)) throw new Problem(`the probe of masks failed: ${name}`);
    },
    /** Copies a text or bytes to the input and returns their size. */
    write(input) {
      const bytes = typeof input === "string" ? new TextEncoder().encode(input) : input;
      const address = exports.input(bytes.length);
      if (address === 0) throw new Problem("the probe of masks has too little memory");
      new Uint8Array(exports.memory.buffer).set(bytes, address);
      return bytes.length;
    },
  };
}

function loadTokenizer(probe, path) {
  const file = openSync(path, "r");
  try {
    const fileBytes = fstatSync(file).size;
    for (let bytes = firstBytes; bytes <= maxHeaderBytes; bytes *= 2) {
      const start = new Uint8Array(Math.min(bytes, fileBytes));
      readSync(file, start, 0, start.length, 0);
      if (probe.exports.load(probe.write(start))) return;
    }
  } finally {
    closeSync(file);
  }
  throw new Problem(`${path} has no header with a tokenizer that the engine reads`);
}
