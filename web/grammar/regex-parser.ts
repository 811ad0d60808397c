// Parses regular expressions of ECMA-262 to trees. Where the syntax with the flag u and the older one differ, both are
// accepted: \p{…} is a property, and an escape without a meaning is the character.
import { CamelGPTError, excerpt } from "../errors.js";
import { type CodePoints, complement, everyCodePoint, toCodePoints } from "./code-points.js";
import { ignoringCase, propertySet } from "./unicode-sets.js";

export type Tree =
  | { readonly kind: "set"; readonly set: CodePoints }
  | { readonly kind: "sequence"; readonly items: readonly Tree[] }
  | { readonly kind: "choice"; readonly items: readonly Tree[] }
  | { readonly kind: "repeat"; readonly item: Tree; readonly min: number; readonly max: number }
  | { readonly kind: "start" }
  | { readonly kind: "end" }
  | { readonly kind: "look"; readonly isBehind: boolean; readonly isNegative: boolean; readonly item: Tree };

/** Limits of one pattern. */
const maxPatternLength = 20_000;
const maxNesting = 150;
/** Bounds of a repetition that are larger are refused. */
const maxCount = 100_000;

const digits: CodePoints = [0x30, 0x39];
const wordPoints: CodePoints = [0x30, 0x39, 0x41, 0x5a, 0x5f, 0x5f, 0x61, 0x7a];
const spaces: CodePoints = toCodePoints([
  ...[0x09, 0x0d, 0x20, 0x20, 0xa0, 0xa0, 0x1680, 0x1680, 0x2000, 0x200a, 0x2028, 0x2029],
  ...[0x202f, 0x202f, 0x205f, 0x205f, 0x3000, 0x3000, 0xfeff, 0xfeff],
]);
const lineEnds: CodePoints = [0x0a, 0x0a, 0x0d, 0x0d, 0x2028, 0x2029];
const classOfLetter: Record<string, CodePoints> = {
  d: digits,
  D: complement(digits),
  w: wordPoints,
  W: complement(wordPoints),
  s: spaces,
  S: complement(spaces),
};
const controlOfLetter: Record<string, number> = { t: 9, n: 10, v: 11, f: 12, r: 13 };

/** A range of one point, which may be half of a surrogate pair in a class. */
const one = (point: number): readonly number[] => [point, point];

export function patternError(pattern: string, problem: string, hint?: string): CamelGPTError {
  return new CamelGPTError("bad-grammar", `The regular expression ${excerpt(pattern)} ${problem}`, { hint });
}

/** Parses a pattern. Flags: i and s change it; d, g, u, v and y do not; m is refused where it matters. */
export function parsePattern(pattern: string, flags = ""): Tree {
  return new PatternParser(pattern, flags).parse();
}

class PatternParser {
  readonly #chars: readonly string[];
  #at = 0;
  #nesting = 0;
  readonly #ignoresCase: boolean;
  readonly #dotAll: boolean;
  readonly #isMultiline: boolean;
  readonly #isUnicode: boolean;

  constructor(
    private readonly pattern: string,
    flags: string,
  ) {
    const unknown = /[^dgimsuvy]/.exec(flags);
    if (unknown) throw patternError(pattern, `has the unknown flag ${excerpt(unknown[0])}.`);
    if (pattern.length > maxPatternLength)
      throw patternError(pattern, `is too long: ${pattern.length} characters, at most ${maxPatternLength}.`);
    this.#chars = [...pattern];
    this.#ignoresCase = flags.includes("i");
    this.#dotAll = flags.includes("s");
    this.#isMultiline = flags.includes("m");
    this.#isUnicode = /[uv]/.test(flags);
  }

  parse(): Tree {
    const tree = this.#choice();
    if (this.#at < this.#chars.length) throw this.#error("has a ) without a ( before it");
    return tree;
  }

  #error(problem: string, hint?: string): CamelGPTError {
    return patternError(this.pattern, `${problem} (at character ${this.#at + 1}).`, hint);
  }

  #takes(expected: string): boolean {
    for (let i = 0; i < expected.length; i++) if (this.#chars[this.#at + i] !== expected[i]) return false;
    this.#at += expected.length;
    return true;
  }

  #choice(): Tree {
    if (++this.#nesting > maxNesting) throw this.#error(`has more than ${maxNesting} groups inside each other`);
    const items: Tree[] = [this.#sequence()];
    while (this.#takes("|")) items.push(this.#sequence());
    this.#nesting--;
    return items.length === 1 ? (items[0] as Tree) : { kind: "choice", items };
  }

  #sequence(): Tree {
    const items: Tree[] = [];
    for (;;) {
      const char = this.#chars[this.#at];
      if (char === undefined || char === "|" || char === ")") break;
      const item = this.#quantified(this.#term());
      if (item.kind === "sequence") items.push(...item.items);
      else items.push(item);
    }
    return items.length === 1 ? (items[0] as Tree) : { kind: "sequence", items };
  }

  #quantified(item: Tree): Tree {
    const bounds = this.#quantifier();
    if (!bounds) return item;
    this.#takes("?"); // lazy: the same language
    if (/^[*+?]$/.test(this.#chars[this.#at] ?? "")) throw this.#error("repeats a repetition");
    const [min, max] = bounds;
    if (max < min) throw this.#error("has a repetition whose upper bound is below the lower one");
    if (min > maxCount || (max > maxCount && max !== Number.POSITIVE_INFINITY))
      throw this.#error(`repeats too often: at most ${maxCount} times`);
    if (item.kind === "start" || item.kind === "end") throw this.#error("repeats an anchor");
    return { kind: "repeat", item, min, max };
  }

  #quantifier(): readonly [number, number] | undefined {
    if (this.#takes("*")) return [0, Number.POSITIVE_INFINITY];
    if (this.#takes("+")) return [1, Number.POSITIVE_INFINITY];
    if (this.#takes("?")) return [0, 1];
    const counts = this.#counts();
    if (!counts) return undefined;
    this.#at += counts.length;
    return [counts.min, counts.max];
  }

  /** `{m}`, `{m,}` or `{m,n}` at the current place; anything else that starts with a brace is a text. */
  #counts(): { min: number; max: number; length: number } | undefined {
    if (this.#chars[this.#at] !== "{") return undefined;
    const found = /^\{(\d+)(,?)(\d*)\}/.exec(this.#chars.slice(this.#at, this.#at + 40).join(""));
    if (!found) return undefined;
    const [all, min, comma, max] = found as unknown as [string, string, string, string];
    if (!comma && max) return undefined;
    const upper = max ? Number(max) : comma ? Number.POSITIVE_INFINITY : Number(min);
    return { min: Number(min), max: upper, length: all.length };
  }

  #term(): Tree {
    const char = this.#chars[this.#at] as string;
    if (char === "*" || char === "+" || char === "?" || this.#counts()) throw this.#error("has nothing to repeat");
    this.#at++;
    switch (char) {
      case "(":
        return this.#group();
      case "[":
        return this.#set(this.#class());
      case ".":
        return { kind: "set", set: this.#dotAll ? everyCodePoint : complement(lineEnds) };
      case "^":
      case "$":
        if (this.#isMultiline) throw this.#error("has an anchor with the flag m, which is not supported");
        return { kind: char === "^" ? "start" : "end" };
      case "\\":
        return this.#escape();
      default:
        return this.#set(one(char.codePointAt(0) as number));
    }
  }

  #set(set: CodePoints): Tree {
    const points = toCodePoints(set);
    return { kind: "set", set: this.#ignoresCase ? ignoringCase(points, this.#isUnicode) : points };
  }

  #group(): Tree {
    let look: { isBehind: boolean; isNegative: boolean } | undefined;
    if (this.#takes("?")) {
      if (this.#takes("=")) look = { isBehind: false, isNegative: false };
      else if (this.#takes("!")) look = { isBehind: false, isNegative: true };
      else if (this.#takes("<=")) look = { isBehind: true, isNegative: false };
      else if (this.#takes("<!")) look = { isBehind: true, isNegative: true };
      else if (this.#takes("<")) {
        const end = this.#chars.indexOf(">", this.#at);
        const name = this.#chars.slice(this.#at, Math.max(end, this.#at)).join("");
        if (!/^[\p{L}$_][\p{L}\p{N}$_]*$/u.test(name)) throw this.#error("has a group with a wrong name");
        this.#at = end + 1;
      } else if (!this.#takes(":")) throw this.#error("has a group of an unknown kind");
    }
    const item = this.#choice();
    if (!this.#takes(")")) throw this.#error("has a ( without a )");
    return look ? { kind: "look", ...look, item } : item;
  }

  #escape(): Tree {
    const char = this.#chars[this.#at];
    if (char === undefined) throw this.#error("ends in a backslash");
    if (char === "b" || char === "B")
      throw this.#error(
        `has the word boundary \\${char}, which is not supported`,
        "Write the neighbouring characters.",
      );
    if (/[1-9]/.test(char) || (char === "k" && this.#chars[this.#at + 1] === "<"))
      throw this.#error("refers to what a group matched, which no grammar can express");
    return this.#set(this.#escapedSet());
  }

  /** After a backslash, inside and outside of classes. */
  #escapedSet(): CodePoints {
    const char = this.#chars[this.#at++] as string;
    const known = classOfLetter[char];
    if (known) return known;
    const control = controlOfLetter[char];
    if (control !== undefined) return one(control);
    switch (char) {
      case "p":
      case "P":
        return this.#property(char === "P");
      case "c": {
        const letter = this.#chars[this.#at] ?? "";
        if (!/^[A-Za-z]$/.test(letter)) throw this.#error("has \\c without a letter");
        this.#at++;
        return one(letter.charCodeAt(0) % 32);
      }
      case "x":
        return one(this.#hex(2) ?? 0x78);
      case "u":
        return one(this.#unicode());
      case "0":
        return one(0);
      default:
        return one(char.codePointAt(0) as number);
    }
  }

  #hex(length: number): number | undefined {
    const found = this.#chars.slice(this.#at, this.#at + length).join("");
    if (found.length !== length || !/^[0-9a-fA-F]+$/.test(found)) return undefined;
    this.#at += length;
    return Number.parseInt(found, 16);
  }

  #unicode(): number {
    if (this.#chars[this.#at] === "{") {
      const end = this.#chars.indexOf("}", this.#at);
      const found = this.#chars.slice(this.#at + 1, Math.max(end, this.#at)).join("");
      const point = /^[0-9a-fA-F]{1,8}$/.test(found) ? Number.parseInt(found, 16) : Number.POSITIVE_INFINITY;
      if (point > 0x10ffff) throw this.#error("has a code point that does not exist");
      this.#at = end + 1;
      return point;
    }
    const unit = this.#hex(4) ?? 0x75;
    if (unit < 0xd800 || unit > 0xdbff || this.#chars[this.#at] !== "\\" || this.#chars[this.#at + 1] !== "u")
      return unit;
    const before = this.#at;
    this.#at += 2;
    const low = this.#hex(4);
    if (low !== undefined && low >= 0xdc00 && low <= 0xdfff) return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
    this.#at = before;
    return unit;
  }

  #property(isNegative: boolean): CodePoints {
    const end = this.#chars.indexOf("}", this.#at);
    const name = this.#takes("{") ? this.#chars.slice(this.#at, Math.max(end, this.#at)).join("") : "";
    const set = propertySet(name);
    if (!set) throw this.#error(`has the unknown property ${excerpt(name)}`);
    this.#at = end + 1;
    return isNegative ? complement(set) : set;
  }

  #class(): CodePoints {
    const isNegative = this.#takes("^");
    const ranges: number[] = [];
    while (!this.#takes("]")) {
      const first = this.#classAtom();
      if (this.#chars[this.#at] !== "-" || this.#chars[this.#at + 1] === "]" || this.#at + 1 >= this.#chars.length) {
        ranges.push(...first);
        continue;
      }
      this.#at++;
      const last = this.#classAtom();
      if (first.length === 2 && first[0] === first[1] && last.length === 2 && last[0] === last[1]) {
        if ((last[0] as number) < (first[0] as number)) throw this.#error("has a range that ends before it starts");
        ranges.push(first[0] as number, last[0] as number);
      } else ranges.push(...first, 0x2d, 0x2d, ...last); // [\w-.]
    }
    const set = toCodePoints(ranges);
    if (!isNegative) return set;
    return complement(this.#ignoresCase ? ignoringCase(set, this.#isUnicode) : set);
  }

  #classAtom(): CodePoints {
    const char = this.#chars[this.#at++];
    if (char === undefined) throw this.#error("has a [ without a ]");
    if (char !== "\\") return one(char.codePointAt(0) as number);
    const escaped = this.#chars[this.#at];
    if (escaped === undefined) throw this.#error("ends in a backslash");
    if (escaped === "b") {
      this.#at++;
      return one(8);
    }
    return this.#escapedSet();
  }
}
