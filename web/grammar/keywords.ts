// Reads the keywords of one schema into facts.
import { excerpt } from "../errors.js";
import { type Bound, type Facts, anyType, numberBits, typeBits } from "./facts.js";
import {
  type SchemaDocument,
  type SchemaNode,
  type SchemaObject,
  isObject,
  schemaError,
  typeOf,
} from "./schema-document.js";

const bitsOfName: Record<string, number> = { ...typeBits, number: numberBits };
delete bitsOfName["fraction"];

type Reader = (facts: Facts, value: unknown, node: SchemaNode, document: SchemaDocument) => void;

/** Keywords that assert something. Others are annotations, which the specification allows to ignore. */
const readers: Record<string, Reader> = {
  type: (facts, value, node) => {
    facts.types &= bitsOf(value, node);
  },
  enum: (facts, value, node) => {
    if (!Array.isArray(value)) throw wrong("enum", "a list", value, node);
    checkDepth(value, "enum", node);
    narrow(facts, value);
  },
  const: (facts, value, node) => {
    checkDepth(value, "const", node);
    narrow(facts, [value]);
  },
  minimum: (facts, value, node) =>
    raise(facts, { value: numberOf("minimum", value, node), isExclusive: schemaOf(node)["exclusiveMinimum"] === true }),
  maximum: (facts, value, node) =>
    lower(facts, { value: numberOf("maximum", value, node), isExclusive: schemaOf(node)["exclusiveMaximum"] === true }),
  // True and false are the spelling of draft 4, beside minimum and maximum.
  exclusiveMinimum: (facts, value, node) => {
    if (typeof value !== "boolean")
      raise(facts, { value: numberOf("exclusiveMinimum", value, node), isExclusive: true });
  },
  exclusiveMaximum: (facts, value, node) => {
    if (typeof value !== "boolean")
      lower(facts, { value: numberOf("exclusiveMaximum", value, node), isExclusive: true });
  },
  multipleOf: (facts, value, node) => {
    const multiple = numberOf("multipleOf", value, node);
    if (multiple <= 0) throw wrong("multipleOf", "a number above 0", value, node);
    if (!facts.multiples.includes(multiple)) facts.multiples.push(multiple);
  },
  minLength: (facts, value, node) => {
    facts.minLength = Math.max(facts.minLength, countOf("minLength", value, node));
  },
  maxLength: (facts, value, node) => {
    facts.maxLength = Math.min(facts.maxLength, countOf("maxLength", value, node));
  },
  pattern: (facts, value, node) => {
    if (typeof value !== "string") throw wrong("pattern", "a text", value, node);
    facts.patterns.push({ pattern: value, isExcluded: false, node, keyword: "pattern" });
  },
  format: (facts, value, node) => {
    if (typeof value === "string") facts.formats.push({ format: value, node, keyword: "format" });
  },
  required: (facts, value, node) => {
    if (typeof value === "boolean") return; // draft 3, where it is part of a property
    for (const name of namesOf("required", value, node))
      if (!facts.required.has(name)) facts.required.set(name, { node, keyword: "required" });
  },
  propertyNames: (facts, value, node, document) => {
    facts.propertyNames.push(document.child(node, value, "propertyNames"));
  },
  minProperties: (facts, value, node) => {
    facts.minProperties = Math.max(facts.minProperties, countOf("minProperties", value, node));
  },
  maxProperties: (facts, value, node) => {
    facts.maxProperties = Math.min(facts.maxProperties, countOf("maxProperties", value, node));
  },
  minItems: (facts, value, node) => {
    facts.minItems = Math.max(facts.minItems, countOf("minItems", value, node));
  },
  maxItems: (facts, value, node) => {
    facts.maxItems = Math.min(facts.maxItems, countOf("maxItems", value, node));
  },
  uniqueItems: (facts, value, node) => {
    if (value === true) facts.uniqueItems = { node, keyword: "uniqueItems" };
  },
  contains: (facts, value, node, document) => {
    const min = schemaOf(node)["minContains"];
    const max = schemaOf(node)["maxContains"];
    if (max !== undefined || (min !== undefined && min !== 1 && min !== 0))
      facts.unsupported.push({
        keyword: max === undefined ? "minContains" : "maxContains",
        node,
        types: typeBits.array,
      });
    else if (min !== 0) facts.contains.push(document.child(node, value, "contains"));
  },
};

/** Adds all keywords of a node but those that refer to other schemas for the same value (see merge.ts). */
export function addKeywords(facts: Facts, node: SchemaNode, document: SchemaDocument): void {
  const schema = schemaOf(node);
  facts.nodes.push(node);
  for (const [keyword, value] of Object.entries(schema)) {
    if (Object.hasOwn(readers, keyword) && value !== undefined)
      (readers[keyword] as Reader)(facts, value, node, document);
  }
  addProperties(facts, schema, node, document);
  addItems(facts, schema, node, document);
  const { types, excluded, excludedPattern } = node.made;
  facts.types &= types ?? anyType;
  for (const value of excluded ?? []) facts.excluded.push(value);
  if (excludedPattern !== undefined)
    facts.patterns.push({ pattern: excludedPattern, isExcluded: true, node, keyword: "not" });
}

function addProperties(facts: Facts, schema: SchemaObject, node: SchemaNode, document: SchemaDocument): void {
  const { properties, patternProperties, additionalProperties } = schema;
  if (properties === undefined && patternProperties === undefined && additionalProperties === undefined) return;
  const entriesOf = (keyword: string, value: unknown) => {
    if (value === undefined) return [];
    if (!isObject(value)) throw wrong(keyword, "an object", value, node);
    return Object.entries(value).map(([name, item]) => [name, document.child(node, item, keyword, name)] as const);
  };
  facts.objects.push({
    node,
    properties: new Map(entriesOf("properties", properties)),
    patterns: entriesOf("patternProperties", patternProperties).map(([pattern, item]) => ({ pattern, node: item })),
    additional:
      additionalProperties === undefined
        ? undefined
        : document.child(node, additionalProperties, "additionalProperties"),
  });
}

function addItems(facts: Facts, schema: SchemaObject, node: SchemaNode, document: SchemaDocument): void {
  const { items, prefixItems, additionalItems } = schema;
  // Before draft 2020-12 a list of items was the prefix, and additionalItems the rest.
  const isOld = Array.isArray(items);
  const prefix = isOld ? items : (prefixItems ?? []);
  const rest = isOld ? additionalItems : items;
  if (!Array.isArray(prefix)) throw wrong("prefixItems", "a list", prefix, node);
  if (prefix.length === 0 && rest === undefined) return;
  facts.arrays.push({
    node,
    prefix: prefix.map((item, i) => document.child(node, item, isOld ? "items" : "prefixItems", String(i))),
    items: rest === undefined ? undefined : document.child(node, rest, isOld ? "additionalItems" : "items"),
  });
}

// -------------------------------------------------------------------------------------------------------------- values

/** Levels of a value in enum or const. */
const maxDepth = 300;
const maxBreadth = 200_000;
const checkedValues = new WeakSet<object>();

export function checkDepth(value: unknown, keyword: string, node: SchemaNode): void {
  if (typeof value !== "object" || value === null || checkedValues.has(value)) return;
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    const path = { parent: node.path, key: keyword };
    if (depth > maxDepth) throw schemaError(`A value of ${keyword} is nested more than ${maxDepth} levels deep`, path);
    if (level.length > maxBreadth) throw schemaError(`${keyword} has too many values`, path);
    level = level.flatMap((item) => (typeof item === "object" && item !== null ? Object.values(item) : []));
  }
  checkedValues.add(value);
}

/** Values of a list that are left if another list applies too. */
function narrow(facts: Facts, values: readonly unknown[]): void {
  if (!facts.enumValues) {
    facts.enumValues = values;
    return;
  }
  const keys = new Set(values.map(valueKey));
  facts.enumValues = facts.enumValues.filter((value) => keys.has(valueKey(value)));
}

/** A text that is the same for equal JSON values, whatever the order of their keys. */
export function valueKey(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(valueKey).join()}]`;
  if (!isObject(value)) return JSON.stringify(value === 0 ? 0 : value) ?? "null";
  const keys = Object.keys(value).sort();
  return `{${keys.map((key) => `${JSON.stringify(key)}:${valueKey(value[key])}`).join()}}`;
}

function raise(facts: Facts, bound: Bound): void {
  const old = facts.minimum;
  if (!old || bound.value > old.value || (bound.value === old.value && bound.isExclusive)) facts.minimum = bound;
}

function lower(facts: Facts, bound: Bound): void {
  const old = facts.maximum;
  if (!old || bound.value < old.value || (bound.value === old.value && bound.isExclusive)) facts.maximum = bound;
}

const asserting = new Set([
  ...Object.keys(readers),
  ...["properties", "patternProperties", "additionalProperties", "items", "prefixItems", "additionalItems"],
  ...[
    "unevaluatedProperties",
    "unevaluatedItems",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "$ref",
    "$dynamicRef",
    "$recursiveRef",
  ],
  ...["dependentRequired", "dependentSchemas", "dependencies"],
]);

/** Whether a keyword says nothing about the value by itself. */
export const isAnnotation = (keyword: string): boolean => !asserting.has(keyword);

export function isOnlyReference(node: SchemaNode): boolean {
  const schema = schemaOf(node);
  if (schema["$ref"] === undefined || Object.keys(node.made).length > 0) return false;
  return Object.keys(schema).every((keyword) => keyword === "$ref" || isAnnotation(keyword));
}

export const schemaOf = (node: SchemaNode): SchemaObject => (isObject(node.schema) ? node.schema : {});

/** The types that the keyword `type` allows. */
export function bitsOf(value: unknown, node: SchemaNode): number {
  const names = Array.isArray(value) ? value : [value];
  let bits = 0;
  for (const name of names) {
    const known = typeof name === "string" && Object.hasOwn(bitsOfName, name) ? bitsOfName[name] : undefined;
    if (known === undefined) {
      const found = typeof name === "string" ? excerpt(name) : typeOf(name);
      throw schemaError(`type has an unknown name, ${found}`, { parent: node.path, key: "type" });
    }
    bits |= known;
  }
  return bits;
}

function wrong(keyword: string, expected: string, value: unknown, node: SchemaNode) {
  return schemaError(`${keyword} has to be ${expected}, not ${typeOf(value)}`, { parent: node.path, key: keyword });
}

function numberOf(keyword: string, value: unknown, node: SchemaNode): number {
  if (typeof value !== "number" || !Number.isFinite(value)) throw wrong(keyword, "a number", value, node);
  return value;
}

function countOf(keyword: string, value: unknown, node: SchemaNode): number {
  const count = numberOf(keyword, value, node);
  if (count < 0 || !Number.isInteger(count)) throw wrong(keyword, "a whole number from 0", value, node);
  return count;
}

function namesOf(keyword: string, value: unknown, node: SchemaNode): readonly string[] {
  if (!Array.isArray(value)) throw wrong(keyword, "a list of names", value, node);
  for (const name of value) if (typeof name !== "string") throw wrong(keyword, "a list of names", name, node);
  return value as string[];
}
