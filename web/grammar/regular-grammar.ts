// Regular languages as expressions of a grammar. An expression keeps its form; only intersections and complements go
// through an automaton.
import { type Automaton, automatonExpression, automatonOf, withLengthBetween } from "./automaton.js";
import type { CodePoints } from "./code-points.js";
import { type Expression, choice, emptyText, nothing, optional, repeat, sequenceOf } from "./gbnf.js";
import type { Regular, Regulars } from "./regular.js";

/** `oneOf` writes one code point of a set, for example with the escapes of JSON. */
export function regularExpression(
  regulars: Regulars,
  language: Regular,
  oneOf: (set: CodePoints) => Expression,
  hint: string,
): Expression {
  const known = new Map<Regular, Expression>();
  const convert = (item: Regular): Expression => {
    let result = known.get(item);
    if (!result) {
      result = make(item);
      known.set(item, result);
    }
    return result;
  };
  /** Counting the code points costs less than derivatives of an intersection with a length. */
  const withoutProductOfLengths = (item: Regular & { kind: "all" }): Automaton => {
    const isLength = (part: Regular) => part.kind === "repeat" && part.item === regulars.any;
    const lengths = item.items.filter(isLength) as (Regular & { kind: "repeat" })[];
    const others = item.items.filter((part) => !isLength(part));
    const [length] = lengths;
    if (!length || lengths.length > 1) return automatonOf(regulars, item);
    return withLengthBetween(regulars, automatonOf(regulars, regulars.all(others)), length.min, length.max);
  };
  const make = (item: Regular): Expression => {
    switch (item.kind) {
      case "none":
        return nothing;
      case "empty":
        return emptyText;
      case "set":
        return oneOf(item.set);
      case "choice": {
        const items = item.items.filter(({ kind }) => kind !== "empty");
        const alternatives = choice(items.map(convert));
        return items.length < item.items.length ? optional(alternatives) : alternatives;
      }
      case "sequence": {
        const parts: Expression[] = [];
        let rest: Regular = item;
        for (; rest.kind === "sequence"; rest = rest.tail) parts.push(convert(rest.head));
        parts.push(convert(rest));
        return sequenceOf(parts);
      }
      case "repeat":
        return repeat(convert(item.item), item.min, item.max);
      case "all":
        return automatonExpression(withoutProductOfLengths(item), oneOf, hint);
      case "not":
        return automatonExpression(automatonOf(regulars, item), oneOf, hint);
    }
  };
  return convert(language);
}

/** The texts of a language that have `min` to `max` code points; without an intersection where the form allows it. */
export function withLength(regulars: Regulars, language: Regular, min: number, max: number): Regular {
  if (language.minLength >= min && language.maxLength <= max) return language;
  if (language.minLength > max || language.maxLength < min) return regulars.none;
  if (language.kind === "choice")
    return regulars.choice(language.items.map((item) => withLength(regulars, item, min, max)));
  const parts: Regular[] = [];
  let rest: Regular = language;
  for (; rest.kind === "sequence"; rest = rest.tail) parts.push(rest.head);
  parts.push(rest);
  const variable = parts.findIndex((part) => part.minLength !== part.maxLength);
  const part = parts[variable];
  const fixed = parts.reduce((sum, other, i) => (i === variable ? sum : sum + other.maxLength), 0);
  if (part?.kind === "repeat" && part.item.kind === "set" && Number.isFinite(fixed)) {
    const [low, high] = [Math.max(part.min, min - fixed), Math.min(part.max, max - fixed)];
    if (low > high) return regulars.none;
    return regulars.sequence(parts.map((other, i) => (i === variable ? regulars.repeat(part.item, low, high) : other)));
  }
  return regulars.all([language, regulars.lengthBetween(min, max)]);
}
