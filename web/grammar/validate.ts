// Validates values that a schema lists (enum, const) and names of properties against the keywords beside them.
import { type Facts, typeBits } from "./facts.js";
import { valueKey } from "./keywords.js";
import { mergeGoal } from "./merge.js";
import type { Compilation } from "./compilation.js";
import { type SchemaNode, isObject, schemaError } from "./schema-document.js";
import { formatPattern } from "./string-format.js";

/** The values that are being checked, by their schemas: one that is met again is checked without an end. */
const active = new WeakMap<SchemaNode, Set<unknown>>();

export function isValidNode(value: unknown, node: SchemaNode, compiler: Compilation): boolean {
  if (typeof node.schema === "boolean") return node.schema;
  const values = active.get(node) ?? new Set();
  active.set(node, values);
  if (values.has(value)) throw schemaError("The schema refers to itself without an end", node.path);
  values.add(value);
  try {
    const facts = mergeGoal({ nodes: [node], chosen: new Map() }, compiler.document, compiler.meter);
    return facts !== undefined && isValid(value, facts, compiler);
  } finally {
    values.delete(value);
  }
}

/** Whether a value satisfies all keywords. Those that are not supported count as satisfied. */
export function isValid(value: unknown, facts: Facts, compiler: Compilation): boolean {
  compiler.meter(1);
  if ((facts.types & bitOf(value)) === 0) return false;
  if (facts.enumValues || facts.excluded.length > 0) {
    const { allowed, excluded } = keysOf(facts, compiler);
    const key = valueKey(value);
    if ((allowed && !allowed.has(key)) || excluded.has(key)) return false;
  }
  if (typeof value === "number" && !isValidNumber(value, facts)) return false;
  if (typeof value === "string" && !isValidString(value, facts, compiler)) return false;
  if (Array.isArray(value) && !isValidArray(value, facts, compiler)) return false;
  if (isObject(value) && !isValidObject(value, facts, compiler)) return false;
  return facts.disjunctions.every(({ alternatives }) =>
    alternatives.some((node) => isValidNode(value, node, compiler)),
  );
}

interface ValueKeys {
  /** Undefined: all. */
  readonly allowed: ReadonlySet<string> | undefined;
  readonly excluded: ReadonlySet<string>;
}
const knownKeys = new WeakMap<Facts, ValueKeys>();

/** The keys of the values that the facts list: found once, since many values are compared with them. */
function keysOf(facts: Facts, { meter }: Compilation): ValueKeys {
  let keys = knownKeys.get(facts);
  if (!keys) {
    const { enumValues, excluded } = facts;
    meter(((enumValues?.length ?? 0) + excluded.length) / 16);
    keys = { allowed: enumValues && new Set(enumValues.map(valueKey)), excluded: new Set(excluded.map(valueKey)) };
    knownKeys.set(facts, keys);
  }
  return keys;
}

function bitOf(value: unknown): number {
  if (value === null) return typeBits.null;
  if (Array.isArray(value)) return typeBits.array;
  switch (typeof value) {
    case "boolean":
      return typeBits.boolean;
    case "number":
      return Number.isInteger(value) ? typeBits.integer : typeBits.fraction;
    case "string":
      return typeBits.string;
    case "object":
      return typeBits.object;
    default:
      return 0;
  }
}

function isValidNumber(value: number, { minimum, maximum, multiples }: Facts): boolean {
  if (minimum && (minimum.isExclusive ? value <= minimum.value : value < minimum.value)) return false;
  if (maximum && (maximum.isExclusive ? value >= maximum.value : value > maximum.value)) return false;
  return multiples.every((step) => {
    const quotient = value / step;
    return Math.abs(quotient - Math.round(quotient)) < 1e-9 * Math.max(1, Math.abs(quotient));
  });
}

function isValidString(value: string, facts: Facts, compiler: Compilation): boolean {
  const length = [...value].length;
  if (length < facts.minLength || length > facts.maxLength) return false;
  compiler.meter(length * (facts.patterns.length + facts.formats.length));
  const matches = (pattern: string, node: SchemaNode, keyword: string) =>
    compiler.regulars.matches(compiler.patternLanguage(pattern, node, keyword), value);
  return (
    facts.patterns.every(({ pattern, isExcluded, node, keyword }) => matches(pattern, node, keyword) !== isExcluded) &&
    facts.formats.every(({ format, node }) => {
      const pattern = formatPattern(format);
      return pattern === undefined || matches(pattern, node, "format");
    })
  );
}

function isValidArray(value: readonly unknown[], facts: Facts, compiler: Compilation): boolean {
  if (value.length < facts.minItems || value.length > facts.maxItems) return false;
  if (facts.uniqueItems && new Set(value.map(valueKey)).size < value.length) return false;
  for (const { prefix, items } of facts.arrays) {
    for (const [i, item] of value.entries()) {
      const node = prefix[i] ?? items;
      if (node && !isValidNode(item, node, compiler)) return false;
    }
  }
  return facts.contains.every((node) => value.some((item) => isValidNode(item, node, compiler)));
}

function isValidObject(value: { readonly [name: string]: unknown }, facts: Facts, compiler: Compilation): boolean {
  const names = Object.keys(value);
  if (names.length < facts.minProperties || names.length > facts.maxProperties) return false;
  for (const name of facts.required.keys()) if (!Object.hasOwn(value, name)) return false;
  for (const name of names) {
    if (!facts.propertyNames.every((node) => isValidNode(name, node, compiler))) return false;
    for (const { properties, patterns, additional } of facts.objects) {
      const nodes = patterns
        .filter(({ pattern, node }) =>
          compiler.regulars.matches(compiler.patternLanguage(pattern, node, "patternProperties"), name),
        )
        .map(({ node }) => node);
      const declared = properties.get(name);
      if (declared) nodes.push(declared);
      if (nodes.length === 0 && additional) nodes.push(additional);
      if (!nodes.every((node) => isValidNode(value[name], node, compiler))) return false;
    }
  }
  return true;
}
