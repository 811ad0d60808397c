// The values of strings as regular languages: pattern, format, length, and values that are left out.
import type { Facts } from "./facts.js";
import { typeBits } from "./facts.js";
import { mergeGoal } from "./merge.js";
import type { Regular } from "./regular.js";
import { withLength } from "./regular-grammar.js";
import type { Compilation } from "./compilation.js";
import type { SchemaNode } from "./schema-document.js";
import { boundedFormatPattern, formatPattern, simpleFormatPattern } from "./string-format.js";
import { isValid } from "./validate.js";

const infinity = Number.POSITIVE_INFINITY;

export const isConstrainedString = (facts: Facts): boolean =>
  facts.patterns.length > 0 ||
  facts.minLength > 0 ||
  facts.maxLength !== infinity ||
  facts.formats.some(({ format }) => formatPattern(format) !== undefined) ||
  facts.excluded.some((value) => typeof value === "string");

export function stringLanguage(facts: Facts, compiler: Compilation): Regular {
  const { regulars } = compiler;
  const parts: Regular[] = [];
  for (const { pattern, isExcluded, node, keyword } of facts.patterns) {
    const language = compiler.patternLanguage(pattern, node, keyword);
    parts.push(isExcluded ? regulars.not(language) : language);
  }
  const excluded = facts.excluded.filter((value): value is string => typeof value === "string");
  const isAlone = facts.formats.length === 1 && parts.length === 0 && excluded.length === 0;
  for (const { format, node } of facts.formats) {
    let pattern = isAlone ? formatPattern(format) : simpleFormatPattern(format);
    if (pattern === undefined) continue;
    let language = compiler.patternLanguage(pattern, node, "format");
    if (language.minLength < facts.minLength || language.maxLength > facts.maxLength) {
      const bounded = isAlone ? boundedFormatPattern(format, facts.maxLength) : undefined;
      pattern = simpleFormatPattern(format) as string;
      language = compiler.patternLanguage(bounded ?? pattern, node, "format");
      if (bounded !== undefined && language.minLength < facts.minLength)
        language = compiler.patternLanguage(pattern, node, "format");
    }
    parts.push(language);
  }
  if (excluded.length > 0) parts.push(regulars.not(regulars.choice(excluded.map((value) => regulars.text(value)))));
  return withLength(regulars, regulars.all(parts), facts.minLength, facts.maxLength);
}

/** The texts that a schema allows as names of properties. */
export function namesLanguage(node: SchemaNode, compiler: Compilation): Regular {
  const { regulars, document, meter } = compiler;
  const alternatives: Regular[] = [];
  const pending = [{ nodes: [node], chosen: new Map<string, SchemaNode>() }];
  for (let goal = pending.pop(); goal; goal = pending.pop()) {
    const facts = mergeGoal(goal, document, meter);
    if (!facts || (facts.types & typeBits.string) === 0) continue;
    const [first] = facts.disjunctions;
    if (facts.enumValues) {
      for (const value of facts.enumValues)
        if (typeof value === "string" && isValid(value, facts, compiler)) alternatives.push(regulars.text(value));
    } else if (first) {
      for (const other of first.alternatives)
        pending.push({ nodes: [node], chosen: new Map([...goal.chosen, [first.key, other]]) });
    } else {
      alternatives.push(isConstrainedString(facts) ? stringLanguage(facts, compiler) : regulars.everything);
    }
  }
  return regulars.choice(alternatives);
}
