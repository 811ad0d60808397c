// Changes bytes and JSON values at random, repeatably: everything depends on a seed.

/** Returns a function that returns integers in [0, limit). */
export function randomFrom(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  return (limit) => next() % limit;
}

const oddBytes = [0, 1, 0x7f, 0x80, 0xff, 0x20, 0x0a, 0x22, 0x2f, 0x5c];
const oddNumbers = [0n, 1n, 2n, 0x7fn, 0xffn, 0xffffn, 0x7fffffffn, 0x80000000n, 0xffffffffn, 1n << 32n, 1n << 53n];
const largeNumbers = [(1n << 63n) - 1n, 1n << 63n, (1n << 64n) - 1n];

/**
 * Returns a changed copy of `bytes`.
 * @param pick       from randomFrom
 * @param other      another input, of which ranges are copied
 * @param dictionary byte strings that the format uses
 * @param first      about three of four changes are in this number of bytes at the start
 */
export function mutate(bytes, pick, { other = bytes, dictionary = [], first = bytes.length, maxBytes = 1 << 20 } = {}) {
  let result = Buffer.from(bytes);
  const splice = (from, to, middle) => {
    result = Buffer.concat([result.subarray(0, from), middle, result.subarray(to)]);
  };
  for (let count = 1 + pick(4); count > 0; --count) {
    const length = result.length;
    const at = length === 0 ? 0 : pick(pick(4) ? Math.max(1, Math.min(first, length)) : length);
    const size = 1 + pick(1 << pick(10));
    const end = Math.min(length, at + size);
    switch (length === 0 ? 9 : pick(10)) {
      case 0:
        result[at] ^= 1 << pick(8);
        break;
      case 1:
        result[at] = oddBytes[pick(oddBytes.length)];
        break;
      case 2:
        result[at] = (result[at] + pick(17) - 8) & 0xff;
        break;
      case 3:
      case 4: {
        const numbers = pick(3) ? oddNumbers : [...oddNumbers, ...largeNumbers];
        const number = Buffer.alloc(8);
        number.writeBigUInt64LE(numbers[pick(numbers.length)]);
        number.copy(result, at, 0, pick(2) ? 4 : 8);
        break;
      }
      case 5:
        splice(at, end, Buffer.alloc(0));
        break;
      case 6:
        splice(at, at, result.subarray(at, end));
        break;
      case 7: {
        if (other.length === 0) break;
        const from = pick(other.length);
        splice(at, pick(2) ? end : at, other.subarray(from, from + size));
        break;
      }
      case 8:
        if (pick(4) === 0) result = result.subarray(0, at);
        break;
      default:
        if (dictionary.length > 0) splice(at, pick(2) ? end : at, Buffer.from(dictionary[pick(dictionary.length)]));
    }
  }
  return result.subarray(0, maxBytes);
}

const oddValues = [
  null,
  true,
  0,
  -1,
  0.5,
  1e308,
  2 ** 53,
  "",
  "..",
  "../x",
  "/etc/passwd",
  "a\\b",
  "a/../b",
  "https://elsewhere.example/x",
  "\u0000",
  "\u202e",
  "0".repeat(64),
  "x".repeat(5000),
  [],
  {},
  [[]],
];

/** Returns a changed copy of a JSON value. */
export function mutateJson(value, pick) {
  const copy = structuredClone(value);
  const places = [];
  const visit = (node) => {
    if (typeof node !== "object" || node === null) return;
    for (const key of Object.keys(node)) {
      places.push([node, key]);
      visit(node[key]);
    }
  };
  visit(copy);
  if (places.length === 0) return oddValues[pick(oddValues.length)];
  for (let count = 1 + pick(3); count > 0; --count) {
    const [node, key] = places[pick(places.length)];
    const [from, name] = places[pick(places.length)];
    switch (pick(7)) {
      case 0:
        delete node[key];
        break;
      case 1:
        node[key] = structuredClone(from[name]);
        break;
      case 2:
        if (Array.isArray(node)) node.push(structuredClone(from[name]));
        else node[`${key}${pick(2) ? "" : "_"}`] = structuredClone(from[name]);
        break;
      case 3:
        if (typeof node[key] === "number") node[key] += [1, -1, 0.5, 2 ** 31, -(2 ** 53)][pick(5)];
        else if (typeof node[key] === "string") {
          node[key] = mutate(Buffer.from(node[key]), pick, { maxBytes: 1000 }).toString("utf8");
        }
        break;
      default:
        node[key] = structuredClone(oddValues[pick(oddValues.length)]);
    }
  }
  return copy;
}
