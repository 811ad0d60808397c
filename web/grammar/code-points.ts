// Sets of Unicode code points, as sorted ranges: [first, last, first, last, …]. Surrogates are in no set, since UTF-8
// cannot spell them.

/** Inclusive ranges, sorted, without overlaps and without gaps of size zero. */
export type CodePoints = readonly number[];

const lastCodePoint = 0x10ffff;

/** All code points. */
export const everyCodePoint: CodePoints = [0, 0xd7ff, 0xe000, lastCodePoint];

/** Sorts and joins ranges, and removes the surrogates. */
export function toCodePoints(ranges: readonly number[]): CodePoints {
  const pairs: [number, number][] = [];
  for (let i = 0; i < ranges.length; i += 2) pairs.push([ranges[i] as number, ranges[i + 1] as number]);
  pairs.sort((a, b) => a[0] - b[0]);
  const joined: number[] = [];
  for (const [first, last] of pairs) {
    const end = joined.length - 1;
    if (end > 0 && first <= (joined[end] as number) + 1) joined[end] = Math.max(joined[end] as number, last);
    else joined.push(first, last);
  }
  return joined.some((point) => point >= 0xd800 && point <= 0xdfff) || joined.length === 2
    ? intersection(joined, everyCodePoint)
    : withoutSurrogates(joined);
}

/** Splits the ranges that span the surrogates. */
function withoutSurrogates(ranges: CodePoints): CodePoints {
  for (let i = 0; i < ranges.length; i += 2) {
    if ((ranges[i] as number) < 0xd800 && (ranges[i + 1] as number) > 0xdfff)
      return intersection(ranges, everyCodePoint);
  }
  return ranges;
}

export const single = (point: number): CodePoints => toCodePoints([point, point]);

export const union = (a: CodePoints, b: CodePoints): CodePoints => toCodePoints([...a, ...b]);

export function intersection(a: CodePoints, b: CodePoints): CodePoints {
  const result: number[] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const first = Math.max(a[i] as number, b[j] as number);
    const last = Math.min(a[i + 1] as number, b[j + 1] as number);
    if (first <= last) result.push(first, last);
    if ((a[i + 1] as number) < (b[j + 1] as number)) i += 2;
    else j += 2;
  }
  return result;
}

export function complement(set: CodePoints): CodePoints {
  const gaps: number[] = [];
  let next = 0;
  for (let i = 0; i < set.length; i += 2) {
    if ((set[i] as number) > next) gaps.push(next, (set[i] as number) - 1);
    next = (set[i + 1] as number) + 1;
  }
  if (next <= lastCodePoint) gaps.push(next, lastCodePoint);
  return intersection(gaps, everyCodePoint);
}

export const difference = (a: CodePoints, b: CodePoints): CodePoints => intersection(a, complement(b));

export function contains(set: CodePoints, point: number): boolean {
  let [low, high] = [0, set.length / 2];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((set[2 * middle + 1] as number) < point) low = middle + 1;
    else high = middle;
  }
  return 2 * low < set.length && (set[2 * low] as number) <= point;
}

/** The number of code points, at most `limit`. */
export function countUpTo(set: CodePoints, limit: number): number {
  let count = 0;
  for (let i = 0; i < set.length && count < limit; i += 2) count += (set[i + 1] as number) - (set[i] as number) + 1;
  return Math.min(count, limit);
}
