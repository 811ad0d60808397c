// Converts values to and from the block formats of GGUF whose quants index a table: IQ4_XS, IQ3_S and MXFP4.
import { readFileSync } from "node:fs";
import { toHalf } from "../bench/models/blocks.mjs";

const iq4Values = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];
const mxfp4Values = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12]; // doubled

/** The value of a finite half-precision float. */
export function fromHalf(bits) {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  const magnitude = exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25);
  return bits & 0x8000 ? -magnitude : magnitude;
}

const largest = (values) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
const unitOf = (values, unit) => values.subarray(32 * unit, 32 * unit + 32);
const nearest = (table, value) => table.reduce((best, x, i) => (closer(x, table[best], value) ? i : best), 0);
const closer = (x, y, value) => Math.abs(x - value) < Math.abs(y - value);

/** Writes a half-precision scale and returns its value. */
function writeScale(scale, block) {
  block.writeUInt16LE(toHalf(scale));
  return fromHalf(block.readUInt16LE());
}

/** Low nibbles are the first sixteen values. */
function writeNibbles(table, values, inverse, bytes) {
  const quants = Array.from(values, (value) => nearest(table, value * inverse));
  for (let i = 0; i < 16; ++i) bytes[i] = quants[i] | (quants[i + 16] << 4);
}

const readNibbles = (table, scale, bytes) =>
  Array.from({ length: 32 }, (_, i) => scale * table[i < 16 ? bytes[i] & 15 : bytes[i - 16] >> 4]);

const inverseOf = (scale) => (scale === 0 ? 0 : 1 / scale);

// value = scale · (s - 32) · table[q]: a 6-bit s for each 32 values, four bits in a nibble, two in a word.
function encodeIq4Xs(values, block) {
  const scale = writeScale(largest(values) / (127 * 31), block);
  let high = 0;
  for (let unit = 0; unit < 8; ++unit) {
    const sub = Math.max(1, Math.min(31, Math.round((largest(unitOf(values, unit)) / 127) * inverseOf(scale))));
    high |= ((sub + 32) >> 4) << (2 * unit);
    block[4 + (unit >> 1)] |= ((sub + 32) & 15) << (4 * (unit & 1));
    writeNibbles(iq4Values, unitOf(values, unit), inverseOf(scale * sub), block.subarray(8 + 16 * unit));
  }
  block.writeUInt16LE(high, 2);
}

function decodeIq4Xs(block) {
  const scale = fromHalf(block.readUInt16LE());
  return Array.from({ length: 8 }, (_, unit) => {
    const low = (block[4 + (unit >> 1)] >> (4 * (unit & 1))) & 15;
    const high = (block.readUInt16LE(2) >> (2 * unit)) & 3;
    return readNibbles(iq4Values, scale * ((low | (high << 4)) - 32), block.subarray(8 + 16 * unit));
  }).flat();
}

// value = 2^(exponent - 128) · table[q]
function encodeMxfp4(values, block) {
  block[0] = Math.max(0, Math.floor(Math.log2(largest(values))) - 2 + 127);
  writeNibbles(mxfp4Values, values, 2 ** (128 - block[0]), block.subarray(1));
}

const decodeMxfp4 = (block) => readNibbles(mxfp4Values, 2 ** (block[0] - 128), block.subarray(1));

/** The 512 entries of IQ3_S's grid: four codes of three bits, for the magnitudes 1, 3 to 15. */
const iq3Grid = readFileSync(new URL("../../src/quant/grids.inc", import.meta.url), "utf8")
  .match(/kIq3SGrid\[512\] = \{([^}]*)\}/)[1]
  .match(/\d+/g)
  .map(Number);
const codesOf = (entry) => [0, 3, 6, 9].map((shift) => (entry >> shift) & 7);
const iq3Codes = iq3Grid.map(codesOf);
const nearestEntries = new Map();

/** The entry of the grid that is nearest to four codes. */
function nearestEntry(codes) {
  const key = codes.reduce((sum, code, i) => sum | (code << (3 * i)), 0);
  if (!nearestEntries.has(key)) {
    const distances = iq3Codes.map((entry) => entry.reduce((sum, code, i) => sum + (code - codes[i]) ** 2, 0));
    nearestEntries.set(key, distances.indexOf(Math.min(...distances)));
  }
  return nearestEntries.get(key);
}

// value = scale · (2 s + 1) · magnitude with its sign: a 4-bit s for each 32 values, an index for each four.
// Block: scale, 64 low bytes of indices, their ninth bits [8], signs [32], two s in each of four bytes.
function encodeIq3S(values, block) {
  const scale = writeScale(largest(values) / (15 * 31), block);
  for (let unit = 0; unit < 8; ++unit) {
    const ratio = (largest(unitOf(values, unit)) / 15) * inverseOf(scale);
    const s = Math.max(0, Math.min(15, Math.round((ratio - 1) / 2)));
    block[106 + (unit >> 1)] |= s << (4 * (unit & 1));
    const inverse = inverseOf(scale * (2 * s + 1));
    for (let i = 0; i < 32; i += 4) {
      const four = Array.from(values.subarray(32 * unit + i, 32 * unit + i + 4));
      const codes = four.map((value) => Math.max(0, Math.min(7, Math.round((Math.abs(value * inverse) - 1) / 2))));
      const index = nearestEntry(codes);
      block[2 + 8 * unit + i / 4] = index & 255;
      block[66 + unit] |= (index >> 8) << (i / 4);
      four.forEach((value, j) => {
        if (value < 0) block[74 + 4 * unit + (i >> 3)] |= 1 << ((i & 4) + j);
      });
    }
  }
}

function decodeIq3S(block) {
  const scale = fromHalf(block.readUInt16LE());
  return Array.from({ length: 256 }, (_, at) => {
    const [unit, i] = [at >> 5, at & 31];
    const sub = 2 * ((block[106 + (unit >> 1)] >> (4 * (unit & 1))) & 15) + 1;
    const index = block[2 + 8 * unit + (i >> 2)] | (((block[66 + unit] >> (i >> 2)) & 1) << 8);
    const magnitude = 2 * iq3Codes[index][i & 3] + 1;
    return scale * sub * ((block[74 + 4 * unit + (i >> 3)] >> (i & 7)) & 1 ? -magnitude : magnitude);
  });
}

export const tableEncoders = { IQ4_XS: encodeIq4Xs, IQ3_S: encodeIq3S, MXFP4: encodeMxfp4 };
export const tableDecoders = { IQ4_XS: decodeIq4Xs, IQ3_S: decodeIq3S, MXFP4: decodeMxfp4 };
