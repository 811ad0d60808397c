// Makes random blocks of a tensor type: valid, identical on every machine, and scaled so that a product with a matrix
// keeps the size of its input (weights of mean 0 and standard deviation 1/√columns).

/**
 * The blocks of each type; `id` is the format's number. Types with a `spread` (the standard deviation of the weights in
 * a block with the scale 1) or a `fill` can be written; the others occur only in published files.
 */
export const blockTypes = {
  F32: { id: 0, elements: 1, bytes: 4, fill: fillFloats },
  F16: { id: 1, elements: 1, bytes: 2, fill: fillHalves },
  Q4_0: { id: 2, elements: 32, bytes: 18, spread: 4.64, scaleAt: 0 },
  Q4_1: { id: 3, elements: 32, bytes: 20 },
  Q5_0: { id: 6, elements: 32, bytes: 22, spread: 9.25, scaleAt: 0 },
  Q8_0: { id: 8, elements: 32, bytes: 34, spread: 73.9, scaleAt: 0 },
  Q4_K: { id: 12, elements: 256, bytes: 144, spread: 257, scaleAt: 0, minimum: { at: 2, share: 7.5 } },
  IQ3_S: { id: 21, elements: 256, bytes: 110 },
  IQ4_XS: { id: 23, elements: 256, bytes: 136 },
  MXFP4: { id: 39, elements: 32, bytes: 17 },
  Q6_K: { id: 14, elements: 256, bytes: 210, spread: 1365, scaleAt: 208 },
};

/** Bytes of a matrix [rows, columns]. */
export function matrixBytes(name, columns, rows) {
  const { elements, bytes } = blockTypes[name];
  return (columns / elements) * rows * bytes;
}

/** Fills `target`, a number of whole blocks, for a matrix with `columns` columns. */
export function fillBlocks(name, target, columns, random) {
  const { bytes, spread, scaleAt, minimum, fill } = blockTypes[name];
  const deviation = 1 / Math.sqrt(columns);
  if (fill) return fill(target, deviation, random);
  for (let i = 0; i + 4 <= target.length; i += 4) target.writeUInt32LE(random(), i);
  for (let block = 0; block < target.length; block += bytes) {
    const sign = random() & 1 ? 1 : -1; // the quants' mean is not 0: random signs of the scale compensate it
    const scale = (sign * deviation) / spread;
    target.writeUInt16LE(toHalf(scale), block + scaleAt);
    // A Q4_K weight is scale · s · q - minimum · m. `share` is the mean of q, so that the mean weight is 0: s and m
    // have the same distribution.
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

/** Bits of the half-precision float nearest to a number below 65,504. */
export function toHalf(value) {
  const sign = value < 0 ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  const exponent = Math.max(-14, Math.floor(Math.log2(magnitude)));
  const steps = Math.round(magnitude * 2 ** (10 - exponent)); // 1024 to 2047, less for subnormals
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
