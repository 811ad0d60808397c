// Options of an answer in a conversation, and of chat sessions.
import type { ResponseFormat } from "../../../web/types.js";
import { checkOptions, flag, isRecord, oneOf, ofType, type Rule, text } from "../check-options.js";
import type { Reasoning, TemplateSettings } from "../chat/template-settings.js";
import type { ToolOptions } from "../tools/tool.js";
import { answerRules, type GenerateOptions } from "./generate.js";
import { integer } from "./rules.js";

/**
 * Options of one answer in a conversation. The sampling options have the defaults of {@link ModelInfo.sampling}; at a
 * `temperature` of 0 they have those of a generation, so that the answer is exact.
 */
export interface ChatOptions<F extends ResponseFormat = ResponseFormat>
  extends Omit<GenerateOptions<F>, "addSpecial" | "parseSpecial" | "echo" | "suffix">,
    ToolOptions {
  /**
   * A Jinja template that replaces the model's own.
   * @default the template in the model's file
   */
  chatTemplate?: string;
  /**
   * Variables of the chat template besides the messages: `enable_thinking`, `date_string`, `custom_tools` and whatever
   * else the model's template reads. Values are plain data. Texts in them count as text of the messages: control tokens
   * that they spell are text.
   */
  templateOptions?: Readonly<Record<string, unknown>>;
  /**
   * Texts that the answer is to be based on, in the form that the model's template reads, such as
   * `{ title, text }` or `{ doc_id, text }`. Templates that know no documents ignore them, with a note in
   * `info().engine.notes`.
   */
  documents?: readonly Readonly<Record<string, unknown>>[];
  /**
   * The last message is the assistant's, and the answer continues it. The text of the result is only what is new.
   * @default false
   */
  continueFinalMessage?: boolean;
  /**
   * How much a reasoning model reasons before it answers: `"none"`, `"low"`, `"medium"`, `"high"`, or at most
   * `{ budget }` tokens. `maxTokens` counts the reasoning too; if it is not given, 256 tokens for the text are added to
   * those for the reasoning. Models that do not reason ignore it.
   * @default as the model's template says; then up to 2,048 tokens of reasoning
   */
  reasoning?: Reasoning;
}

function isReasoning(value: unknown): boolean {
  if (!isRecord(value)) return ["none", "low", "medium", "high"].includes(value as string);
  const { budget, ...others } = value;
  return Number.isSafeInteger(budget) && (budget as number) >= 0 && Object.keys(others).length === 0;
}

/** The tools themselves are checked by the code that is loaded for them. */
const toolRules = {
  tools: ofType("an array of tools", Array.isArray),
  toolChoice: ofType('"auto", "none", "required" or { name: the name of a tool }', isToolChoice),
  parallelToolCalls: flag,
  maxSteps: integer(1, 1000),
};

function isToolChoice(value: unknown): boolean {
  if (isRecord(value)) return typeof value["name"] === "string";
  return ["auto", "none", "required"].includes(value as string);
}

const templateRules = {
  chatTemplate: text,
  templateOptions: ofType("an object with variables of the chat template", isRecord),
  documents: ofType("an array of objects", (value) => Array.isArray(value) && value.every(isRecord)),
  continueFinalMessage: flag,
  reasoning: ofType('"none", "low", "medium", "high" or { budget: tokens }', isReasoning),
};

/** Separates the options of the template from those of the generation. Errors: `bad-option`. */
export function splitChatOptions(options: ChatOptions | undefined): {
  settings: TemplateSettings;
  rest: GenerateOptions;
} {
  const checked = checkOptions("chat", options, { ...answerRules, ...templateRules, ...toolRules });
  const { chatTemplate: template, templateOptions, documents, continueFinalMessage, reasoning, ...others } = checked;
  const { tools, toolChoice, parallelToolCalls, maxSteps, ...rest } = others;
  const toolOptions = (tools || toolChoice) && { tools, toolChoice, parallelToolCalls, maxSteps };
  return { settings: { template, templateOptions, documents, continueFinalMessage, reasoning, toolOptions }, rest };
}

const { signal: _signal, ...sessionAnswerRules } = answerRules;
const { continueFinalMessage: _continue, ...sessionTemplateRules } = templateRules;
const sessionRules: Record<string, Rule> = {
  ...sessionAnswerRules,
  ...sessionTemplateRules,
  ...toolRules,
  system: text,
  history: ofType("an array of messages", Array.isArray),
  overflow: oneOf("drop-oldest", "error"),
  onDrop: ofType("a function", (value) => typeof value === "function"),
};

/** Errors: `bad-option`. */
export function checkSessionOptions<T extends object>(options: T | undefined): T {
  return checkOptions("chat session", options, sessionRules);
}
