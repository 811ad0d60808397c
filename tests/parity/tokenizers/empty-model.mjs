// A model of zero weights around the tokenizer of a GGUF file that has no weights.
const kinds = { bool: 7, string: 8, array: 9 };
const sizes = { 0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8 };

function u32(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
function u64(value) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}
const string = (text) => Buffer.concat([u64(Buffer.byteLength(text)), Buffer.from(text)]);
const integer = (key, value) => Buffer.concat([string(key), u32(4), u32(value)]);
function float(key, value) {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return Buffer.concat([string(key), u32(6), bytes]);
}

/** The metadata of a GGUF file: key → {bytes of the whole item, number of array elements}. */
function readMetadata(file) {
  const items = new Map();
  const length = (at) => Number(file.readBigUInt64LE(at));
  let at = 24;
  const skip = (kind) => {
    at += kind === kinds.string ? 8 + length(at) : sizes[kind];
  };
  for (let count = length(16); count > 0; count--) {
    const begin = at;
    const key = file.toString("utf8", at + 8, at + 8 + length(at));
    skip(kinds.string);
    const kind = file.readUInt32LE(at);
    at += 4;
    let elements = 0;
    if (kind === kinds.array) {
      const element = file.readUInt32LE(at);
      elements = length(at + 4);
      at += 12;
      if (element === kinds.string) for (let i = 0; i < elements; i++) skip(element);
      else at += elements * sizes[element];
    } else {
      skip(kind);
    }
    items.set(key, { bytes: file.subarray(begin, at), elements });
  }
  return items;
}

/** A llama of one layer, 32 wide, with the vocabulary and the name of `file`. */
export function emptyModel(file) {
  const metadata = readMetadata(file);
  const kept = [...metadata].filter(([key]) => key.startsWith("tokenizer.") || key === "general.name");
  const rows = metadata.get("tokenizer.ggml.tokens").elements;
  const keys = [
    Buffer.concat([string("general.architecture"), u32(kinds.string), string("llama")]),
    integer("llama.block_count", 1),
    integer("llama.context_length", 64),
    integer("llama.embedding_length", 32),
    integer("llama.feed_forward_length", 32),
    integer("llama.attention.head_count", 1),
    float("llama.attention.layer_norm_rms_epsilon", 1e-5),
    ...kept.map(([, { bytes }]) => bytes),
  ];
  const square = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"];
  const shapes = [
    ["token_embd.weight", [32, rows]],
    ["output_norm.weight", [32]],
    ...["attn_norm", "ffn_norm"].map((name) => [`blk.0.${name}.weight`, [32]]),
    ...square.map((name) => [`blk.0.${name}.weight`, [32, 32]]),
  ];
  const [f32, q4] = [0, 2];
  let offset = 0;
  const tensors = shapes.map(([name, shape]) => {
    const count = shape.reduce((product, size) => product * size);
    const kind = shape.length === 2 ? q4 : f32;
    const item = [string(name), u32(shape.length), ...shape.map(u64), u32(kind), u64(offset)];
    offset += Math.ceil((kind === q4 ? (count / 32) * 18 : count * 4) / 32) * 32;
    return Buffer.concat(item);
  });
  const head = [Buffer.from("GGUF"), u32(3), u64(shapes.length), u64(keys.length), ...keys, ...tensors];
  const size = head.reduce((sum, bytes) => sum + bytes.length, 0);
  return Buffer.concat([...head, Buffer.alloc((32 - (size % 32)) % 32), Buffer.alloc(offset)]);
}
