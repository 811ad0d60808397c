// A schema whose objects have the declared properties only: models are not to invent arguments.
import type { JsonSchema } from "../../../web/grammar/json-schema.js";
import { isObject } from "./read-call.js";

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

/** Closes each object that declares properties and says nothing about others. It stays valid by the given schema. */
export function closedSchema(schema: JsonSchema): JsonSchema {
  if (!isObject(schema)) return schema;
  const closed: Record<string, unknown> = {};
  for (const [keyword, value] of Object.entries(schema)) {
    if (maps.includes(keyword) && isObject(value)) {
      const entries = Object.entries(value).map(([name, each]) => [name, closedSchema(each as JsonSchema)]);
      closed[keyword] = Object.fromEntries(entries);
    } else if (lists.includes(keyword) && Array.isArray(value)) {
      closed[keyword] = value.map((each) => closedSchema(each as JsonSchema));
    } else if (keyword === "items") closed[keyword] = closedSchema(value as JsonSchema);
    else closed[keyword] = value;
  }
  const { properties, required } = schema;
  const isDeclared = (name: unknown) => isObject(properties) && Object.hasOwn(properties, String(name));
  const isClosable =
    isObject(properties) &&
    !open.some((keyword) => Object.hasOwn(schema, keyword)) &&
    (!Array.isArray(required) || required.every(isDeclared));
  return isClosable ? { ...closed, additionalProperties: false } : closed;
}
