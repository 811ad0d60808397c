// Python's str as templates see it: text that remembers which parts of it came from the caller's messages.

/** A text. `marks` are the UTF-16 ranges that came from the caller: start, end, start, end …, ascending. */
export class Str {
  constructor(
    readonly text: string,
    readonly marks: readonly number[] = noMarks,
  ) {}

  /** The number of code points, which is Python's length. */
  get length(): number {
    return hasSurrogates(this.text) ? [...this.text].length : this.text.length;
  }
}

const noMarks: readonly number[] = [];

export const plain = (text: string): Str => new Str(text);
export const fromCaller = (text: string): Str => new Str(text, text === "" ? noMarks : [0, text.length]);
export const empty = plain("");

const hasSurrogates = (text: string): boolean => /[\ud800-\udfff]/.test(text);

/** UTF-16 units `start` to `end` - 1. */
export function slice(str: Str, start: number, end: number = str.text.length): Str {
  if (start <= 0 && end >= str.text.length) return str;
  const marks: number[] = [];
  for (let i = 0; i < str.marks.length; i += 2) {
    const from = Math.max(str.marks[i] ?? 0, start);
    const to = Math.min(str.marks[i + 1] ?? 0, end);
    if (from < to) marks.push(from - start, to - start);
  }
  return new Str(str.text.slice(start, end), marks);
}

export function concat(parts: readonly Str[]): Str {
  let offset = 0;
  const marks: number[] = [];
  for (const { text, marks: own } of parts) {
    for (let i = 0; i < own.length; i += 2) {
      const from = offset + (own[i] ?? 0);
      const to = offset + (own[i + 1] ?? 0);
      if (marks.length > 0 && marks[marks.length - 1] === from) marks[marks.length - 1] = to;
      else marks.push(from, to);
    }
    offset += text.length;
  }
  return new Str(parts.map((part) => part.text).join(""), marks);
}

export function join(parts: readonly Str[], separator: Str): Str {
  return concat(parts.flatMap((part, i) => (i === 0 || separator.text === "" ? [part] : [separator, part])));
}

/** Applies a function to the caller's parts and the others separately, since it may change their lengths. */
export function mapText(str: Str, change: (text: string) => string): Str {
  if (str.marks.length === 0) return plain(change(str.text));
  const parts: Str[] = [];
  let at = 0;
  for (let i = 0; i < str.marks.length; i += 2) {
    const [from = 0, to = 0] = [str.marks[i], str.marks[i + 1]];
    parts.push(plain(change(str.text.slice(at, from))), fromCaller(change(str.text.slice(from, to))));
    at = to;
  }
  parts.push(plain(change(str.text.slice(at))));
  return concat(parts);
}

/** The result of an operation whose parts cannot be told apart: the caller's if any of its sources is. */
export function derived(text: string, ...sources: readonly Str[]): Str {
  return sources.some((source) => source.marks.length > 0) ? fromCaller(text) : plain(text);
}

/** The code points, each with its marks. */
export function characters(str: Str): Str[] {
  if (str.marks.length === 0) return [...str.text].map(plain);
  let at = 0;
  return [...str.text].map((character) => {
    at += character.length;
    return slice(str, at - character.length, at);
  });
}

/** Code points `start` to `end` - 1. */
export function slicePoints(str: Str, start: number, end: number): Str {
  if (!hasSurrogates(str.text)) return slice(str, start, end);
  const points = [...str.text];
  const units = (count: number) => points.slice(0, count).join("").length;
  return slice(str, units(start), units(end));
}

/** The index in code points of a position in UTF-16 units. */
export const pointIndex = (str: Str, unit: number): number => [...str.text.slice(0, unit)].length;

const spaces = /[\s\x1c-\x1f\x85]/u;
const isSpace = (character: string): boolean => character !== "\ufeff" && spaces.test(character);

/** str.strip and its siblings. Without `set`, white space. */
export function strip(str: Str, set: Str | undefined, left: boolean, right: boolean): Str {
  const points = [...str.text];
  const wanted = set && new Set(set.text);
  const matches = (character: string | undefined) =>
    character !== undefined && (wanted ? wanted.has(character) : isSpace(character));
  let first = 0;
  let last = points.length;
  while (left && first < last && matches(points[first])) first++;
  while (right && last > first && matches(points[last - 1])) last--;
  const start = points.slice(0, first).join("").length;
  return slice(str, start, start + points.slice(first, last).join("").length);
}

/** str.split or str.rsplit. Without a separator, at runs of white space. `limit` < 0: no limit. */
export function split(str: Str, separator: Str | undefined, limit: number, fromRight: boolean): Str[] {
  const cuts: [start: number, end: number][] = [];
  if (separator) {
    for (let at = str.text.indexOf(separator.text); at >= 0; at = str.text.indexOf(separator.text, at)) {
      cuts.push([at, at + separator.text.length]);
      at += separator.text.length;
    }
  } else {
    const stripped = strip(str, undefined, limit < 0 || !fromRight, limit < 0 || fromRight);
    if (stripped.text === "") return [];
    if (stripped !== str) return split(stripped, undefined, limit, fromRight);
    for (const run of str.text.matchAll(/[\s\x1c-\x1f\x85]+/gu)) cuts.push([run.index, run.index + run[0].length]);
  }
  const kept = limit < 0 ? cuts : fromRight ? cuts.slice(Math.max(0, cuts.length - limit)) : cuts.slice(0, limit);
  const parts: Str[] = [];
  let at = 0;
  for (const [start, end] of kept) {
    parts.push(slice(str, at, start));
    at = end;
  }
  parts.push(slice(str, at));
  if (separator || limit < 0) return parts;
  // With a limit the remainder keeps white space only at its far end.
  if (fromRight) parts[0] = strip(parts[0] ?? empty, undefined, false, true);
  return parts.filter((part) => part.text !== "");
}

/** str.splitlines */
export function splitLines(str: Str, keepEnds: boolean): Str[] {
  const lines: Str[] = [];
  let at = 0;
  for (const end of str.text.matchAll(/\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/gu)) {
    lines.push(slice(str, at, end.index + (keepEnds ? end[0].length : 0)));
    at = end.index + end[0].length;
  }
  if (at < str.text.length) lines.push(slice(str, at));
  return lines;
}

/** str.replace: the first `limit` occurrences, all if it is negative. */
export function replace(str: Str, old: Str, by: Str, limit: number): Str {
  if (old.text !== "") return join(split(str, old, limit, false), by);
  const points = characters(str);
  const count = limit < 0 ? points.length + 1 : Math.min(limit, points.length + 1);
  const parts: Str[] = [];
  points.forEach((point, i) => parts.push(...(i < count ? [by, point] : [point])));
  if (count > points.length) parts.push(by);
  return concat(parts);
}
