// unevaluatedProperties and unevaluatedItems: the properties and items that no schema at the same place speaks of. With
// all alternatives chosen these are known, so both become sources like additionalProperties and items. Alternatives
// that match too without being chosen do not count, so a few valid values are refused.
import { type ArraySource, type Facts, type ObjectSource, longestPrefix, typeBits } from "./facts.js";
import { schemaOf } from "./keywords.js";
import type { SchemaDocument, SchemaNode } from "./schema-document.js";

/** The facts before a schema and those that apply with it were added. */
export interface Mark {
  readonly objects: number;
  readonly arrays: number;
  readonly contains: number;
}

export const markOf = ({ objects, arrays, contains }: Facts): Mark => ({
  objects: objects.length,
  arrays: arrays.length,
  contains: contains.length,
});

/** Called after all schemas that apply with `node` were added. */
export function addUnevaluated(facts: Facts, node: SchemaNode, mark: Mark, document: SchemaDocument): void {
  if (node.made.types !== undefined) {
    for (let i = mark.objects; i < facts.objects.length; i++)
      facts.objects[i] = { ...(facts.objects[i] as ObjectSource), isNegated: true };
    for (let i = mark.arrays; i < facts.arrays.length; i++)
      facts.arrays[i] = { ...(facts.arrays[i] as ArraySource), isNegated: true };
  }
  const { unevaluatedProperties, unevaluatedItems } = schemaOf(node);
  const always = document.child(node, true);
  if (unevaluatedProperties !== undefined) {
    const sources = facts.objects.slice(mark.objects).filter(({ isNegated }) => !isNegated);
    const properties = new Map(
      sources.flatMap((source) => [...source.properties.keys()].map((name) => [name, always])),
    );
    const patterns = sources.flatMap((source) => source.patterns.map(({ pattern }) => ({ pattern, node: always })));
    const additional = document.child(node, unevaluatedProperties, "unevaluatedProperties");
    if (sources.every((source) => source.additional === undefined))
      facts.objects.push({ node, properties, patterns, additional });
  }
  if (unevaluatedItems !== undefined) {
    if (facts.contains.length > mark.contains && unevaluatedItems !== true)
      facts.unsupported.push({ keyword: "unevaluatedItems", node, types: typeBits.array });
    const sources = facts.arrays.slice(mark.arrays).filter(({ isNegated }) => !isNegated);
    const length = longestPrefix(sources);
    const items = document.child(node, unevaluatedItems, "unevaluatedItems");
    if (sources.every((source) => source.items === undefined))
      facts.arrays.push({ node, prefix: Array.from({ length }, () => always), items });
  }
}
