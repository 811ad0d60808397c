// Computes the work of one token from a model's header.
import { blockTypes, matrixBytes } from "./blocks.mjs";
import { readHeader } from "./gguf.mjs";

const typeNames = new Map(Object.entries(blockTypes).map(([name, { id }]) => [id, name]));

/**
 * `{keyValueBytes, tokens, matrices}`: bytes of the cache for one position in half-precision floats, the vocabulary,
 * and `[{type, rows, columns, bytes, isHead}]`, the matrices that each decoded token reads once.
 */
export function demandOf(path) {
  const { metadata, tensors } = readHeader(path);
  const isTied = !tensors.some(({ name }) => name === "output.weight");
  const matrices = tensors
    .filter(({ name, shape }) => shape.length === 2 && (isTied || name !== "token_embd.weight"))
    .map(({ name, shape: [columns, rows], type }) => {
      const typeName = typeNames.get(type);
      return {
        type: typeName,
        rows,
        columns,
        bytes: matrixBytes(typeName, columns, rows),
        isHead: !name.startsWith("blk."),
      };
    });
  const keyWidth = tensors.find(({ name }) => name === "blk.0.attn_k.weight").shape[1];
  return {
    keyValueBytes: metadata["llama.block_count"].value * 2 * keyWidth * 2,
    tokens: metadata["tokenizer.ggml.tokens"].value,
    matrices,
  };
}
