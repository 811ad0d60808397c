// A format of an answer → the grammar that the engine follows, and the reader of the answer's value.
import { CamelGPTError, excerpt } from "../../../web/errors.js";
import {
  anyJsonObjectRules,
  choiceGrammar,
  type JsonSchema,
  regexGrammar,
  schemaGrammar,
  withRoot,
} from "../../../web/grammar/json-schema.js";
import type { GenerateParams } from "../../../web/tasks/params.js";
import type { FormatMatch, GenerationResult, ResponseFormat } from "../../../web/types.js";
import { checkOptions, checkText, flag, isRecord, ofType, oneOf, type Rule, tagOf, text } from "../check-options.js";
import type { ModelConnection } from "../model-connection.js";
import { type Limits, refuseAbove } from "../options/limits.js";
import { object } from "../options/rules.js";
import { type Answer, type AnswerValue, readChoice, readJson } from "./read-answer.js";
import { isStandardSchema, jsonSchemaOf } from "./standard-schema.js";

export interface PreparedFormat {
  /** In GBNF; undefined: any text. */
  grammar?: string;
  /** Conditions that the grammar does not enforce. */
  notes: readonly string[];
  /** The value of a finished answer. Does not reject. */
  read(answer: Answer): AnswerValue | Promise<AnswerValue>;
}

type Grammar = Pick<PreparedFormat, "grammar" | "notes">;

const maxKept = 32;
/** Grammars of schemas and regular expressions, by their text; the most recently used ones are last. */
const kept = new Map<string, Grammar>();

const isText = (value: unknown) => text.test(value) && value !== "";
const isPattern = (value: unknown) => tagOf(value) === "RegExp" || text.test(value);
const isChoice = (value: unknown) => Array.isArray(value) && value.length > 0 && value.every(isText);
const isSchema = (value: unknown) =>
  typeof value === "boolean" || (object.test(value) && !Array.isArray(value)) || isStandardSchema(value);

/** The properties of each type of format. */
const rules: Record<ResponseFormat["type"], Record<string, Rule>> = {
  text: {},
  json: {
    schema: ofType("a JSON schema, or a schema of zod or another library with Standard Schema", isSchema),
    strict: flag,
  },
  regex: { pattern: ofType("a regular expression, or its text", isPattern) },
  choice: { options: ofType("an array of texts, none of them empty", isChoice) },
  grammar: { grammar: ofType("a grammar in GBNF", isText) },
};
/** The property that each type of format requires. */
const required: Partial<Record<ResponseFormat["type"], string>> = {
  regex: "pattern",
  choice: "options",
  grammar: "grammar",
};

/** The code of `generateFormatted`. */
export async function generateWith<T extends GenerationResult>(
  limits: Limits | undefined,
  format: ResponseFormat,
  params: GenerateParams,
  run: (params: GenerateParams) => Promise<T>,
): Promise<T> {
  const { grammar, notes, read } = prepareFormat(format, limits);
  const result = await run(grammar === undefined ? params : { ...params, grammar });
  const shown = result.engine.notes;
  shown.push(...notes.filter((note) => !shown.includes(note)));
  return { ...result, ...(await read(result)) };
}

/** Errors: `bad-schema`, `bad-grammar`, `bad-option`, `bad-input`, `aborted`. */
export async function matchFormat(
  model: ModelConnection,
  text: string,
  format: ResponseFormat,
  signal: AbortSignal | undefined,
): Promise<FormatMatch> {
  checkText(text);
  const { grammar } = prepareFormat(format, model.limits);
  if (grammar === undefined) return { state: "complete", at: text.length };
  return model.call("match", { text, grammar }, { signal });
}

/** Errors: `bad-option`, `bad-schema`, `bad-grammar`. The engine reports errors in a grammar's text. */
export function prepareFormat(given: ResponseFormat, limits?: Limits): PreparedFormat {
  const format = checkFormat(given);
  const limit = (text: string) => refuseAbove(limits, "formatLength", text.length);
  switch (format.type) {
    case "text":
      return { notes: [], read: () => ({}) };
    case "grammar":
      limit(format.grammar);
      return { grammar: format.grammar, notes: [], read: () => ({}) };
    case "choice": {
      const { options } = format;
      limit(options.join());
      return { grammar: choiceGrammar(options), notes: [], read: (answer) => readChoice(answer, options) };
    }
    case "regex": {
      const { pattern } = format;
      const [source, flags] = typeof pattern === "string" ? [pattern, ""] : [pattern.source, pattern.flags];
      limit(source);
      const made = once(`/${source}/${flags}`, () => ({ grammar: regexGrammar(source, flags), notes: [] }));
      return { ...made, read: () => ({}) };
    }
    case "json": {
      const { schema, strict } = format;
      if (schema === undefined) {
        const made = once("{}", () => ({ grammar: withRoot(anyJsonObjectRules()), notes: [] }));
        return { ...made, read: (answer) => readJson(answer, undefined) };
      }
      const standard = isStandardSchema(schema) ? schema : undefined;
      // A Standard Schema validates the answer, so what the grammar does not enforce is not ignored.
      const json = standard ? jsonSchemaOf(standard) : (schema as JsonSchema);
      const made = jsonGrammar(json, strict ?? !standard, limit);
      return { ...made, read: (answer) => readJson(answer, standard) };
    }
  }
}

function checkFormat(given: ResponseFormat): ResponseFormat {
  const types = Object.keys(rules);
  const { type } = isRecord(given) ? given : { type: undefined };
  if (!types.includes(type as string)) {
    const isForOpenAI = /^json_(?:object|schema)$/.test(String(type));
    throw new CamelGPTError("bad-option", "The option responseFormat has an unknown type.", {
      expected: oneOf(...types).expected,
      found: typeof type === "string" ? excerpt(type) : "no type",
      hint: isForOpenAI ? 'The same format is { type: "json", schema } here.' : undefined,
    });
  }
  const typeRule = ofType(JSON.stringify(type), (value) => value === type);
  const format = checkOptions("responseFormat", given, { type: typeRule, ...rules[given.type] });
  const name = required[given.type];
  if (name === undefined || name in format) return format;
  throw new CamelGPTError("bad-option", `The option responseFormat lacks \`${name}\`.`, {
    expected: rules[given.type][name]?.expected,
    found: "none",
  });
}

function jsonGrammar(schema: JsonSchema, strict: boolean, limit: (text: string) => void): Grammar {
  let text: string;
  try {
    text = JSON.stringify(schema);
  } catch (error) {
    throw new CamelGPTError("bad-schema", "The schema cannot be written as JSON.", {
      expected: "an object without references to itself, and without BigInt",
      hint: 'A recursive schema refers to its parts with "$ref".',
      cause: error,
    });
  }
  limit(text);
  return once(`${strict ? "strict" : "lax"} ${text}`, () => {
    const { grammar, notes } = schemaGrammar(schema, { strict });
    return { grammar, notes: notes.map(({ path, message }) => `responseFormat, ${path || "the schema"}: ${message}`) };
  });
}

/** Returns the grammar that `make` makes, and keeps it. */
function once(key: string, make: () => Grammar): Grammar {
  const grammar = kept.get(key) ?? make();
  kept.delete(key);
  kept.set(key, grammar);
  if (kept.size > maxKept) kept.delete(kept.keys().next().value as string);
  return grammar;
}
