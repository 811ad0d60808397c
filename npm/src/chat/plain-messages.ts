// Messages as plain data, which can be posted to a worker.
import { CamelGPTError } from "../../../web/errors.js";
import type { ChatMessage } from "../../../web/text/messages.js";
import { copyPlain, plainData } from "../plain-data.js";
import type { TemplateSettings } from "./template-settings.js";

/**
 * Copies the messages, since not every object can be posted: a proxy, as frameworks of user interfaces make them,
 * cannot. Errors: `bad-input` if a message nests too deep or contains a function, a symbol or a bigint.
 */
export function plainMessages(messages: readonly ChatMessage[]): ChatMessage[] {
  return messages.map(
    (message, index) => plain(message, [`Message ${index} of the conversation`, "bad-input"]) as ChatMessage,
  );
}

/** Copies what the template reads besides the messages. Errors: `bad-option`, as for messages. */
export function plainSettings(settings: TemplateSettings): Pick<TemplateSettings, "documents" | "templateOptions"> {
  const { documents, templateOptions } = settings;
  const copy = (name: string, data: unknown) => plain(data, [`The option ${name}`, "bad-option"]);
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

function plain(data: unknown, [what, code]: Place): unknown {
  const refuse = (found: string) =>
    new CamelGPTError(code, `${what} is not plain data.`, { expected: plainData, found });
  const leaf = (value: unknown) => {
    if (["function", "symbol", "bigint"].includes(typeof value)) throw refuse(`a ${typeof value}`);
    return value;
  };
  return copyPlain(data, leaf, refuse);
}
