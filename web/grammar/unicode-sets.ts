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

let casePairs: ReadonlyMap<number, readonly number[]> | undefined;

function caseVariants(): ReadonlyMap<number, readonly number[]> {
  if (casePairs) return casePairs;
  const classes = new Map<number, Set<number>>();
  const points = pointsMatching(/\p{Changes_When_Casemapped}+/gu);
  for (let i = 0; i < points.length; i += 2) {
    for (let point = points[i] as number; point <= (points[i + 1] as number); point++) {
      const char = String.fromCodePoint(point);
      const members = new Set([point]);
      for (const other of [char.toLowerCase(), char.toUpperCase()]) {
        if ([...other].length === 1) members.add(other.codePointAt(0) as number);
      }
      for (const member of members) for (const p of classes.get(member) ?? []) members.add(p);
      for (const member of members) classes.set(member, members);
    }
  }
  casePairs = new Map([...classes].map(([point, members]) => [point, [...members]]));
  return casePairs;
}

/** Adds the other case of every letter. */
export function ignoringCase(set: CodePoints): CodePoints {
  const ranges = [...set];
  for (const [point, variants] of caseVariants()) {
    if (contains(set, point)) for (const variant of variants) ranges.push(variant, variant);
  }
  return toCodePoints(ranges);
}
