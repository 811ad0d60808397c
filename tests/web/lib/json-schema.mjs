// JSON schemas in tests: the compiler of web/grammar/ with the reference recogniser, and the folder of test data.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { parseGrammar } from "./gbnf.mjs";
import { reorder } from "./reorder.mjs";
import { importSource } from "./source.mjs";

export const grammars = await importSource("web/grammar/json-schema.ts");

/** The recogniser of a schema's grammar. */
export const recogniser = (schema, options) => parseGrammar(grammars.schemaGrammar(schema, options).grammar);

/** The folder of a data set, or undefined: `CAMELGPT_DATA` has it, which is not part of the project. */
export function dataFolder(name) {
  const folder = join(process.env.CAMELGPT_DATA ?? "/nowhere", name);
  return existsSync(folder) ? folder : undefined;
}

export const jsonFiles = (folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .map((name) => ({ name, content: JSON.parse(readFileSync(join(folder, name), "utf8")) }));

/** The texts of an instance that a grammar has to accept one of: keys unchanged, and in the order of the schema. */
export const textsOf = (instance, schema) =>
  [instance, reorder(instance, schema)].map((value) => JSON.stringify(value));

/** A matcher of a schema: `accepts(instance)`. Undefined: the schema is not supported; the reason is in `error`. */
export function compileSchema(schema) {
  try {
    const { grammar } = grammars.schemaGrammar(schema);
    const parsed = parseGrammar(grammar);
    return { grammar, accepts: (instance) => textsOf(instance, schema).some((text) => parsed.accepts(text)) };
  } catch (error) {
    if (error.code !== "bad-schema") throw error;
    // A schema that allows nothing has no grammar, and refuses every instance.
    if (/empty language/.test(error.message)) return { grammar: undefined, accepts: () => false };
    return { error };
  }
}
