// A small byte-level model of random weights, as the bytes of its file. docs/formats.md describes keys and tensors.
import { paddingAfter, type, writeHeader } from "../bench/models/gguf.mjs";
import { blockTypes } from "../bench/models/blocks.mjs";
import { encode, randomValues } from "./encode.mjs";

const length = 12; // maximum bytes of a chunk
const width = 32; // of a byte's vector
const hidden = 64;
const ffn = 96;
const layers = 2;

const count = (value) => ({ type: type.u32, value });
const real = (value) => ({ type: type.f32, value });
const text = (value) => ({ type: type.string, value });

export function makeStlm() {
  const tensors = [];
  const add = (name, shape, size = 1.4 / Math.sqrt(shape[0])) => {
    const values = randomValues(
      name,
      shape.reduce((product, dimension) => product * dimension, 1),
    ).map((value) => value * size);
    tensors.push({ name: `${name}.weight`, shape, type: "F32", data: encode(values, "F32") });
  };
  const addNorm = (name, size) => {
    const values = randomValues(name, size).map((value) => 1 + 0.2 * value);
    tensors.push({ name: `${name}.weight`, shape: [size], type: "F32", data: encode(values, "F32") });
  };
  const addByteBlock = (block, columns, next) => {
    addNorm(`${block}.attn_norm`, columns);
    add(`${block}.attn_qkv`, [columns, 3 * columns]);
    add(`${block}.attn_output`, [columns, columns]);
    addNorm(`${block}.ffn_norm`, columns);
    add(`${block}.ffn_up`, [columns, 2 * columns]);
    add(`${block}.ffn_down`, [2 * columns, next]);
  };
  add("token_embd", [width, 258], 1);
  add("position_embd", [width, length], 1);
  addByteBlock("enc.blk.0", width, hidden);
  add("dec.projection", [hidden, length * width], 0.3);
  add("dec.position_embd", [width, length], 1);
  addByteBlock("dec.blk.0", width, width);
  for (let layer = 0; layer < layers; ++layer) {
    const block = `blk.${layer}`;
    addNorm(`${block}.attn_norm`, hidden);
    for (const [name, rows] of [
      ["attn_q", hidden],
      ["attn_k", hidden / 2],
      ["attn_v", hidden / 2],
      ["attn_output", hidden],
    ])
      add(`${block}.${name}`, [hidden, rows]);
    addNorm(`${block}.ffn_norm`, hidden);
    if (layer > 0) continue; // shared with layer 0
    add(`${block}.ffn_gate`, [hidden, ffn]);
    add(`${block}.ffn_up`, [hidden, ffn]);
    add(`${block}.ffn_down`, [ffn, hidden]);
  }
  const keys = {
    "general.architecture": text("stlm"),
    "stlm.block_count": count(layers),
    "stlm.ffn_sharing": { type: type.bool, value: 1 },
    "stlm.context_length": count(256),
    "stlm.embedding_length": count(hidden),
    "stlm.feed_forward_length": count(ffn),
    "stlm.attention.head_count": count(4),
    "stlm.attention.head_count_kv": count(2),
    "stlm.attention.layer_norm_rms_epsilon": real(1e-6),
    "stlm.chunk_length": count(length),
    "stlm.byte.embedding_length": count(width),
    "stlm.byte.head_count": count(4),
    "stlm.byte.embedder_block_count": count(1),
    "stlm.byte.head_block_count": count(1),
    "tokenizer.ggml.model": text("bytes"),
    "tokenizer.ggml.chunk_length": count(length),
  };
  const header = writeHeader(
    keys,
    tensors.map((tensor) => ({ ...tensor, type: blockTypes.F32.id, bytes: tensor.data.length })),
  );
  return Buffer.concat([header, ...tensors.flatMap(({ data }) => [data, Buffer.alloc(paddingAfter(data.length))])]);
}
