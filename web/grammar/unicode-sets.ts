// Sets of code points that JavaScript's own regular expressions know: \p{…} and the pairs of upper and lower case.
import { type CodePoints, contains, toCodePoints } from "./code-points.js";

const maxKeptProperties = 64;
const known = new Map<string, CodePoints | undefined>();

/** The set of `\p{name}`; undefined: there is no such property. */
export function propertySet(name: string): CodePoints | undefined {
  if (known.has(name)) return known.get(name);
  if (known.size >= maxKeptProperties) known.clear();
  const set = findProperty(name);
  known.set(name, set);
  return set;
}

function findProperty(name: string): CodePoints | undefined {
  if (!/^\w+(=\w+)?$/.test(name)) return undefined;
  try {
    return pointsMatching(new RegExp(`\\p{${name}}+`, "gu"));
  } catch {
    return undefined;
  }
}

/** Every code point but the surrogates, in their order, so that each match is a range. */
function* blocksOfPoints(): Generator<string> {
  const blockSize = 0x2000;
  for (let start = 0; start < 0x110000; start += blockSize) {
    const units: string[] = [];
    for (let point = start; point < start + blockSize; point++)
      units.push(point < 0xd800 || point > 0xdfff ? String.fromCodePoint(point) : "");
    yield units.join("");
  }
}

function pointsMatching(pattern: RegExp): CodePoints {
  const ranges: number[] = [];
  for (const text of blocksOfPoints()) {
    for (const [match] of text.matchAll(pattern)) {
      const first = match.codePointAt(0) as number;
      const last = [...match].at(-1)?.codePointAt(0) as number;
      ranges.push(first, last);
    }
  }
  return toCodePoints(ranges);
}

const caseVariants = new Map<string, ReadonlyMap<number, readonly number[]>>();

/** For each letter with other cases, those that a regular expression with `flags` takes as equal. */
function variantsFor(flags: "i" | "iu"): ReadonlyMap<number, readonly number[]> {
  const made = caseVariants.get(flags);
  if (made) return made;
  const groups = new Map<string, number[]>();
  const points = pointsMatching(/\p{Changes_When_Casemapped}+/gu);
  for (let i = 0; i < points.length; i += 2) {
    for (let point = points[i] as number; point <= (points[i + 1] as number); point++) {
      // Candidates; which of them are equal decides the regular expression.
      const char = String.fromCodePoint(point);
      for (const key of new Set([char.toLowerCase(), char.toUpperCase(), char.toUpperCase().toLowerCase()])) {
        const group = groups.get(key);
        if (group) group.push(point);
        else groups.set(key, [point]);
      }
    }
  }
  const variants = new Map<number, number[]>();
  for (const group of groups.values()) {
    for (const point of group) {
      const source = point > 0xffff && flags === "i" ? String.fromCodePoint(point) : escaped(point, flags);
      const pattern = new RegExp(`^${source}$`, flags);
      const equal = group.filter((other) => other !== point && pattern.test(String.fromCodePoint(other)));
      if (equal.length > 0) variants.set(point, [...(variants.get(point) ?? []), ...equal]);
    }
  }
  caseVariants.set(flags, variants);
  return variants;
}

const escaped = (point: number, flags: string) =>
  flags === "iu" ? `\\u{${point.toString(16)}}` : `\\u${point.toString(16).padStart(4, "0")}`;

/** Adds the other cases of every letter, as JavaScript does with or without the flag u. */
export function ignoringCase(set: CodePoints, isUnicode: boolean): CodePoints {
  const ranges = [...set];
  for (const [point, variants] of variantsFor(isUnicode ? "iu" : "i")) {
    if (contains(set, point)) for (const variant of variants) ranges.push(variant, variant);
  }
  return toCodePoints(ranges);
}
