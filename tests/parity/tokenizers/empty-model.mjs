// A model of zero weights around the tokenizer of a GGUF file that has no weights.
import { blockTypes, matrixBytes } from "../../bench/models/blocks.mjs";
import { paddingAfter, readHeader, type, writeHeader } from "../../bench/models/gguf.mjs";

const size = 32; // of everything but the vocabulary

/** The bytes of a llama with one layer and the vocabulary and name of the file at `path`. */
export function emptyModel(path, contextLength = 64) {
  const { metadata } = readHeader(path);
  const rows = metadata["tokenizer.ggml.tokens"].value.length;
  const tensor = (name, ...shape) => {
    const typeName = shape.length === 2 ? "Q4_0" : "F32";
    return { name, shape, type: blockTypes[typeName].id, bytes: matrixBytes(typeName, shape[0], shape[1] ?? 1) };
  };
  const tensors = [
    tensor("token_embd.weight", size, rows),
    tensor("output_norm.weight", size),
    ...["attn_norm", "ffn_norm"].map((name) => tensor(`blk.0.${name}.weight`, size)),
    ...["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"].map((name) =>
      tensor(`blk.0.${name}.weight`, size, size),
    ),
  ];
  const number = (value) => ({ type: type.u32, value });
  const kept = Object.entries(metadata).filter(([key]) => key.startsWith("tokenizer.") || key === "general.name");
  const header = writeHeader(
    {
      "general.architecture": { type: type.string, value: "llama" },
      "llama.block_count": number(1),
      "llama.context_length": number(contextLength),
      "llama.embedding_length": number(size),
      "llama.feed_forward_length": number(size),
      "llama.attention.head_count": number(1),
      "llama.attention.layer_norm_rms_epsilon": { type: type.f32, value: 1e-5 },
      ...Object.fromEntries(kept),
    },
    tensors,
  );
  const weights = tensors.reduce((sum, { bytes }) => sum + bytes + paddingAfter(bytes), 0);
  return Buffer.concat([header, Buffer.alloc(weights)]);
}
