// The name of a tensor type goes in, random blocks of it come out: valid, the same on every machine, and scaled so that a matrix
// keeps the size of what it is multiplied with (weights of mean 0 and standard deviation 1/√columns).

/**
 * What a block of each type is; `id` is the format's number. Types with a `spread` (the standard deviation of the weights in a block
 * with the scale 1) or a `fill` can be written; the others are those that published files have.
 */
export const blockTypes = {
  F32: { id: 0, elements: 1, bytes: 4, fill: fillFloats },
  F16: { id: 1, elements: 1, bytes: 2, fill: fillHalves },
  Q4_0: { id: 2, elements: 32, bytes: 18, spread: 4.64, scaleAt: 0 },
  Q4_1: { id: 3, elements: 32, bytes: 20 },
  Q5_0: { id: 6, elements: 32, bytes: 22, spread: 9.25, scaleAt: 0 },
  Q8_0: { id: 8, elements: 32, bytes: 34, spread: 73.9, scaleAt: 0 },
  Q4_K: { id: 12, elements: 256, bytes: 144, spread: 257, scaleAt: 0, minimum: { at: 2, share: 7.5 } },
  Q6_K: { id: 14, elements: 256, bytes: 210, spread: 1365, scaleAt: 208 },
};

/** Bytes of a matrix [rows, columns]. */
export function matrixBytes(name, columns, rows) {
  const { elements, bytes } = blockTypes[name];
  return (columns / elements) * rows * bytes;
}

/** Fills `target`, which holds whole blocks, for a matrix of so many columns. */
export function fillBlocks(name, target, columns, random) {
  const { bytes, spread, scaleAt, minimum, fill } = blockTypes[name];
  const deviation = 1 / Math.sqrt(columns);
  if (fill) return fill(target, deviation, random);
  for (let i = 0; i + 4 <= target.length; i += 4) target.writeUInt32LE(random(), i);
  for (let block = 0; block < target.length; block += bytes) {
    const sign = random() & 1 ? 1 : -1; // the quants' mean is not quite 0, so that the sign of the scale evens it out
    const scale = (sign * deviation) / spread;
    target.writeUInt16LE(toHalf(scale), block + scaleAt);
    // A Q4_K weight is scale · s · q - minimum · m: with the mean of q as the share, s and m of the same distribution cancel.
    if (minimum) target.writeUInt16LE(toHalf(scale * minimum.share), block + minimum.at);
  }
}

function fillFloats(target, deviation, random) {
  for (let i = 0; i < target.length; i += 4) target.writeFloatLE(uniform(deviation, random), i);
}

function fillHalves(target, deviation, random) {
  for (let i = 0; i < target.length; i += 2) target.writeUInt16LE(toHalf(uniform(deviation, random)), i);
}

const uniform = (deviation, random) => deviation * Math.sqrt(3) * (random() / 2 ** 31 - 1);

/** Bits of the 16-bit float nearest to a number smaller than 65,504. */
export function toHalf(value) {
  const sign = value < 0 ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  const exponent = Math.max(-14, Math.floor(Math.log2(magnitude)));
  const steps = Math.round(magnitude * 2 ** (10 - exponent)); // 1024 to 2047, less where the number is subnormal
  return sign | (((exponent + 14) << 10) + steps);
}

/** A generator of 32-bit numbers (xorshift). */
export function randomNumbers(seed) {
  let state = (seed * 2654435769 + 1) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>>= 0);
  };
}
