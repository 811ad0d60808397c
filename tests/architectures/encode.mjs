// Makes random tensor values from a tensor's name, identical on every machine, and converts values to and from the
// block formats of GGUF.
import { createHash } from "node:crypto";
import { blockTypes, randomNumbers, toHalf } from "../bench/models/blocks.mjs";
import { fromHalf, tableDecoders, tableEncoders } from "./encode-tables.mjs";

const made = new Map(); // most models have tensors of the same names

/** Values of mean 0 and standard deviation 1. A smaller count is a prefix of a larger one. */
export function randomValues(name, count) {
  if (!(made.get(name)?.length >= count)) made.set(name, makeValues(name, count));
  return made.get(name).subarray(0, count);
}

/** Sums of four uniform numbers: unlike logarithms, they are exact on every machine. */
function makeValues(name, count) {
  const random = randomNumbers(createHash("sha256").update(name).digest().readUIntBE(0, 3));
  const scale = Math.sqrt(3) / 2 ** 32;
  return Float32Array.from({ length: count }, () => (random() + random() + random() + random() - 2 ** 33) * scale);
}

const encoders = {
  ...tableEncoders,
  F16: ([value], block) => block.writeUInt16LE(toHalf(value)),
  // value = scale · q, q from -127 to 127
  Q8_0(values, block) {
    const scale = writeScale(Math.abs(largest(values)) / 127, block);
    values.forEach((value, i) => block.writeInt8(clamp(Math.round(value * scale), -127, 127), 2 + i));
  },
  // value = scale · (q - 8), q from 0 to 15: the largest value is -8 times the scale. Low nibbles come first.
  Q4_0(values, block) {
    const scale = writeScale(largest(values) / -8, block);
    const quants = values.map((value) => clamp(Math.round(value * scale) + 8, 0, 15));
    for (let i = 0; i < 16; ++i) block[2 + i] = quants[i] | (quants[i + 16] << 4);
  },
};

const decoders = {
  ...tableDecoders,
  F16: (block) => [fromHalf(block.readUInt16LE())],
  Q8_0: (block) => Array.from({ length: 32 }, (_, i) => fromHalf(block.readUInt16LE()) * block.readInt8(2 + i)),
  Q4_0(block) {
    const quants = Array.from({ length: 32 }, (_, i) => (i < 16 ? block[2 + i] & 15 : block[2 + i - 16] >> 4));
    return quants.map((quant) => fromHalf(block.readUInt16LE()) * (quant - 8));
  },
};

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const largest = (values) => values.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0);

/** Writes a block's scale and returns its reciprocal. */
function writeScale(scale, block) {
  block.writeUInt16LE(toHalf(scale));
  return scale === 0 ? 0 : 1 / scale;
}

/** Encodes a Float32Array as blocks of a type in `blockTypes`: F32, F16, Q8_0, Q4_0, IQ4_XS, IQ3_S or MXFP4. */
export function encode(values, type) {
  if (type === "F32") return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  const { elements, bytes } = blockTypes[type];
  const blocks = Buffer.alloc((values.length / elements) * bytes);
  for (let i = 0, at = 0; i < values.length; i += elements, at += bytes) {
    encoders[type](values.subarray(i, i + elements), blocks.subarray(at, at + bytes));
  }
  return blocks;
}

/** Decodes blocks of such a type to a Float32Array, exactly. */
export function decode(blocks, type) {
  if (type === "F32") return new Float32Array(Uint8Array.from(blocks).buffer);
  const { elements, bytes } = blockTypes[type];
  const values = new Float32Array((blocks.length / bytes) * elements);
  for (let i = 0, at = 0; at < blocks.length; i += elements, at += bytes)
    values.set(decoders[type](blocks.subarray(at, at + bytes)), i);
  return values;
}
