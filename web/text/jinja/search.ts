// Searches in texts, in linear time whatever the texts are: the engines of JavaScript take quadratic time for some.
import { allocate, spend } from "./budget.js";

/** Longer texts are searched for by Knuth, Morris and Pratt's algorithm. */
const maxNativeLength = 16;

/** The first position of `wanted` at or after `from`; -1: none. */
export function indexOf(text: string, wanted: string, from = 0): number {
  if (wanted.length <= maxNativeLength) {
    const found = text.indexOf(wanted, from);
    spend(1 + (Math.max(0, (found < 0 ? text.length : found) - from) >> 3));
    return found;
  }
  if (text.length - from < wanted.length) return -1;
  spend(1 + ((text.length - from + wanted.length) >> 3));
  return search(
    text.length,
    wanted.length,
    from,
    (i) => text.charCodeAt(i),
    (i) => wanted.charCodeAt(i),
  );
}

/** The last position of `wanted`; -1: none. */
export function lastIndexOf(text: string, wanted: string): number {
  if (wanted.length <= maxNativeLength) {
    spend(1 + (text.length >> 3));
    return text.lastIndexOf(wanted);
  }
  if (text.length < wanted.length) return -1;
  spend(1 + ((text.length + wanted.length) >> 3));
  const [lastUnit, lastWanted] = [text.length - 1, wanted.length - 1];
  const found = search(
    text.length,
    wanted.length,
    0,
    (i) => text.charCodeAt(lastUnit - i),
    (i) => wanted.charCodeAt(lastWanted - i),
  );
  return found < 0 ? -1 : text.length - found - wanted.length;
}

/** The number of occurrences of a text that is not empty, without overlap. */
export function countOf(text: string, wanted: string): number {
  let count = 0;
  for (let at = indexOf(text, wanted); at >= 0; at = indexOf(text, wanted, at + wanted.length)) count++;
  return count;
}

function search(
  length: number,
  size: number,
  from: number,
  unit: (index: number) => number,
  wanted: (index: number) => number,
): number {
  allocate(4 * size);
  // For each beginning of the wanted text: the length of its longest proper beginning that is also its end.
  const border = new Int32Array(size);
  for (let i = 1, k = 0; i < size; i++) {
    while (k > 0 && wanted(i) !== wanted(k)) k = border[k - 1] as number;
    if (wanted(i) === wanted(k)) k++;
    border[i] = k;
  }
  for (let i = from, k = 0; i < length; i++) {
    while (k > 0 && unit(i) !== wanted(k)) k = border[k - 1] as number;
    if (unit(i) === wanted(k)) k++;
    if (k === size) return i - size + 1;
  }
  return -1;
}
