// Rules of options: those from the core's tables, and those for values that only TypeScript has.
import { CamelGPTError } from "../../../web/errors.js";
import type { FieldRule } from "../../../web/engine/records.js";
import { flag, ofType, oneOf, type Rule, tagOf } from "../check-options.js";

export const largest = 2 ** 31 - 1;

/** Rules by name, as `checkOptions` takes them. */
export function rulesOf<K extends string>(table: Readonly<Record<K, FieldRule>>): Record<K, Rule> {
  const names = Object.keys(table) as K[];
  return Object.fromEntries(names.map((name) => [name, ruleOf(table[name])])) as Record<K, Rule>;
}

export function ruleOf(rule: FieldRule): Rule {
  if (rule.type === "flag") return flag;
  if (rule.type === "choice") return oneOf(...rule.names);
  const { type, min, max, above, below, range } = rule;
  const joint = range.startsWith("at least") ? "of " : range.startsWith("above") ? "" : "from ";
  return ofType(`a ${type === "integer" ? "whole " : ""}number ${joint}${range}`, (value) => {
    if (typeof value !== "number" || (type === "integer" && !Number.isSafeInteger(value))) return false;
    return (above ? value > min : value >= min) && (below ? value < max : value <= max); // false for NaN
  });
}

/** A whole number in a range. */
export function integer(min: number, max: number): Rule {
  return ruleOf({ type: "integer", min, max, range: max >= largest ? `at least ${min}` : `${min} to ${max}` });
}

export const callback = ofType("a function", (value) => typeof value === "function");
export const address = ofType(
  "a URL",
  (value) => (typeof value === "string" && value !== "") || tagOf(value) === "URL",
);
export const object = ofType("an object", (value) => typeof value === "object" && value !== null);

/**
 * Refuses a URL with a user name or password, which logs, proxies and redirects would show. The error does not repeat
 * the URL. Errors: `bad-option`.
 */
export function refuseUserinfo(what: string, value: unknown): void {
  if (!/^(String|URL)$/.test(tagOf(value))) return;
  if (!hasUserinfo(String(value))) return;
  throw new CamelGPTError("bad-option", `${what} contains a user name or password.`, {
    expected: "a URL without credentials",
    found: "a URL with credentials before an @",
    hint: "Remove them from the URL, and send them as the header Authorization with the option `headers`.",
  });
}

function hasUserinfo(name: string): boolean {
  try {
    const { username, password } = new URL(name);
    return username !== "" || password !== "";
  } catch {
    // Not valid without a base, or for another reason, such as a / in the password.
    return /^\s*(?:[a-z]+:)?[\\/]{2,}(?:[^\\/?#]*@|[^\\/]*?:(?!\d+[\\/?#])[^@]*@)/i.test(name);
  }
}
