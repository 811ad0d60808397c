// Errors of the API → errors of the command line: they name flags instead of options.
import { asCamelGPTError, CamelGPTError } from "../../../web/errors.js";
import { type Command, UsageError } from "./command.js";
import { optionFlags } from "./help.js";
import { megabytes } from "./pull/units.js";

/** Returns the error of a command. The errors of the command line itself name flags already. */
export function errorOf(error: unknown, command: Command | undefined): CamelGPTError {
  const known = asCamelGPTError(error);
  return command && !(known instanceof UsageError) ? namingFlags(known, optionFlags(command)) : known;
}

/** An error in one line. */
export function errorLine({ message, expected, found, hint }: CamelGPTError): string {
  const details = [expected && `expected ${expected}`, found && `found ${found}`].filter(Boolean);
  const line = [message, details.length > 0 && `(${details.join(", ")})`, hint].filter(Boolean).join(" ");
  return withUnits(line.replace(/\s+/g, " "));
}

const listed = "`?\\w+`?(?:(?:, | and | or )`?\\w+`?)*";
const listOfOptions = new RegExp(`\\b(?:load )?option(s?) (${listed})`, "g");

/**
 * Returns the error with the flag of each option that a message names. Only a name that is no word of English (`topK`,
 * `sha256`), stands in backticks, or follows "option" is the name of an option.
 */
export function namingFlags(error: CamelGPTError, flags: ReadonlyMap<string, string>): CamelGPTError {
  return new CamelGPTError(error.code, inFlags(error.message, flags), {
    expected: error.expected && inFlags(error.expected, flags),
    found: error.found,
    hint: error.hint && inFlags(error.hint, flags),
    cause: error.cause,
  });
}

function inFlags(text: string, flags: ReadonlyMap<string, string>): string {
  const flagOf = (name: string) => flags.get(name.replaceAll("`", ""));
  return text
    .replace(listOfOptions, (whole, plural: string, list: string) => {
      const named = list.replace(/`?\w+`?/g, (name) => flagOf(name) ?? name);
      if (named === list) return whole;
      return plural ? `options ${named}` : `option ${named}`;
    })
    .replace(/`\w+`/g, (name) => flagOf(name) ?? name)
    .replace(/(?<![\w./\\-])[a-z]+[A-Z0-9]\w*(?![\w(/\\-]|\.\w)/g, (name) => flagOf(name) ?? name)
    .replace(/\b(?:[Tt]he )?option (?=--)/g, "");
}

/** "48362432 bytes" → "48.4 MB". */
export function withUnits(text: string): string {
  return text.replace(/(?<![\d.])(\d{5,}) bytes\b/g, (_, digits: string) => megabytes(Number(digits)));
}
