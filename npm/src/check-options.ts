// What a caller handed in → the same, known to be right; or an error that names the option, its range and what was found.
import { CamelGPTError, excerpt } from "../../web/errors.js";

/** What an option must be. */
export interface Rule<T = unknown> {
  test(value: unknown): boolean;
  /** The range, in words. */
  expected: string;
  hint?: string;
  /** The same rule with a hint for those who break it. */
  because(hint: string): Rule<T>;
}

export function ofType<T = unknown>(expected: string, test: (value: unknown) => boolean, hint?: string): Rule<T> {
  return { test, expected, ...(hint !== undefined && { hint }), because: (why) => ofType(expected, test, why) };
}

export function integer(least: number, most: number): Rule<number> {
  const range = most >= 2 ** 31 - 1 ? `of at least ${least}` : `from ${least} to ${most}`;
  return ofType(
    `a whole number ${range}`,
    (value) => Number.isSafeInteger(value) && inRange(value as number, least, most),
  );
}

export function number(least: number, most: number, open: { above?: boolean; below?: boolean } = {}): Rule<number> {
  const from = open.above ? `above ${least}` : `from ${least}`;
  const to = open.below ? `below ${most}` : `${most}`;
  return ofType(`a number ${from} ${open.below ? "and" : open.above ? "and at most" : "to"} ${to}`, (value) => {
    if (typeof value !== "number" || !inRange(value, least, most)) return false;
    return !(open.above && value === least) && !(open.below && value === most);
  });
}

function inRange(value: number, least: number, most: number): boolean {
  return value >= least && value <= most; // false for NaN
}

export function oneOf(...values: string[]): Rule<string> {
  return ofType(values.map((value) => JSON.stringify(value)).join(" or "), (value) => values.includes(value as string));
}

/** "URL" of a URL, whichever frame or realm made it. */
export function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1);
}

export function isSignal(value: unknown): value is AbortSignal {
  return tagOf(value) === "AbortSignal";
}

export const flag: Rule<boolean> = ofType("true or false", (value) => typeof value === "boolean");
export const text: Rule<string> = ofType(
  "a text",
  (value) => typeof value === "string" && firstLoneSurrogate(value) < 0,
);
export const texts: Rule<string | string[]> = ofType(
  "a text, or an array of up to 64 texts, none of them empty",
  (value) => {
    const all: unknown[] = Array.isArray(value) ? value : [value];
    return all.length <= 64 && all.every((each) => text.test(each) && each !== "");
  },
);

/**
 * A copy of `options` without what is undefined. Errors: `bad-option`, for an unknown name (with the nearest known one) and
 * for a value outside its range.
 */
export function checkOptions<T extends object>(what: string, options: T | undefined, rules: Record<string, Rule>): T {
  if (options === undefined) return {} as T;
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new CamelGPTError("bad-option", `The ${what} options are not an object.`, {
      expected: `an object with any of ${Object.keys(rules).join(", ")}`,
      found: show(options),
    });
  }
  const checked: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(options)) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (!rule) {
      const near = nearest(name, Object.keys(rules));
      throw new CamelGPTError("bad-option", `There is no ${what} option ${excerpt(name)}.`, {
        expected: `one of ${Object.keys(rules).join(", ")}`,
        found: excerpt(name),
        hint: near && `Did you mean ${near}?`,
      });
    }
    if (value === undefined) continue;
    if (!rule.test(value)) {
      throw new CamelGPTError("bad-option", `The option ${name} is not valid.`, {
        expected: rule.expected,
        found: show(value),
        hint: rule.hint,
      });
    }
    checked[name] = value;
  }
  return checked as T;
}

/** Errors: `bad-input` where the value is neither well-formed text nor token ids. */
export function checkPrompt(value: unknown): void {
  if (Array.isArray(value)) checkTokens(value);
  else checkText(value, "a text, or an array of token ids");
}

/** Errors: `bad-input` where the value is no array of token ids. Which ids exist is for the model to say. */
export function checkTokens(value: unknown): void {
  if (!Array.isArray(value)) throw wrongKind(value, "an array of token ids");
  const isToken = (token: unknown) => Number.isInteger(token) && inRange(token as number, 0, 2 ** 31 - 1);
  const wrong = value.findIndex((token) => !isToken(token));
  if (wrong < 0) return;
  throw new CamelGPTError("bad-input", "The tokens hold something other than ids.", {
    expected: "whole numbers of at least 0",
    found: `${show(value[wrong])} at position ${wrong}`,
  });
}

/** Errors: `bad-input` with the position of half of a surrogate pair, which no UTF-8 can express. */
export function checkText(value: unknown, expected = "a text"): void {
  if (typeof value !== "string") throw wrongKind(value, expected);
  const text = value;
  const position = firstLoneSurrogate(text);
  if (position < 0) return;
  throw new CamelGPTError("bad-input", "The text is not valid Unicode.", {
    expected: "surrogates in pairs",
    found: `a lone \\u${text.charCodeAt(position).toString(16)} at position ${position}`,
    hint: "Text was probably cut in the middle of a character; text.toWellFormed() replaces such halves.",
  });
}

export function wrongKind(value: unknown, expected: string): CamelGPTError {
  return new CamelGPTError("bad-input", "The input is of the wrong kind.", { expected, found: show(value) });
}

/** Index of the first half of a surrogate pair without its other half; -1 where there is none. */
function firstLoneSurrogate(text: string): number {
  // Node 20 and all browsers since 2023 answer at once.
  const quick = text as { isWellFormed?: () => boolean };
  if (quick.isWellFormed?.()) return -1;
  return text.search(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/);
}

function show(value: unknown): string {
  if (typeof value === "string") return excerpt(value);
  if (typeof value === "function") return "a function";
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === "object" && value !== null) return "an object";
  return String(value);
}

/** The known name with the fewest letters changed, where that is less than half of them. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Math.max(2, name.length / 2);
  for (const each of known) {
    const distance = editDistance(name.toLowerCase(), each.toLowerCase());
    if (distance < least) [best, least] = [each, distance];
  }
  return best;
}

/** Levenshtein's, by rows. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, change));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
