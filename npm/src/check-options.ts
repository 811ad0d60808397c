// The values a caller handed in → checked values, or an error that names the option, its range and the value found.
import { CamelGPTError, excerpt } from "../../web/errors.js";
import { nearest } from "../../web/nearest.js";

/** The condition that the value of an option must meet. */
export interface Rule {
  test(value: unknown): boolean;
  /** The range, in words. */
  expected: string;
}

export function ofType(expected: string, test: (value: unknown) => boolean): Rule {
  return { test, expected };
}

export function oneOf(...values: readonly string[]): Rule {
  return ofType(values.map((value) => JSON.stringify(value)).join(" or "), (value) => values.includes(value as string));
}

/** "URL" of a URL, whichever frame or realm made it. */
export function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1);
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isSignal(value: unknown): value is AbortSignal {
  return tagOf(value) === "AbortSignal";
}

export const signal = ofType("an AbortSignal", isSignal);
export const flag = ofType("true or false", (value) => typeof value === "boolean");
export const text = ofType("a text", (value) => typeof value === "string" && firstLoneSurrogate(value) < 0);
export const texts = ofType("a text, or an array of texts, none of them empty", (value) => {
  const all: unknown[] = Array.isArray(value) ? value : [value];
  return all.every((each) => text.test(each) && each !== "");
});

/**
 * A copy of `options` without what is undefined. Errors: `bad-option`, for an unknown name (with the nearest known one)
 * and for a value outside its range.
 */
export function checkOptions<T extends object>(what: string, options: T | undefined, rules: Record<string, Rule>): T {
  if (options === undefined) return {} as T;
  if (!isRecord(options)) {
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
      });
    }
    checked[name] = value;
  }
  return checked as T;
}

/** Errors: `bad-input` if the value is neither well-formed text nor token ids. */
export function checkPrompt(value: unknown): void {
  if (Array.isArray(value)) checkTokens(value);
  else checkText(value, "a text, or an array of token ids");
}

/** Errors: `bad-input` if the value is no array of token ids. The model checks which ids exist. */
export function checkTokens(value: unknown): void {
  if (!Array.isArray(value)) throw wrongKind(value, "an array of token ids");
  const isToken = (token: unknown) => Number.isInteger(token) && (token as number) >= 0 && (token as number) < 2 ** 31;
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

/** Index of the first half of a surrogate pair without its other half; -1 if there is none. */
function firstLoneSurrogate(text: string): number {
  // Built into Node 20 and all browsers since 2023.
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

/** Returns the signal of options that have not been checked yet. An invalid signal is reported by the check. */
export function signalOf(options: { signal?: unknown } | undefined): AbortSignal | undefined {
  const signal = options?.signal;
  return isSignal(signal) ? signal : undefined;
}
