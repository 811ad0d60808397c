// The JSON text of a call → its name and arguments, or what is wrong with it.
import { describe } from "../../../web/errors.js";
import { isRecord } from "../check-options.js";
import type { JsonText } from "./source.js";

/** A call as a parser reads it, before it has an id. */
export interface ReadCall {
  name: string;
  argumentsText: string;
  arguments?: Record<string, unknown>;
  error?: string;
}

/** Deeper arguments are an error: no tool needs them, and code that walks them may not expect them. */
const maxDepth = 64;
const nameKeys = ["name", "tool_name", "function_name", "function"];
const argumentsKeys = ["arguments", "parameters", "args"];

/** A call whose arguments have been read from another notation than JSON. */
export function callWith(name: string, values: ReadonlyMap<string, unknown>): ReadCall {
  const read = Object.fromEntries(values);
  return withArguments(name, JSON.stringify(read), read);
}

/** A call whose arguments are a JSON object. */
export function callOf(name: string, json: JsonText): ReadCall {
  const argumentsText = json.text.trim();
  if (!json.isComplete) return { name, argumentsText, error: "The answer ended within the arguments." };
  if (argumentsText === "") return { name, argumentsText: "{}", arguments: {} };
  try {
    return withArguments(name, argumentsText, JSON.parse(argumentsText));
  } catch (error) {
    return { name, argumentsText, error: notJson(error) };
  }
}

/**
 * A call that is one JSON object with the name and the arguments; `keys` says how the family names them. Other common
 * keys are read too. Missing if the text is valid JSON without a name.
 */
export function callOfObject(json: JsonText): ReadCall | undefined {
  const { text, isComplete } = json;
  const guess = () => {
    const [name, argumentsText] = partsOf(text);
    return { name, argumentsText };
  };
  if (!isComplete) return { ...guess(), error: "The answer ended within the call." };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { ...guess(), error: notJson(error) };
  }
  if (isDeeper(value, maxDepth + 2)) return { ...guess(), error: tooDeep };
  return callOfValue(value, text);
}

function callOfValue(value: unknown, text: string): ReadCall | undefined {
  if (!isRecord(value)) return undefined;
  const nested = value["function"];
  if (isRecord(nested)) return callOfValue(nested, memberText(text, "function") ?? JSON.stringify(nested));
  const nameKey = nameKeys.find((key) => typeof value[key] === "string");
  if (nameKey === undefined) return callByKey(value, text);
  const name = String(value[nameKey]);
  const key = argumentsKeys.find((each) => value[each] !== undefined);
  if (key === undefined) return { name, argumentsText: "{}", arguments: {} };
  return withArguments(name, memberText(text, key) ?? JSON.stringify(value[key]), value[key]);
}

/** `{"name": {arguments}}`. */
function callByKey(value: Record<string, unknown>, text: string): ReadCall | undefined {
  const [[name, content] = ["", undefined], ...others] = Object.entries(value);
  if (others.length > 0 || !isRecord(content)) return undefined;
  return withArguments(name, memberText(text, name) ?? JSON.stringify(content), content);
}

/** Some models write the arguments as a text that contains JSON. */
function withArguments(name: string, argumentsText: string, value: unknown): ReadCall {
  if (typeof value === "string") {
    try {
      const inner: unknown = JSON.parse(value);
      if (isRecord(inner)) return withArguments(name, value, inner);
    } catch {
      // An ordinary text, which is an error below.
    }
  }
  if (value === null) return { name, argumentsText: "{}", arguments: {} };
  if (isRecord(value)) {
    if (isDeeper(value, maxDepth)) return { name, argumentsText, error: tooDeep };
    if (loneSurrogate.test(JSON.stringify(value))) {
      return { name, argumentsText, error: "The arguments are not valid Unicode." };
    }
    return { name, argumentsText, arguments: value };
  }
  return { name, argumentsText, error: "The arguments are not an object." };
}

/** The name and the arguments of a call that is not JSON, as far as they can be told. */
function partsOf(text: string): [name: string, argumentsText: string] {
  const name = /"(?:tool_|function_)?name"\s*:\s*"([^"\\]*)"/.exec(text)?.[1] ?? "";
  const rest = /"(?:arguments|parameters|args)"\s*:\s*/.exec(text);
  return [name, rest ? text.slice(rest.index + rest[0].length) : text];
}

/** The text of the value of a key of an object in valid JSON. */
export function memberText(text: string, wanted: string): string | undefined {
  let found: string | undefined;
  let [depth, key, from] = [0, "", -1];
  for (let at = 0; at < text.length; at++) {
    const unit = text.charAt(at);
    if (unit === '"') {
      const start = at;
      for (at++; text.charAt(at) !== '"'; at++) if (text.charAt(at) === "\\") at++;
      if (depth === 1 && from < 0) key = text.slice(start, at + 1);
    } else if (unit === "{" || unit === "[") {
      depth++;
    } else if (depth === 1 && unit === ":" && from < 0) {
      from = at + 1;
    } else if (unit === "}" || unit === "]" || (unit === "," && depth === 1)) {
      if (depth === 1 && from >= 0) {
        if (JSON.parse(key) === wanted) found = text.slice(from, at).trim(); // the last one counts, as in JSON.parse
        from = -1;
      }
      if (unit !== ",") depth--;
    }
  }
  return found;
}

/** Whether arrays and objects nest in more levels. */
function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((each) => isDeeper(each, levels - 1));
}

/** JSON.stringify escapes halves of surrogate pairs. */
const loneSurrogate = /(?<!\\)(?:\\\\)*\\u[dD][89a-fA-F]/;
const tooDeep = `The arguments nest more than ${maxDepth} levels deep.`;
const notJson = (error: unknown) => `The arguments are not JSON: ${describe(error).slice(0, 200)}`;
