// A schema whose objects have the declared properties only: models are not to invent arguments.
import type { JsonSchema } from "../../../web/grammar/json-schema.js";
import { isRecord } from "../check-options.js";

/** Keywords that can declare properties elsewhere. */
const open = [
  "additionalProperties",
  "patternProperties",
  "propertyNames",
  "unevaluatedProperties",
  "minProperties",
  "dependentSchemas",
  "dependentRequired",
  "allOf",
  "anyOf",
  "oneOf",
  "not",
  "if",
  "$ref",
  "$dynamicRef",
];
const maps = ["properties", "$defs", "definitions"];
const lists = ["anyOf", "oneOf", "prefixItems"];

/** Deeper schemas are refused when a grammar is made of them. */
const maxDepth = 1000;

/**
 * Closes each object that declares properties and says nothing about others. A value of the result is also one of the
 * given schema.
 */
export function closedSchema(schema: JsonSchema, depth = 0): JsonSchema {
  if (!isRecord(schema) || depth > maxDepth) return schema;
  const inner = (each: unknown) => closedSchema(each as JsonSchema, depth + 1);
  const closed = Object.fromEntries(
    Object.entries(schema).map(([keyword, value]) => {
      if (maps.includes(keyword) && isRecord(value)) {
        return [keyword, Object.fromEntries(Object.entries(value).map(([name, each]) => [name, inner(each)]))];
      }
      if (lists.includes(keyword) && Array.isArray(value)) return [keyword, value.map(inner)];
      return [keyword, keyword === "items" ? inner(value) : value];
    }),
  );
  const { properties, required } = schema;
  const isDeclared = (name: unknown) => isRecord(properties) && Object.hasOwn(properties, String(name));
  const isClosable =
    isRecord(properties) &&
    !open.some((keyword) => Object.hasOwn(schema, keyword)) &&
    (!Array.isArray(required) || required.every(isDeclared));
  return isClosable ? { ...closed, additionalProperties: false } : closed;
}
