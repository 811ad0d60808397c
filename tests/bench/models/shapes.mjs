// Shapes of the synthetic models, those of published models in the llama architecture, and the tensor types that
// llama-quantize would select.
import { blockTypes, matrixBytes } from "./blocks.mjs";

/** Numbers of the published configurations. `tied`: the embedding is also the output head. */
export const shapes = {
  "10m": { hidden: 256, layers: 6, heads: 4, kvHeads: 4, headWidth: 64, ffn: 1024, vocabulary: 14_336, tied: true },
  "135m": { hidden: 576, layers: 30, heads: 9, kvHeads: 3, headWidth: 64, ffn: 1536, vocabulary: 49_152, tied: true },
  "gemma3-270m": {
    hidden: 640,
    layers: 18,
    heads: 4,
    kvHeads: 1,
    headWidth: 256,
    ffn: 2048,
    vocabulary: 262_144,
    tied: true,
  },
  "qwen3-0.6b": {
    hidden: 1024,
    layers: 28,
    heads: 16,
    kvHeads: 8,
    headWidth: 128,
    ffn: 3072,
    vocabulary: 151_936,
    tied: true,
  },
  "tinyllama-1.1b": {
    hidden: 2048,
    layers: 22,
    heads: 32,
    kvHeads: 4,
    headWidth: 64,
    ffn: 5632,
    vocabulary: 32_000,
    tied: false,
  },
  "geb-1.3b": {
    hidden: 2048,
    layers: 24,
    heads: 16,
    kvHeads: 4,
    headWidth: 128,
    ffn: 5632,
    vocabulary: 64_896,
    tied: false,
  },
};

/**
 * `fileType` is the format's number for files of mostly this type. `head`: llama-quantize's type of the output head.
 */
export const quantizations = {
  q4_0: { type: "Q4_0", head: "Q6_K", fileType: 2 },
  q4_k: { type: "Q4_K", head: "Q6_K", fileType: 14 },
  q8_0: { type: "Q8_0", head: "Q8_0", fileType: 7 },
  f16: { type: "F16", head: "F16", fileType: 1 },
};

// llama-quantize falls back to these types if blocks of 256 do not divide a row.
const fallbacks = { Q4_K: "Q5_0", Q6_K: "Q8_0" };

/** The tensors of a model in file order: `[{name, shape: [columns, rows?], typeName, type, bytes}]`. */
export function tensorsOf(shape, quantization) {
  const { hidden, heads, kvHeads, headWidth, ffn, vocabulary, tied } = shape;
  const vector = (name) => tensor(name, "F32", hidden);
  const matrix = (name, columns, rows, wanted = quantization.type) => {
    const fits = columns % blockTypes[wanted].elements === 0;
    return tensor(name, fits ? wanted : fallbacks[wanted], columns, rows);
  };
  const layer = (i) => [
    vector(`blk.${i}.attn_norm.weight`),
    matrix(`blk.${i}.attn_q.weight`, hidden, heads * headWidth),
    matrix(`blk.${i}.attn_k.weight`, hidden, kvHeads * headWidth),
    matrix(`blk.${i}.attn_v.weight`, hidden, kvHeads * headWidth),
    matrix(`blk.${i}.attn_output.weight`, heads * headWidth, hidden),
    vector(`blk.${i}.ffn_norm.weight`),
    matrix(`blk.${i}.ffn_gate.weight`, hidden, ffn),
    matrix(`blk.${i}.ffn_up.weight`, hidden, ffn),
    matrix(`blk.${i}.ffn_down.weight`, ffn, hidden),
  ];
  return [
    matrix("token_embd.weight", hidden, vocabulary, tied ? quantization.head : quantization.type),
    ...Array.from({ length: shape.layers }, (_, i) => layer(i)).flat(),
    vector("output_norm.weight"),
    ...(tied ? [] : [matrix("output.weight", hidden, vocabulary, quantization.head)]),
  ];
}

function tensor(name, typeName, columns, rows) {
  return {
    name,
    shape: rows === undefined ? [columns] : [columns, rows],
    typeName,
    type: blockTypes[typeName].id,
    bytes: matrixBytes(typeName, columns, rows ?? 1),
  };
}
