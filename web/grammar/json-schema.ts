// JSON schemas as grammars: the entry of this folder for structured answers.
import { CamelGPTError } from "../errors.js";
import type { GrammarNote } from "./compilation.js";
import { newRule, writeRules } from "./gbnf.js";
import { JsonRules, type Whitespace } from "./json-text.js";
import { type GrammarRules, type RulesOptions, withRoot } from "./regex.js";
import { TooComplex } from "./regular.js";
import { SchemaCompiler } from "./schema-compiler.js";
import { type JsonSchema, schemaError } from "./schema-document.js";

export {
  choiceGrammar,
  type GrammarRules,
  quote,
  regexGrammar,
  regexRules,
  type RulesOptions,
  textWithout,
  withRoot,
} from "./regex.js";
export type { GrammarNote, JsonSchema, Whitespace };

export interface SchemaRulesOptions extends RulesOptions {
  /** false: keywords that are not supported are left out, with a note each. @default true */
  strict?: boolean | undefined;
  /** @default "flexible" */
  whitespace?: Whitespace | undefined;
}

/**
 * The JSON texts that a schema (draft 2020-12) allows: the properties in the order of the schema, with whitespace that
 * is bounded. Errors: `bad-schema` for wrong schemas, keywords that are not supported (unless `strict` is false),
 * schemas that allow nothing, and those that become too large; each names its place.
 */
export function schemaRules(
  schema: JsonSchema,
  options: SchemaRulesOptions = {},
): GrammarRules & { notes: GrammarNote[] } {
  const { prefix = "", strict = true, whitespace = "flexible" } = options;
  const compiler = new SchemaCompiler(schema, whitespace, strict);
  const { isEmpty, ...written } = inSchema(() => writeRules(compiler.compile(), prefix));
  if (isEmpty) throw schemaError("The schema allows no value: an empty language", undefined);
  return { ...written, notes: compiler.notes };
}

/** {@link schemaRules} as a whole grammar. */
export function schemaGrammar(
  schema: JsonSchema,
  options: SchemaRulesOptions = {},
): { grammar: string; notes: GrammarNote[] } {
  const { notes, ...rules } = schemaRules(schema, options);
  return { grammar: withRoot(rules), notes };
}

/** Any JSON value. */
export function anyJsonRules({ prefix = "", whitespace = "flexible" }: SchemaRulesOptions = {}): GrammarRules {
  const { root, rules } = writeRules(newRule("json", new JsonRules(whitespace).value), prefix);
  return { root, rules };
}

/** Any JSON object: the answer to `{ type: "json" }` without a schema. */
export function anyJsonObjectRules({ prefix = "", whitespace = "flexible" }: SchemaRulesOptions = {}): GrammarRules {
  const { root, rules } = writeRules(newRule("json", new JsonRules(whitespace).object), prefix);
  return { root, rules };
}

/** The error of a grammar that becomes too large is one of the schema here. */
function inSchema<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof TooComplex) throw schemaError("The schema becomes too large", undefined);
    if (!(error instanceof CamelGPTError) || error.code !== "bad-grammar") throw error;
    const { message, expected, found, hint } = error;
    throw new CamelGPTError("bad-schema", message, { expected, found, hint });
  }
}
