// Writes and reads the header of a GGUF file (v3, little-endian): metadata and the list of tensors. Texts are "binary"
// strings with one character for each byte, so that they are copied between files unchanged.
import { closeSync, openSync, readSync } from "node:fs";

/** Types of metadata values; the numbers are the format's. */
export const type = { u32: 4, i32: 5, f32: 6, bool: 7, string: 8, array: 9 };

const alignment = 32;
const scalars = {
  0: [1, "readUInt8"],
  1: [1, "readInt8"],
  2: [2, "readUInt16LE"],
  3: [2, "readInt16LE"],
  4: [4, "readUInt32LE"],
  5: [4, "readInt32LE"],
  6: [4, "readFloatLE"],
  7: [1, "readUInt8"],
  10: [8, "readBigUInt64LE"],
  11: [8, "readBigInt64LE"],
  12: [8, "readDoubleLE"],
};

/**
 * `{metadata, tensors}`. A metadata entry is `{type, value}`, or `{type, element, value: […]}` for an array; a tensor
 * is `{name, shape: [columns, rows?], type}`.
 */
export function readHeader(path) {
  const file = openSync(path);
  try {
    const header = Buffer.alloc(64 << 20); // larger than any header here
    const length = readSync(file, header, 0, header.length, 0);
    return parseHeader(header.subarray(0, length));
  } finally {
    closeSync(file);
  }
}

function parseHeader(bytes) {
  let position = 8; // after the magic and the version
  const scalar = (kind) => {
    const [size, read] = scalars[kind];
    position += size;
    return bytes[read](position - size);
  };
  const text = () => {
    const length = Number(scalar(10));
    position += length;
    return bytes.latin1Slice(position - length, position);
  };
  const single = (kind) => (kind === type.string ? text() : scalar(kind));

  const tensorCount = Number(scalar(10));
  const metadata = {};
  for (let left = Number(scalar(10)); left > 0; --left) {
    const key = text();
    const kind = scalar(type.u32);
    if (kind === type.array) {
      const element = scalar(type.u32);
      const count = Number(scalar(10));
      metadata[key] = { type: kind, element, value: Array.from({ length: count }, () => single(element)) };
    } else {
      metadata[key] = { type: kind, value: single(kind) };
    }
  }
  const tensors = Array.from({ length: tensorCount }, () => {
    const name = text();
    const shape = Array.from({ length: scalar(type.u32) }, () => Number(scalar(10)));
    const kind = scalar(type.u32);
    scalar(10); // the offset
    return { name, shape, type: kind };
  });
  return { metadata, tensors };
}

/**
 * The header up to the first tensor's data, padding included.
 * @param metadata in the form of readHeader
 * @param tensors  `[{name, shape: [columns, rows?], type: the format's number, bytes}]`, in file order
 */
export function writeHeader(metadata, tensors) {
  const parts = [
    Buffer.from("GGUF"),
    number(3, type.u32),
    number(tensors.length, 10),
    number(Object.keys(metadata).length, 10),
  ];
  for (const [key, entry] of Object.entries(metadata)) {
    parts.push(text(key), number(entry.type, type.u32));
    if (entry.type === type.array) {
      parts.push(number(entry.element, type.u32), number(entry.value.length, 10));
      for (const value of entry.value) parts.push(single(value, entry.element));
    } else {
      parts.push(single(entry.value, entry.type));
    }
  }
  let offset = 0;
  for (const tensor of tensors) {
    parts.push(text(tensor.name), number(tensor.shape.length, type.u32));
    for (const dimension of tensor.shape) parts.push(number(dimension, 10));
    parts.push(number(tensor.type, type.u32), number(offset, 10));
    offset += tensor.bytes + paddingAfter(tensor.bytes);
  }
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([...parts, Buffer.alloc(paddingAfter(length))]);
}

/** The number of padding bytes after a tensor or a header of this length. */
export const paddingAfter = (length) => (alignment - (length % alignment)) % alignment;

const single = (value, kind) => (kind === type.string ? text(value) : number(value, kind));

function text(value) {
  return Buffer.concat([number(value.length, 10), Buffer.from(value, "latin1")]);
}

function number(value, kind) {
  const [size, read] = scalars[kind];
  const bytes = Buffer.alloc(size);
  bytes[read.replace("read", "write")](size === 8 && kind !== 12 ? BigInt(value) : value);
  return bytes;
}
