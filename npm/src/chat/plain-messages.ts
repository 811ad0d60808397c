// Messages as plain data, which can be posted to a worker.
import { CamelGPTError } from "../../../web/errors.js";
import type { ChatMessage } from "../../../web/text/messages.js";
import type { TemplateSettings } from "./template-settings.js";

const maxNesting = 100;

/**
 * Copies the messages, since not every object can be posted: a proxy, as frameworks of user interfaces make them,
 * cannot. Errors: `bad-input` if a message nests too deep or contains a function, a symbol or a bigint.
 */
export function plainMessages(messages: readonly ChatMessage[]): ChatMessage[] {
  return messages.map(
    (message, index) => plain(message, [`Message ${index} of the conversation`, "bad-input"], 0) as ChatMessage,
  );
}

/** Copies what the template reads besides the messages. Errors: `bad-option`, as for messages. */
export function plainSettings(settings: TemplateSettings): Pick<TemplateSettings, "documents" | "templateOptions"> {
  const { documents, templateOptions } = settings;
  const copy = (name: string, data: unknown) => plain(data, [`The option ${name}`, "bad-option"], 0);
  for (const name of Object.keys(templateOptions ?? {})) {
    if (!Object.hasOwn(ownOptions, name)) continue;
    throw new CamelGPTError("bad-option", `The option templateOptions cannot set ${name}.`, {
      hint: `Use ${ownOptions[name]}.`,
    });
  }
  return {
    documents: copy("documents", documents) as TemplateSettings["documents"],
    templateOptions: copy("templateOptions", templateOptions) as TemplateSettings["templateOptions"],
  };
}

/** Variables of templates that have options or arguments of their own. */
const ownOptions: Readonly<Record<string, string>> = {
  messages: "the messages of the call",
  tools: "the option `tools`",
  documents: "the option `documents`",
  add_generation_prompt: "the option `continueFinalMessage`",
};

/** The subject of a message about data at fault, and the code of the error. */
type Place = readonly [what: string, code: "bad-input" | "bad-option"];

function plain(data: unknown, place: Place, depth: number): unknown {
  if (["function", "symbol", "bigint"].includes(typeof data)) throw notPlain(place, `a ${typeof data}`);
  if (typeof data !== "object" || data === null) return data;
  if (depth > maxNesting) throw notPlain(place, `more than ${maxNesting} levels of objects`);
  if (Array.isArray(data)) return data.map((item) => plain(item, place, depth + 1));
  const fields = Object.entries(data).filter(([, value]) => value !== undefined);
  return Object.fromEntries(fields.map(([key, value]) => [key, plain(value, place, depth + 1)]));
}

function notPlain([what, code]: Place, found: string): CamelGPTError {
  return new CamelGPTError(code, `${what} is not plain data.`, {
    expected: "objects, arrays, strings, numbers, booleans and null",
    found,
  });
}
