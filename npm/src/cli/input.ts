// The inputs of a command, from the command line, a file or standard input.
import { readFile } from "node:fs/promises";

import { CamelGPTError, describe } from "../../../web/errors.js";
import { type Flags, UsageError } from "./command.js";

/** Returns the text of a flag or of the only argument; `-` is standard input. Errors: UsageError if there is none. */
export async function textArgument(flags: Flags, name: string): Promise<string> {
  const [positional, ...more] = flags.positionals;
  const named = flags.text(name);
  if (more.length > 0 || (named !== undefined && positional !== undefined)) {
    throw new UsageError(`There is more than one ${name}.`, "Put quotes around a text with spaces.");
  }
  const text = named ?? positional;
  if (text === undefined)
    throw new UsageError(`The ${name} is missing.`, `Give it with --${name}, or as "-" from standard input.`);
  return text === "-" ? readAll() : text;
}

/** A flag for a file of texts. */
export const linesFlag = {
  takes: "text",
  value: "F",
  help: "A file with a text in each line; - reads standard input.",
} as const;

/** Returns the texts of a flag that can be repeated, of the other arguments, and of the lines of a file. */
export async function textsArgument(flags: Flags): Promise<string[]> {
  const file = flags.text("lines");
  const lines = file === undefined ? [] : (await readText(file)).split(/\r?\n/).filter((line) => line.trim() !== "");
  const texts = [...flags.texts("text"), ...flags.positionals];
  const all = [...(await Promise.all(texts.map((text) => (text === "-" ? readAll() : text)))), ...lines];
  if (all.length === 0) {
    throw new UsageError(
      "The text is missing.",
      "Give it with --text, or a file with a text in each line with --lines.",
    );
  }
  return all;
}

/** Reads a UTF-8 file; `-` is standard input. Errors: `not-found`, `read-failed`, `bad-input`. */
export async function readText(path: string): Promise<string> {
  return path === "-" ? readAll() : decode(await readBytes(path, "a text file"), path);
}

/** Errors: `not-found`, `read-failed`. `expected` describes the file in messages. */
export async function readBytes(path: string, expected: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw new CamelGPTError(missing ? "not-found" : "read-failed", `${path} cannot be read: ${describe(error)}`, {
      expected,
      cause: error,
    });
  }
}

async function readAll(): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Uint8Array);
  return decode(Buffer.concat(chunks), "standard input");
}

function decode(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new CamelGPTError("bad-input", `${name} is not UTF-8 text.`, {
      expected: "UTF-8",
      hint: "Convert it, for example with iconv -t UTF-8.",
      cause: error,
    });
  }
}
