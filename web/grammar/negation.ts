// The negation of a schema as alternatives that are schemas again, keyword by keyword.
import { anyType, numberBits, typeBits } from "./facts.js";
import { bitsOf, checkDepth, isAnnotation, isOnlyReference, schemaOf } from "./keywords.js";
import {
  type MadeFacts,
  type SchemaDocument,
  type SchemaNode,
  type SchemaObject,
  isObject,
  schemaError,
} from "./schema-document.js";

const known = new WeakMap<SchemaNode, readonly SchemaNode[] | string>();

/**
 * The alternatives that together are the negation of `node`. Errors: `bad-schema` for keywords whose negation is not
 * supported, named with the keyword `where` of `owner`.
 */
export function negationOf(
  node: SchemaNode,
  owner: SchemaNode,
  where: string,
  document: SchemaDocument,
): readonly SchemaNode[] {
  let result = known.get(node);
  if (!result) {
    result = negate(node, document);
    known.set(node, result);
  }
  if (typeof result !== "string") return result;
  throw schemaError(`${where} with ${result} inside is not supported`, { parent: owner.path, key: where });
}

const simpleKeywords = new Set([
  ...["type", "const", "enum", "required", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"],
  ...["minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"],
]);

/** How many alternatives the negation has; infinite if it is not simple, so that no automaton comes of it. */
export function negationSize(node: SchemaNode, document: SchemaDocument, depth = 0): number {
  if (typeof node.schema === "boolean") return node.schema ? 0 : 1;
  if (depth > 3) return Number.POSITIVE_INFINITY;
  if (isOnlyReference(node))
    return negationSize(document.resolve(node, "$ref", schemaOf(node)["$ref"]), document, depth + 1);
  let size = 0;
  for (const [keyword, value] of Object.entries(schemaOf(node))) {
    if (isAnnotation(keyword)) continue;
    if (keyword === "required" && Array.isArray(value)) size += value.length;
    else if (keyword === "properties" && isObject(value)) {
      for (const [name, item] of Object.entries(value)) {
        const inner = negationSize(document.child(node, item, keyword, name), document, depth + 1);
        if (!Number.isFinite(inner)) return inner;
        size += inner > 0 ? 1 : 0;
      }
    } else if (simpleKeywords.has(keyword)) size++;
    else return Number.POSITIVE_INFINITY;
  }
  return size;
}

/** Returns the keyword that cannot be negated, if there is one. */
function negate(node: SchemaNode, document: SchemaDocument): SchemaNode[] | string {
  if (typeof node.schema === "boolean") return node.schema ? [] : [document.derived(node, {})];
  const alternatives: SchemaNode[] = [];
  const add = (types: number, schema: SchemaObject = {}, made: MadeFacts = {}) =>
    alternatives.push(document.derived(node, schema, { types, ...made }));
  for (const [keyword, value] of Object.entries(schemaOf(node))) {
    if (isAnnotation(keyword)) continue;
    const negated = negateKeyword(keyword, value, node, document, add);
    if (!negated) return keyword;
  }
  return alternatives;
}

type Add = (types: number, schema?: SchemaObject, made?: MadeFacts) => void;

function negateKeyword(keyword: string, value: unknown, node: SchemaNode, document: SchemaDocument, add: Add): boolean {
  const { string, array, object } = typeBits;
  switch (keyword) {
    case "type":
      add(anyType & ~bitsOf(value, node));
      return true;
    case "const":
    case "enum":
      checkDepth(value, keyword, node);
      add(anyType, {}, { excluded: keyword === "const" ? [value] : (value as unknown[]) });
      return keyword === "const" || Array.isArray(value);
    case "minimum":
    case "maximum":
      if (typeof schemaOf(node)[keyword === "minimum" ? "exclusiveMinimum" : "exclusiveMaximum"] === "boolean")
        return false;
      add(numberBits, { [keyword === "minimum" ? "exclusiveMaximum" : "exclusiveMinimum"]: value });
      return true;
    case "exclusiveMinimum":
    case "exclusiveMaximum":
      add(numberBits, { [keyword === "exclusiveMinimum" ? "maximum" : "minimum"]: value });
      return typeof value === "number";
    case "minLength":
    case "minItems":
    case "minProperties":
      if (typeof value !== "number" || value <= 0) return value === 0;
      add(typeOfCount(keyword), { [keyword.replace("min", "max")]: value - 1 });
      return true;
    case "maxLength":
    case "maxItems":
    case "maxProperties":
      if (typeof value !== "number") return false;
      add(typeOfCount(keyword), { [keyword.replace("max", "min")]: value + 1 });
      return true;
    case "pattern":
      add(string, {}, { excludedPattern: String(value) });
      return typeof value === "string";
    case "required":
      if (!Array.isArray(value)) return false;
      for (const name of value) add(object, { properties: { [String(name)]: false } });
      return true;
    case "properties":
      if (!isObject(value)) return false;
      for (const [name, item] of Object.entries(value)) {
        document.child(node, item, keyword, name);
        if (item !== true) add(object, { required: [name], properties: { [name]: { not: item } } });
      }
      return true;
    case "items":
      if (Array.isArray(value) || schemaOf(node)["prefixItems"] !== undefined) return false;
      document.child(node, value, keyword);
      add(array, { contains: { not: value } });
      return true;
    case "contains":
      if (schemaOf(node)["minContains"] !== undefined || schemaOf(node)["maxContains"] !== undefined) return false;
      document.child(node, value, keyword);
      add(array, { items: { not: value } });
      return true;
    case "not":
      document.child(node, value, keyword);
      add(anyType, { allOf: [value] });
      return true;
    case "allOf":
      if (!Array.isArray(value)) return false;
      value.forEach((item, i) => {
        document.child(node, item, keyword, String(i));
        add(anyType, { not: item });
      });
      return true;
    case "anyOf":
      if (!Array.isArray(value)) return false;
      value.forEach((item, i) => document.child(node, item, keyword, String(i)));
      add(anyType, { allOf: value.map((item) => ({ not: item })) });
      return true;
    case "$ref":
      add(anyType, { not: document.resolve(node, keyword, value).schema });
      return true;
    default:
      return false;
  }
}

function typeOfCount(keyword: string): number {
  if (keyword.endsWith("Length")) return typeBits.string;
  return keyword.endsWith("Items") ? typeBits.array : typeBits.object;
}
