// The texts that a JSON schema allows, without quotes and escapes, up to a closing marker.
import { CamelGPTError } from "../../../web/errors.js";
import { newRule, oneOf, writeRules } from "../../../web/grammar/gbnf.js";
import { searchLanguage } from "../../../web/grammar/regex-language.js";
import { Regulars, TooComplex } from "../../../web/grammar/regular.js";
import { regularExpression, withLength } from "../../../web/grammar/regular-grammar.js";
import { formatPattern } from "../../../web/grammar/string-format.js";

/** The keywords that restrict a text. */
export const textKeywords = ["enum", "const", "pattern", "format", "minLength", "maxLength"];

/** Returns undefined if the schema cannot be enforced, or allows no text without the stop. */
export function bareTextRules(
  schema: Readonly<Record<string, unknown>>,
  stop: string,
  prefix: string,
): { root: string; rules: string } | undefined {
  const { pattern, format, minLength, maxLength } = schema;
  const values = "const" in schema ? [schema["const"]] : schema["enum"];
  const regulars = new Regulars();
  const stopped = regulars.sequence([regulars.everything, regulars.text(stop), regulars.everything]);
  const parts = [regulars.not(stopped)];
  try {
    if (Array.isArray(values)) parts.push(regulars.choice(values.map((value) => regulars.text(String(value)))));
    if (typeof pattern === "string") parts.push(searchLanguage(regulars, pattern, "u"));
    const formatted = typeof format === "string" ? formatPattern(format) : undefined;
    if (formatted !== undefined) parts.push(searchLanguage(regulars, formatted));
    const [min, max] = [Number(minLength ?? 0), Number(maxLength ?? Infinity)];
    const language = withLength(regulars, regulars.all(parts), min, max);
    const { isEmpty, ...written } = writeRules(
      newRule("text", regularExpression(regulars, language, oneOf, "text")),
      prefix,
    );
    return isEmpty ? undefined : written;
  } catch (error) {
    if (error instanceof TooComplex || (error instanceof CamelGPTError && error.code === "bad-grammar"))
      return undefined;
    throw error;
  }
}
