// The path of a model goes in, what a token costs comes out.
import { blockTypes, matrixBytes } from "./blocks.mjs";
import { readHeader } from "./gguf.mjs";

const typeNames = new Map(Object.entries(blockTypes).map(([name, { id }]) => [id, name]));

/**
 * `{keyValueBytes, tokens, matrices}`: `keyValueBytes` of the cache for one position in 16-bit floats, `tokens` the
 * vocabulary, and `matrices` `[{type, rows, columns, bytes, isHead, isCoarse}]`, each of which every decoded token reads once; the
 * inputs of coarse ones may be quantised to 8 bits.
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
        isCoarse: /attn_output|ffn_down/.test(name),
      };
    });
  const keyWidth = tensors.find(({ name }) => name === "blk.0.attn_k.weight").shape[1];
  return {
    keyValueBytes: metadata["llama.block_count"].value * 2 * keyWidth * 2,
    tokens: metadata["tokenizer.ggml.tokens"].value,
    matrices,
  };
}
