// Makes a tiny model of random weights whose vocabulary is the 256 bytes, in which a text has one token for each byte,
// and further tokens.
import { blockTypes, matrixBytes } from "../../bench/models/blocks.mjs";
import { type } from "../../bench/models/gguf.mjs";
import { modelBytes } from "../../bench/models/synthetic.mjs";

/** Token types, numbered as in GGUF. */
export const tokenType = { normal: 1, control: 3, userDefined: 4 };

/** The id of the first further token. */
export const firstExtra = 256;

const size = { layers: 1, heads: 1, ffn: 32 };

/**
 * The bytes of the model's file.
 * @param extra    further tokens as `[text, type]`, with ids from `firstExtra` on
 * @param metadata further metadata: text, numbers (unsigned, or floats if they are not whole) and booleans
 */
export function tinyModel(extra = [], metadata = {}, { contextLength = 1024, hidden = 32 } = {}) {
  const vocabulary = firstExtra + extra.length;
  const given = { "llama.context_length": contextLength, "llama.embedding_length": hidden, ...metadata };
  return Buffer.concat([...modelBytes(metadataOf(extra, given), tensorsOf(vocabulary, hidden))]);
}

/** The bytes of a model whose output head is large enough to be pruned. */
export function prunableModel() {
  const extra = Array.from({ length: 8192 - firstExtra }, (_, i) => [`<extra ${i}>`, tokenType.normal]);
  return tinyModel(extra, {}, { hidden: 256 });
}

function tensorsOf(vocabulary, hidden) {
  const { layers, ffn } = size;
  const tensor = (name, columns, rows) => ({
    name,
    shape: rows ? [columns, rows] : [columns],
    typeName: "F32",
    type: blockTypes.F32.id,
    bytes: matrixBytes("F32", columns, rows ?? 1),
  });
  const layer = (i) => [
    tensor(`blk.${i}.attn_norm.weight`, hidden),
    ...["attn_q", "attn_k", "attn_v", "attn_output"].map((name) => tensor(`blk.${i}.${name}.weight`, hidden, hidden)),
    tensor(`blk.${i}.ffn_norm.weight`, hidden),
    ...["ffn_gate", "ffn_up"].map((name) => tensor(`blk.${i}.${name}.weight`, hidden, ffn)),
    tensor(`blk.${i}.ffn_down.weight`, ffn, hidden),
  ];
  return [
    tensor("token_embd.weight", hidden, vocabulary),
    ...Array.from({ length: layers }, (_, i) => layer(i)).flat(),
    tensor("output_norm.weight", hidden),
    tensor("output.weight", hidden, vocabulary),
  ];
}

function metadataOf(extra, metadata) {
  const list = (element, value) => ({ type: type.array, element, value });
  const latin1 = (value) => Buffer.from(value).toString("latin1"); // the form that writeHeader expects
  const asEntry = (value) => {
    if (typeof value === "boolean") return { type: type.bool, value };
    if (typeof value === "string") return { type: type.string, value: latin1(value) };
    return { type: Number.isInteger(value) ? type.u32 : type.f32, value };
  };
  const given = {
    "general.architecture": "llama",
    "llama.block_count": size.layers,
    "llama.feed_forward_length": size.ffn,
    "llama.attention.head_count": size.heads,
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.pre": "gpt-2",
    ...metadata,
  };
  return {
    ...Object.fromEntries(Object.entries(given).map(([key, value]) => [key, asEntry(value)])),
    "llama.attention.layer_norm_rms_epsilon": { type: type.f32, value: 1e-5 },
    "tokenizer.ggml.tokens": list(type.string, [...byteAlphabet(), ...extra.map(([text]) => text)].map(latin1)),
    "tokenizer.ggml.token_type": list(type.i32, [
      ...Array(firstExtra).fill(tokenType.normal),
      ...extra.map(([, kind]) => kind),
    ]),
    "tokenizer.ggml.merges": list(type.string, []),
  };
}

/** GPT-2's characters for the bytes. */
function byteAlphabet() {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const isPrintable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    return String.fromCodePoint(isPrintable ? byte : next++);
  });
}
