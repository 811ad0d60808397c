// Generates a model of random weights with exactly the shape of GEB-1.3B (Wu et al. 2024) in the layout of ChatGLM. The
// file is streamed and never stored, except from the command line:
//   node tests/geb/model.mjs TYPE OUT.gguf
import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Problem, isMain, runMain } from "../../scripts/lib/run.mjs";
import { blockTypes, matrixBytes } from "../bench/models/blocks.mjs";
import { type } from "../bench/models/gguf.mjs";
import { modelBytes } from "../bench/models/synthetic.mjs";
import { bilingualVocabulary, controls } from "./vocabulary.mjs";

export const shape = {
  hidden: 2048,
  layers: 24,
  ffn: 5632,
  heads: 16,
  kvGroups: 4,
  vocabulary: 64_896,
  contextLength: 4096,
};

/** The values of `general.file_type`. */
const fileTypes = { F32: 0, F16: 1, Q4_0: 2, Q8_0: 7 };
export const types = Object.keys(fileTypes);

/** `{bytes, parameters, pieces()}`; the file is always the same. */
export function gebModel(typeName, { contextLength = shape.contextLength } = {}) {
  const tensors = tensorsOf(typeName);
  const metadata = metadataOf(typeName, contextLength);
  const pieces = () => modelBytes(metadata, tensors);
  const header = pieces().next().value;
  return {
    headerBytes: header.length,
    bytes: tensors.reduce((sum, { bytes }) => sum + Math.ceil(bytes / 32) * 32, header.length),
    parameters: tensors.reduce(
      (sum, tensor) => sum + tensor.shape.reduce((product, dimension) => product * dimension, 1),
      0,
    ),
    pieces,
  };
}

function tensorsOf(typeName) {
  const { hidden, layers, ffn, heads, kvGroups, vocabulary } = shape;
  const tensor = (name, kind, columns, ...rows) => ({
    name,
    shape: [columns, ...rows],
    typeName: kind,
    type: blockTypes[kind].id,
    bytes: matrixBytes(kind, columns, rows[0] ?? 1),
  });
  const vector = (name, size) => tensor(name, "F32", size);
  const matrix = (name, columns, rows) => tensor(name, typeName, columns, rows);
  const qkv = hidden + 2 * kvGroups * (hidden / heads);
  const layer = (i) => [
    vector(`blk.${i}.attn_norm.weight`, hidden),
    matrix(`blk.${i}.attn_qkv.weight`, hidden, qkv),
    vector(`blk.${i}.attn_qkv.bias`, qkv),
    matrix(`blk.${i}.attn_output.weight`, hidden, hidden),
    vector(`blk.${i}.ffn_norm.weight`, hidden),
    matrix(`blk.${i}.ffn_up.weight`, hidden, 2 * ffn),
    matrix(`blk.${i}.ffn_down.weight`, ffn, hidden),
  ];
  return [
    matrix("token_embd.weight", hidden, vocabulary),
    ...Array.from({ length: layers }, (_, i) => layer(i)).flat(),
    vector("output_norm.weight", hidden),
    matrix("output.weight", hidden, vocabulary),
  ];
}

function metadataOf(typeName, contextLength) {
  const text = (value) => ({ type: type.string, value });
  const count = (value) => ({ type: type.u32, value });
  const real = (value) => ({ type: type.f32, value });
  const list = (element, value) => ({ type: type.array, element, value });
  const latin1 = (value) => Buffer.from(value).toString("latin1"); // the form that writeHeader expects
  const { tokens, merges } = bilingualVocabulary(shape.vocabulary);
  const firstControl = tokens.length - controls.length;
  return {
    "general.architecture": text("chatglm"),
    "general.name": text("GEB-1.3B (random weights)"),
    "general.file_type": count(fileTypes[typeName]),
    "chatglm.context_length": count(contextLength),
    "chatglm.embedding_length": count(shape.hidden),
    "chatglm.feed_forward_length": count(shape.ffn),
    "chatglm.block_count": count(shape.layers),
    "chatglm.attention.head_count": count(shape.heads),
    "chatglm.attention.head_count_kv": count(shape.kvGroups),
    "chatglm.attention.layer_norm_rms_epsilon": real(1e-5),
    "chatglm.rope.dimension_count": count(shape.hidden / shape.heads / 2),
    "chatglm.rope.freq_base": real(10_000),
    "tokenizer.ggml.model": text("gpt2"),
    "tokenizer.ggml.pre": text("chatglm-bpe"),
    "tokenizer.ggml.tokens": list(type.string, tokens.map(latin1)),
    "tokenizer.ggml.token_type": list(
      type.i32,
      tokens.map((_, id) => (id < firstControl ? 1 : 3)),
    ),
    "tokenizer.ggml.merges": list(type.string, merges.map(latin1)),
    "tokenizer.ggml.eos_token_id": count(firstControl),
  };
}

if (isMain(import.meta.url)) {
  await runMain(async ([typeName, path]) => {
    if (!types.includes(typeName) || !path)
      throw new Problem(`usage: model.mjs TYPE OUT.gguf, with a TYPE of ${types.join(", ")}`);
    await pipeline(Readable.from(gebModel(typeName).pieces(), { objectMode: false }), createWriteStream(path));
  });
}
