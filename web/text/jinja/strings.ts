// Python's str as templates see it: text that remembers which parts of it came from the caller's messages.
import { allocate, checkLength, countMatches, createText, spend } from "./budget.js";
import { indexOf } from "./search.js";

/** A text. `marks` are the UTF-16 ranges that came from the caller: start, end, start, end …, ascending. */
export class Str {
  readonly #text: string;
  /** Whether the text is a concatenation whose characters have not been copied to one place yet. */
  #isRope: boolean;
  readonly marks: readonly number[];

  constructor(text: string, marks: readonly number[] = noMarks, isRope = false) {
    allocate(64);
    this.#text = text;
    this.marks = marks;
    this.#isRope = isRope;
  }

  get text(): string {
    if (this.#isRope) {
      createText(this.#text.length);
      this.#isRope = false;
    }
    return this.#text;
  }

  /** The number of UTF-16 units. */
  get size(): number {
    return this.#text.length;
  }

  /** The number of code points, which is Python's length. */
  get length(): number {
    return countPoints(this.text);
  }

  /** Joins texts without copying their characters. */
  static concat(parts: readonly Str[]): Str {
    if (parts.length === 1 && parts[0]) return parts[0];
    let text = "";
    const marks: number[] = [];
    spend(1 + parts.length);
    allocate(32 * parts.length);
    for (const part of parts) {
      const offset = text.length;
      checkLength(offset + part.size);
      spend(part.marks.length >> 2);
      allocate(8 * part.marks.length);
      for (let i = 0; i < part.marks.length; i += 2) {
        const from = offset + (part.marks[i] ?? 0);
        const to = offset + (part.marks[i + 1] ?? 0);
        if (marks.length > 0 && marks[marks.length - 1] === from) marks[marks.length - 1] = to;
        else marks.push(from, to);
      }
      text += part.#text;
    }
    return new Str(text, marks, true);
  }
}

/** Text that counts as HTML already: `+` escapes what is joined with it, as with Python's Markup. */
export class Markup extends Str {}

export const markup = (str: Str): Markup => (str instanceof Markup ? str : new Markup(str.text, str.marks));

const escapes: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", "'": "&#39;", '"': "&#34;" };

/** The text with the special characters of HTML escaped, which in Markup they are. */
export const asMarkup = (str: Str): Markup => (str instanceof Markup ? str : markup(escapeHtml(str)));

export function escapeHtml(str: Str): Str {
  return mapText(str, (part) => {
    countMatches(part.length);
    return part.replace(/[&<>'"]/g, (character) => escapes[character] as string);
  });
}

const noMarks: readonly number[] = [];

export const concat = Str.concat;
/** A text of the template whose characters exist already. */
export const shared = (text: string): Str => new Str(text);
/** A text of the template. */
export function plain(text: string): Str {
  createText(text.length);
  return new Str(text);
}
export function fromCaller(text: string): Str {
  createText(text.length);
  return new Str(text, text === "" ? noMarks : [0, text.length]);
}
export const empty = plain("");

const hasSurrogates = (text: string): boolean => /[\ud800-\udfff]/.test(text);

/** The number of code points. */
function countPoints(text: string): number {
  spend(1 + (text.length >> 5));
  return hasSurrogates(text) ? pointsBefore(text, text.length) : text.length;
}

function pointsBefore(text: string, end: number): number {
  spend(end >> 4);
  let count = 0;
  for (let i = 0; i < end; i += widthAt(text, i)) count++;
  return count;
}

/** The number of UTF-16 units of the code point at a position. */
const widthAt = (text: string, unit: number): number => ((text.codePointAt(unit) ?? 0) > 0xffff ? 2 : 1);

/** The position in UTF-16 units of a code point. */
function unitIndex(text: string, point: number): number {
  if (!hasSurrogates(text)) return Math.min(point, text.length);
  let unit = 0;
  for (let i = 0; i < point && unit < text.length; i++) unit += widthAt(text, unit);
  return unit;
}

/** UTF-16 units `start` to `end` - 1. */
export function slice(str: Str, start: number, end: number = str.size): Str {
  if (start <= 0 && end >= str.size) return str;
  if (end <= start) return empty;
  const { text, marks } = str;
  spend(1);
  if (marks.length === 0) return new Str(text.slice(start, end));
  // The first range that ends after the start.
  let [low, high] = [0, marks.length / 2];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((marks[2 * middle + 1] ?? 0) <= start) low = middle + 1;
    else high = middle;
  }
  const within: number[] = [];
  for (let i = 2 * low; i < marks.length && (marks[i] ?? 0) < end; i += 2) {
    within.push(Math.max(marks[i] ?? 0, start) - start, Math.min(marks[i + 1] ?? 0, end) - start);
  }
  spend(within.length >> 2);
  allocate(8 * within.length);
  return new Str(text.slice(start, end), within);
}

export function join(parts: readonly Str[], separator: Str): Str {
  if (separator.size === 0) return concat(parts);
  allocate(16 * parts.length);
  return concat(parts.flatMap((part, i) => (i === 0 ? [part] : [separator, part])));
}

/** value * times */
export function repeat(str: Str, times: number): Str {
  if (str.size === 0 || times <= 0) return empty;
  checkLength(str.size * times);
  if (str.marks.length > 0) return concat(Array.from({ length: times }, () => str));
  createText(str.size * times);
  return new Str(str.text.repeat(times));
}

/** Applies a function to the caller's parts and the others separately, since it may change their lengths. */
export function mapText(str: Str, change: (text: string) => string): Str {
  const { text, marks } = str;
  spend(1 + (text.length >> 2) + marks.length);
  if (marks.length === 0) return plain(change(text));
  const parts: Str[] = [];
  let at = 0;
  for (let i = 0; i < marks.length; i += 2) {
    const [from = 0, to = 0] = [marks[i], marks[i + 1]];
    if (from > at) parts.push(plain(change(text.slice(at, from))));
    parts.push(fromCaller(change(text.slice(from, to))));
    at = to;
  }
  if (at < text.length) parts.push(plain(change(text.slice(at))));
  return concat(parts);
}

/** The result of an operation whose parts cannot be told apart: the caller's if any of its sources is. */
export function derived(text: string, ...sources: readonly Str[]): Str {
  return sources.some((source) => source.marks.length > 0) ? fromCaller(text) : plain(text);
}

/** The code points, each with its marks. */
export function characters(str: Str): Str[] {
  const { text, marks } = str;
  spend(text.length);
  allocate(24 * text.length);
  const points: Str[] = [];
  let mark = 0;
  let at = 0;
  for (const point of text) {
    while (mark < marks.length && (marks[mark + 1] ?? 0) <= at) mark += 2;
    points.push(mark < marks.length && (marks[mark] ?? 0) <= at ? new Str(point, [0, point.length]) : new Str(point));
    at += point.length;
  }
  return points;
}

/** The code point at an index, which counts from the end if it is negative. */
export function characterAt(str: Str, index: number): Str | undefined {
  const at = index < 0 ? index + str.length : index;
  if (at < 0 || at >= str.size) return undefined;
  const character = slicePoints(str, at, at + 1);
  return character.size === 0 ? undefined : character;
}

/** Code points `start` to `end` - 1. */
export function slicePoints(str: Str, start: number, end: number): Str {
  const { text } = str;
  spend(1 + (text.length >> 4));
  return slice(str, unitIndex(text, start), unitIndex(text, end));
}

/** The index in code points of a position in UTF-16 units. */
export const pointIndex = (str: Str, unit: number): number =>
  hasSurrogates(str.text) ? pointsBefore(str.text, unit) : unit;

const spaces = /[\s\x1c-\x1f\x85]/u;
const isSpace = (character: string): boolean => character !== "\ufeff" && spaces.test(character);

/** str.strip and its siblings. Without `set`, white space. */
export function strip(str: Str, set: Str | undefined, left: boolean, right: boolean): Str {
  const { text } = str;
  if (set) {
    spend(set.size);
    allocate(48 * set.size);
  }
  const wanted = set && new Set(set.text);
  const matches = (character: string) => {
    spend(1);
    return wanted ? wanted.has(character) : isSpace(character);
  };
  let start = 0;
  let end = text.length;
  while (left && start < end) {
    const character = String.fromCodePoint(text.codePointAt(start) ?? 0);
    if (!matches(character)) break;
    start += character.length;
  }
  while (right && end > start) {
    const isPair = end - start > 1 && widthAt(text, end - 2) === 2;
    const character = text.slice(end - (isPair ? 2 : 1), end);
    if (!matches(character)) break;
    end -= character.length;
  }
  return slice(str, start, end);
}

/** str.split or str.rsplit. Without a separator, at runs of white space. `limit` < 0: no limit. */
export function split(str: Str, separator: Str | undefined, limit: number, fromRight: boolean): Str[] {
  const cuts: [start: number, end: number][] = [];
  const cut = (start: number, end: number) => {
    spend(4);
    allocate(56);
    cuts.push([start, end]);
  };
  if (separator) {
    const wanted = separator.text;
    for (let at = indexOf(str.text, wanted); at >= 0; at = indexOf(str.text, wanted, at + wanted.length)) {
      cut(at, at + wanted.length);
      if (!fromRight && limit >= 0 && cuts.length >= limit) break;
    }
  } else {
    const stripped = strip(str, undefined, limit < 0 || !fromRight, limit < 0 || fromRight);
    if (stripped.size === 0) return [];
    if (stripped !== str) return split(stripped, undefined, limit, fromRight);
    spend(str.size >> 2);
    for (const run of str.text.matchAll(/[\s\x1c-\x1f\x85]+/gu)) {
      countMatches(2);
      cut(run.index, run.index + run[0].length);
    }
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
  return parts.filter((part) => part.size > 0);
}

/** str.splitlines */
export function splitLines(str: Str, keepEnds: boolean): Str[] {
  const lines: Str[] = [];
  let at = 0;
  spend(str.size >> 2);
  for (const end of str.text.matchAll(/\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/gu)) {
    countMatches(2);
    lines.push(slice(str, at, end.index + (keepEnds ? end[0].length : 0)));
    at = end.index + end[0].length;
  }
  if (at < str.size) lines.push(slice(str, at));
  return lines;
}

/** str.replace: the first `limit` occurrences, all if it is negative. */
export function replace(str: Str, old: Str, by: Str, limit: number): Str {
  const parts: Str[] = [];
  let size = 0;
  const add = (part: Str) => {
    if (part.size === 0) return;
    checkLength((size += part.size));
    spend(2);
    allocate(8);
    parts.push(part);
  };
  if (old.size === 0) {
    const points = characters(str);
    const count = limit < 0 ? points.length + 1 : Math.min(limit, points.length + 1);
    points.forEach((point, i) => {
      if (i < count) add(by);
      add(point);
    });
    if (count > points.length) add(by);
    return concat(parts);
  }
  let at = 0;
  for (let count = 0; count !== limit; count++) {
    const found = indexOf(str.text, old.text, at);
    if (found < 0) break;
    add(slice(str, at, found));
    add(by);
    at = found + old.size;
  }
  if (at === 0) return str;
  add(slice(str, at));
  return concat(parts);
}

/** Without `<!--…-->` and `<…>`. */
export function withoutTags(text: string): string {
  let [result, at] = ["", 0];
  let hasComments = true;
  for (let open = text.indexOf("<"); open >= 0; open = text.indexOf("<", at)) {
    spend(4);
    let end = hasComments && text.startsWith("<!--", open) ? text.indexOf("-->", open + 4) + 3 : 0;
    if (text.startsWith("<!--", open) && end < 3) hasComments = false; // searched once
    if (end < 3) end = text.indexOf(">", open) + 1;
    if (end === 0) break;
    result += text.slice(at, open);
    at = end;
  }
  return result + text.slice(at);
}
