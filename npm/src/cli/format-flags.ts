// The flags for the format of an answer.
import { CamelGPTError, describe, excerpt } from "../../../web/errors.js";
import type { JsonSchema, ResponseFormat } from "../entry/node.js";
import { prepareFormat } from "../format/prepare-format.js";
import { type Flag, type Flags, UsageError } from "./command.js";
import { readText } from "./input.js";

export const formatFlags: Record<string, Flag> = {
  "json-schema": {
    takes: "text",
    value: "F",
    option: "responseFormat.schema",
    help: "Answer in JSON that is valid by the JSON schema in this file.",
  },
  grammar: {
    takes: "text",
    value: "F",
    option: "responseFormat.grammar",
    help: "Answer with a text of the grammar in this file, in llama.cpp's notation (GBNF).",
  },
  regex: {
    takes: "text",
    value: "PATTERN",
    option: "responseFormat.pattern",
    help: "Answer with a text that as a whole matches this regular expression, in JavaScript's syntax.",
  },
  choice: {
    takes: "text",
    value: "a,b",
    option: "responseFormat.options",
    help: "Answer with one of these texts, separated by commas.",
  },
};

/**
 * Returns the format that the flags ask for, if any, after a check.
 * Errors: UsageError, `not-found`, `read-failed`, `bad-input`, `bad-schema`, `bad-grammar`.
 */
export async function formatOf(flags: Flags): Promise<ResponseFormat | undefined> {
  const given = Object.keys(formatFlags).filter((name) => flags.text(name) !== undefined);
  const [name, other] = given;
  if (name === undefined) return undefined;
  if (other !== undefined) throw new UsageError(`--${name} does not go with --${other}.`, "An answer has one format.");
  const value = flags.text(name) as string;
  const format = await readFormat(name, value);
  const isFile = formatFlags[name]?.value === "F";
  prepareNamed(format, isFile ? value : `--${name}`);
  return format;
}

async function readFormat(name: string, value: string): Promise<ResponseFormat> {
  switch (name) {
    case "json-schema":
      return { type: "json", schema: await readSchema(value) };
    case "grammar":
      return { type: "grammar", grammar: await readText(value) };
    case "regex":
      return { type: "regex", pattern: value };
    default: {
      const options = value.split(",").map((option) => option.trim());
      if (options.includes("")) throw new UsageError("--choice wants texts separated by commas, none of them empty.");
      return { type: "choice", options };
    }
  }
}

async function readSchema(path: string): Promise<JsonSchema> {
  const text = await readText(path);
  let schema: unknown;
  try {
    schema = JSON.parse(text.replace(/^\ufeff/, ""));
  } catch (error) {
    throw new CamelGPTError("bad-schema", `${path} is not JSON: ${describe(error)}`, {
      expected: "a JSON schema",
      found: excerpt(text.slice(0, 40)),
    });
  }
  if (typeof schema === "boolean" || (typeof schema === "object" && schema !== null && !Array.isArray(schema))) {
    return schema as JsonSchema;
  }
  throw new CamelGPTError("bad-schema", `${path} is not a JSON schema.`, {
    expected: "an object, or true",
    found: excerpt(JSON.stringify(schema)),
  });
}

/** Finds errors before the model is loaded, and names the file or flag in them. */
function prepareNamed(format: ResponseFormat, name: string): void {
  try {
    prepareFormat(format);
  } catch (error) {
    if (!(error instanceof CamelGPTError)) throw error;
    const { code, message, expected, found } = error;
    const isStrict = error.hint?.includes("strict: false");
    const hint = isStrict ? "Remove the keyword: a grammar cannot express it." : error.hint;
    throw new CamelGPTError(code, `${name}: ${message}`, { expected, found, hint, cause: error });
  }
}
