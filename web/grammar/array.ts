// Arrays: a prefix of items of their own, then items of one kind, with bounds of their number.
import { type Facts, isFreeArray, longestPrefix } from "./facts.js";
import {
  type Expression,
  type Rule,
  choice,
  emptyText,
  manyOf,
  newRule,
  nothing,
  optional,
  reference,
  repeat,
  sequence,
} from "./gbnf.js";
import type { Compilation } from "./compilation.js";
import type { SchemaNode } from "./schema-document.js";

const infinity = Number.POSITIVE_INFINITY;

export function arrayExpression(facts: Facts, compiler: Compilation): Expression {
  const { json } = compiler;
  if (isFreeArray(facts)) return json.array;
  const { minItems: min, maxItems: max } = facts;
  if (min > max) return nothing;
  const unique = facts.uniqueItems && max > 1 ? uniqueItems(facts, compiler) : undefined;
  if (unique) return unique;
  const prefixLength = Math.min(longestPrefix(facts.arrays), max);
  compiler.meter(prefixLength);
  const itemAt = (i: number): Expression => {
    const nodes: SchemaNode[] = [];
    for (const { prefix, items } of facts.arrays) {
      const node = prefix[i] ?? items;
      if (node) nodes.push(node);
    }
    return compiler.valueOf(nodes);
  };
  const item = itemAt(infinity);
  const withMatch = facts.contains.length > 0 ? containing(facts, item, prefixLength, compiler) : undefined;
  if (withMatch) return withMatch;
  // From the last item of the prefix to the first; each is optional together with all after it.
  let rest: Expression = repeatedItems(
    item,
    prefixLength === 0,
    Math.max(0, min - prefixLength),
    max - prefixLength,
    compiler,
  );
  for (let i = prefixLength - 1; i >= 0; i--) {
    const withItem = sequence(i === 0 ? emptyText : json.comma, itemAt(i), rest);
    rest = reference(newRule("items", i < min ? withItem : optional(withItem)));
  }
  return json.brackets(rest);
}

function repeatedItems(
  item: Expression,
  isFirst: boolean,
  min: number,
  max: number,
  compiler: Compilation,
): Expression {
  const more = sequence(compiler.json.comma, item);
  if (!isFirst) return repeat(more, min, max);
  if (max === 0) return emptyText;
  const all = sequence(item, repeat(more, Math.max(0, min - 1), max - 1));
  return min === 0 ? optional(all) : all;
}

/** At least one item that matches the schema of `contains`, anywhere. Undefined: left out. */
function containing(
  facts: Facts,
  item: Expression,
  prefixLength: number,
  compiler: Compilation,
): Expression | undefined {
  const { json } = compiler;
  const [wanted, ...others] = facts.contains as [SchemaNode, ...SchemaNode[]];
  if (others.length > 0 || prefixLength > 0 || facts.minItems > 1 || facts.maxItems !== infinity) {
    const message = "contains beside prefixItems, minItems, maxItems or another contains is not supported";
    compiler.leaveOut("contains", wanted.path?.parent, message);
    return undefined;
  }
  const items = facts.arrays.flatMap((source) => (source.items ? [source.items] : []));
  const match = compiler.valueOf([...items, wanted]);
  return json.brackets(sequence(manyOf(sequence(item, json.comma)), match, manyOf(sequence(json.comma, item))));
}

/** Values whose subsets are rules. */
const maxUnique = 8;

/** Each of a few constants at most once, in any order. Undefined: left out. */
function uniqueItems(facts: Facts, compiler: Compilation): Expression | undefined {
  const { json } = compiler;
  const items = facts.arrays.flatMap((source) => (source.items ? [source.items] : []));
  const hasOthers = facts.contains.length > 0 || facts.arrays.some(({ prefix }) => prefix.length > 0);
  const values = hasOthers ? undefined : compiler.constantsOf(items);
  if (!values || values.length > maxUnique) {
    const message = `uniqueItems is supported for items of at most ${maxUnique} constants only`;
    compiler.leaveOut("uniqueItems", facts.uniqueItems?.node.path, message);
    return undefined;
  }
  const literals = values.map((value) => json.literal(value));
  const rules = Array.from({ length: 1 << values.length }, () => newRule("items"));
  rules.forEach((rule, seen) => {
    const count = values.filter((_, i) => (seen >> i) & 1).length;
    const comma = count === 0 ? emptyText : json.comma;
    const alternatives = literals.flatMap((literal, i) => {
      const after = rules[seen | (1 << i)] as Rule;
      return (seen >> i) & 1 || count >= facts.maxItems ? [] : [sequence(comma, literal, reference(after))];
    });
    rule.body = choice(count >= facts.minItems ? [...alternatives, emptyText] : alternatives);
  });
  return json.brackets(reference(rules[0] as Rule));
}
