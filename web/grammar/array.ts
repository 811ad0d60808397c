// Arrays: a prefix of items of their own, then items of one kind, with bounds of their number.
import { type Facts, isFreeArray } from "./facts.js";
import { type Expression, emptyText, manyOf, newRule, nothing, optional, reference, repeat, sequence } from "./gbnf.js";
import type { Compilation } from "./compilation.js";
import type { SchemaNode } from "./schema-document.js";

const infinity = Number.POSITIVE_INFINITY;

export function arrayExpression(facts: Facts, compiler: Compilation): Expression {
  const { json } = compiler;
  if (isFreeArray(facts)) return json.array;
  const { uniqueItems } = facts;
  if (uniqueItems && facts.maxItems > 1)
    compiler.leaveOut("uniqueItems", uniqueItems.node.path, "uniqueItems is not supported");
  const { minItems: min, maxItems: max } = facts;
  if (min > max) return nothing;
  const prefixLength = Math.min(Math.max(0, ...facts.arrays.map(({ prefix }) => prefix.length)), max);
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
