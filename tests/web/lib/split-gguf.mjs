// Splits a GGUF file like llama.cpp's gguf-split: the first file has all metadata, each file some of the tensors.

const types = { u16: 2, i32: 5 };
const fixedBytes = [1, 1, 2, 2, 4, 4, 4, 1, undefined, undefined, 8, 8, 8];

/**
 * @param emptyFirst the first file has no tensors
 * @returns {Buffer[]}
 */
export function splitGguf(file, files, { emptyFirst = true } = {}) {
  const { entries, entryCount, tensors, dataAt } = readHeader(file);
  const withTensors = files - (emptyFirst ? 1 : 0);
  return Array.from({ length: files }, (_, number) => {
    const part = number - (files - withTensors);
    const [from, to] = [part, part + 1].map((i) => Math.round((Math.max(0, i) * tensors.length) / withTensors));
    const place = [
      item("split.no", "u16", number),
      item("split.count", "u16", files),
      item("split.tensors.count", "i32", tensors.length),
    ];
    const metadata = number === 0 ? [entries, ...place] : place;
    return writeFile(metadata, (number === 0 ? entryCount : 0) + place.length, tensors.slice(from, to), (at, bytes) =>
      file.subarray(dataAt + at, dataAt + at + bytes),
    );
  });
}

function item(key, type, value) {
  const bytes = Buffer.alloc(8 + key.length + 4 + (type === "u16" ? 2 : 4));
  bytes.writeBigUInt64LE(BigInt(key.length));
  bytes.write(key, 8);
  bytes.writeUInt32LE(types[type], 8 + key.length);
  if (type === "u16") bytes.writeUInt16LE(value, 12 + key.length);
  else bytes.writeInt32LE(value, 12 + key.length);
  return bytes;
}

function readHeader(file) {
  let at = 0;
  const u32 = () => file.readUInt32LE((at += 4) - 4);
  const u64 = () => Number(file.readBigUInt64LE((at += 8) - 8));
  const skipText = () => {
    const length = u64();
    at += length;
  };
  const skipValue = (type) => {
    if (type === 9) {
      const element = u32();
      for (let remaining = u64(); remaining > 0; remaining--) skipValue(element);
    } else if (type === 8) skipText();
    else at += fixedBytes[type];
  };
  at = 8;
  const [tensorCount, entryCount] = [u64(), u64()];
  const entriesAt = at;
  for (let i = 0; i < entryCount; i++) {
    skipText();
    skipValue(u32());
  }
  const entries = file.subarray(entriesAt, at);
  const tensors = [];
  for (let i = 0; i < tensorCount; i++) {
    const from = at;
    skipText();
    const dimensions = u32();
    at += 8 * dimensions + 4;
    tensors.push({ row: file.subarray(from, at), offset: u64() });
  }
  const dataAt = aligned(at);
  tensors.sort((a, b) => a.offset - b.offset);
  tensors.forEach((tensor, i) => (tensor.bytes = (tensors[i + 1]?.offset ?? file.length - dataAt) - tensor.offset));
  return { entries, entryCount, tensors, dataAt };
}

function writeFile(entries, entryCount, tensors, dataOf) {
  const start = Buffer.from(`GGUF\x03\0\0\0${"\0".repeat(16)}`, "latin1");
  start.writeBigUInt64LE(BigInt(tensors.length), 8);
  start.writeBigUInt64LE(BigInt(entryCount), 16);
  const rows = [];
  const data = [];
  let offset = 0;
  for (const tensor of tensors) {
    const at = Buffer.alloc(8);
    at.writeBigUInt64LE(BigInt(offset));
    rows.push(tensor.row, at);
    data.push(padded(dataOf(tensor.offset, tensor.bytes)));
    offset += data.at(-1).length;
  }
  return Buffer.concat([padded(Buffer.concat([start, ...entries, ...rows])), ...data]);
}

const aligned = (bytes) => Math.ceil(bytes / 32) * 32;
const padded = (bytes) => Buffer.concat([bytes], aligned(bytes.length));
