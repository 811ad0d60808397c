// Writes GGUF files of random weights to the cache, for a shape and a quantisation: once, and identical on every
// machine. The output is meaningless, but time and memory are those of the real model.
import { existsSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import { join } from "node:path";
import { cacheFolder, withTemporaryFolder } from "../../../scripts/lib/cache.mjs";
import { say } from "../../../scripts/lib/run.mjs";
import { blockTypes, fillBlocks, randomNumbers } from "./blocks.mjs";
import { paddingAfter, readHeader, type, writeHeader } from "./gguf.mjs";
import { tensorsOf } from "./shapes.mjs";
import { tokenizerFor } from "./tokenizer.mjs";

// Incremented when the bytes for a name change, so that older files are not used.
const formatVersion = 1;
const poolBytes = 4 << 20;
const contextLength = 8192;

export const syntheticFolder = cacheFolder("bench");

/**
 * The path of a synthetic model's file, which is written if missing.
 * @param name          of the model
 * @param shape         one of `shapes`
 * @param quantization  one of `quantizations`
 * @param tokenizerFile a real model from which the tokenizer is copied
 */
export async function ensureSynthetic(name, shape, quantization, tokenizerFile) {
  const path = join(syntheticFolder, `${name}.v${formatVersion}.gguf`);
  if (existsSync(path)) return path;
  const tensors = tensorsOf(shape, quantization);
  const total = tensors.reduce((sum, tensor) => sum + tensor.bytes, 0);
  say(`model: writing ${name} (synthetic, ${Math.round(total / 1e6)} MB)`);
  const metadata = {
    ...metadataOf(name, shape, quantization),
    ...tokenizerFor(readHeader(tokenizerFile).metadata, shape.vocabulary),
  };
  await withTemporaryFolder(path, async (folder) => {
    const temporary = join(folder, "model.gguf");
    await writeModel(temporary, metadata, tensors);
    await rename(temporary, path);
  });
  return path;
}

function metadataOf(name, shape, quantization) {
  const text = (value) => ({ type: type.string, value });
  const count = (value) => ({ type: type.u32, value });
  const real = (value) => ({ type: type.f32, value });
  return {
    "general.architecture": text("llama"),
    "general.name": text(`${name} (random weights)`),
    "general.file_type": count(quantization.fileType),
    "general.quantization_version": count(2),
    "llama.context_length": count(contextLength),
    "llama.embedding_length": count(shape.hidden),
    "llama.block_count": count(shape.layers),
    "llama.feed_forward_length": count(shape.ffn),
    "llama.attention.head_count": count(shape.heads),
    "llama.attention.head_count_kv": count(shape.kvHeads),
    "llama.attention.key_length": count(shape.headWidth),
    "llama.attention.value_length": count(shape.headWidth),
    "llama.attention.layer_norm_rms_epsilon": real(1e-5),
    "llama.rope.dimension_count": count(shape.headWidth),
    "llama.rope.freq_base": real(10_000),
    "llama.vocab_size": count(shape.vocabulary),
  };
}

async function writeModel(path, metadata, tensors) {
  const file = await open(path, "w");
  try {
    for (const piece of modelBytes(metadata, tensors)) await file.write(piece);
  } finally {
    await file.close();
  }
}

/** A file of random weights in pieces. Tensors are `{name, shape, typeName, type, bytes}`; norms are ones. */
export function* modelBytes(metadata, tensors) {
  yield writeHeader(metadata, tensors);
  const pools = new Map();
  for (const [index, tensor] of tensors.entries()) {
    yield* pieces(tensor, index, pools);
    if (paddingAfter(tensor.bytes) > 0) yield Buffer.alloc(paddingAfter(tensor.bytes));
  }
}

/** The bytes of one tensor: a repeated pool of random blocks, with a different starting block for each tensor. */
function* pieces(tensor, index, pools) {
  const {
    name,
    shape: [columns],
    typeName,
  } = tensor;
  if (name.endsWith("norm.weight")) return yield ones(columns);
  const key = `${typeName} ${columns}`;
  if (!pools.has(key)) pools.set(key, makePool(typeName, columns));
  const pool = pools.get(key);
  const block = blockTypes[typeName].bytes;
  let start = ((index * 997) % (pool.length / block)) * block;
  for (let left = tensor.bytes; left > 0; start = 0) {
    const piece = pool.subarray(start, Math.min(pool.length, start + left));
    left -= piece.length;
    yield piece;
  }
}

function makePool(typeName, columns) {
  const { bytes } = blockTypes[typeName];
  const pool = Buffer.alloc(Math.floor(poolBytes / bytes) * bytes);
  fillBlocks(typeName, pool, columns, randomNumbers(columns + bytes));
  return pool;
}

const ones = (count) => Buffer.from(new Float32Array(count).fill(1).buffer);
