// A Standard Schema → a JSON schema that a grammar can be made from.
import { CamelGPTError, describe } from "../../../web/errors.js";
import { type JsonSchema, schemaGrammar } from "../../../web/grammar/json-schema.js";
import type { StandardSchema } from "../../../web/types.js";
import { isRecord } from "../check-options.js";

export function isStandardSchema(value: unknown): value is StandardSchema {
  const isObject = (typeof value === "object" && value !== null) || typeof value === "function";
  return isObject && "~standard" in value && isRecord(value["~standard"]);
}

const converted = new WeakMap<object, JsonSchema>();

/** Returns the JSON schema of the values that the schema takes. Errors: `bad-schema`. */
export function jsonSchemaOf(schema: StandardSchema): JsonSchema {
  const known = converted.get(schema);
  if (known !== undefined) return known;
  const made = expressible(convert(schema)) as JsonSchema;
  converted.set(schema, made);
  return made;
}

function convert(schema: StandardSchema): unknown {
  const { vendor, jsonSchema } = schema["~standard"];
  try {
    // The model writes the input of the schema, which validates it.
    if (jsonSchema) return jsonSchema.input({ target: "draft-2020-12" });
    const { toJsonSchema, toJSONSchema } = schema as { toJsonSchema?: unknown; toJSONSchema?: unknown };
    if (typeof toJsonSchema === "function") return toJsonSchema.call(schema); // ArkType
    if (typeof toJSONSchema === "function") return toJSONSchema.call(schema, { io: "input" }); // zod
  } catch (error) {
    throw new CamelGPTError("bad-schema", `The ${vendor} schema has no JSON schema: ${describe(error)}`, {
      hint: "Leave out what JSON cannot express, such as dates, or pass a JSON schema.",
      cause: error,
    });
  }
  throw new CamelGPTError("bad-schema", `This version of ${vendor} does not convert its schemas to JSON schemas.`, {
    expected: "a schema with ~standard.jsonSchema",
    found: "a schema that can only validate",
    hint: `Update ${vendor}, or pass the JSON schema that it converts to (valibot: @valibot/to-json-schema).`,
  });
}

/** Keywords whose values are data. */
const dataKeywords = new Set(["const", "enum", "default", "examples"]);

/**
 * Adapts the schema to the writing of values. Of a format and its pattern the one that is harder to enforce is removed,
 * and so is the condition that names of properties are texts. Objects get no properties that the schema does not name,
 * which libraries drop, except for the parts of an intersection, whose names are in the others.
 */
function expressible(schema: unknown, isPart = false): unknown {
  if (Array.isArray(schema)) return schema.map((each) => expressible(each, isPart));
  if (!isRecord(schema)) return schema;
  const entries = Object.entries(schema).filter(([keyword, value]) => {
    if (keyword === "format" && typeof schema["pattern"] === "string") return !isRegular(schema["pattern"]);
    if (keyword === "pattern" && typeof schema["format"] === "string") return isRegular(value);
    return keyword !== "propertyNames" || !isAnyText(value);
  });
  const isOpen = schema["type"] === "object" && isRecord(schema["properties"]) && !isPart;
  const isEmail = schema["format"] === "email" && schema["maxLength"] === undefined;
  const adapted = (key: string, value: unknown) => {
    if (dataKeywords.has(key)) return value;
    return key === "pattern" && isEmail ? bounded(value as string) : expressible(value, key === "allOf");
  };
  return {
    ...(isOpen && { additionalProperties: false }),
    ...Object.fromEntries(entries.map(([key, value]) => [key, adapted(key, value)])),
  };
}

/** Limits the repetitions of a pattern without lookarounds, so that a model comes to the end of an address. */
function bounded(pattern: string): string {
  if (/\(\?<?[=!]/.test(pattern)) return pattern;
  // An escape, a class, a repetition without an end of a group or of a character.
  const parts = /\\.|\[(?:\\.|[^\]\\])*\]|(\)?)(?:([*+])|\{(\d+),\})/g;
  return pattern.replace(parts, (whole, group?: string, sign?: string, count?: string) => {
    if (group === undefined) return whole;
    const min = sign === "*" ? 0 : Number(count ?? 1);
    return `${group}{${min},${min + (group ? 4 : 30)}}`;
  });
}

/** Whether a grammar can express the pattern. */
function isRegular(pattern: unknown): boolean {
  if (typeof pattern !== "string") return false;
  try {
    schemaGrammar({ type: "string", pattern });
    return true;
  } catch {
    return false;
  }
}

function isAnyText(schema: unknown): boolean {
  return isRecord(schema) && Object.keys(schema).join() === "type" && schema["type"] === "string";
}
