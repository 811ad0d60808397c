// Rules of options: those from the core's tables, and those for values that only TypeScript has.
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
