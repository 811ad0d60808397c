// The input of a prompt → messages of a chat. The rules are those of the specification's "validate and canonicalize a
// prompt".
import type { JsonSchema } from "../../../web/grammar/json-schema.js";
import { closedSchema } from "../tools/closed-schema.js";
import { wellFormed } from "../tools/well-formed.js";
import type { ResponseFormat } from "../../../web/types.js";
import type { ChatMessage } from "../../../web/text/messages.js";
import { isRecord, tagOf } from "../check-options.js";
import { notSupported } from "./errors.js";
import type { PromptInput, PromptOptions } from "./types.js";

/** A checked prompt. */
export interface CheckedInput {
  messages: ChatMessage[];
  /** Whether the answer continues the last message. */
  isPrefix: boolean;
}

/**
 * `isFirst`: whether the session has no message yet, so that a system text may begin it.
 * Throws TypeError, and DOMExceptions with the names NotSupportedError and SyntaxError.
 */
export function checkInput(input: PromptInput, isFirst: boolean): CheckedInput {
  if (typeof input === "string" || !isIterable(input)) {
    return { messages: [{ role: "user", content: wellFormed(String(input)) }], isPrefix: false };
  }
  const given = [...input] as unknown[];
  if (given.length === 0) return { messages: [{ role: "user", content: "" }], isPrefix: false };
  let isPrefix = false;
  const messages = given.map((message, i): ChatMessage => {
    if (!isRecord(message)) throw new TypeError("A message is not an object.");
    const { role, content, prefix } = message;
    if (role !== "system" && role !== "user" && role !== "assistant")
      throw new TypeError(`The role ${JSON.stringify(role)} is not one of system, user, assistant.`);
    if (prefix) {
      if (role !== "assistant" || i < given.length - 1)
        throw new DOMException("Only the last message, of the role assistant, can be a prefix.", "SyntaxError");
      isPrefix = true;
    }
    if (role === "system" && (i > 0 || !isFirst))
      throw new TypeError("A system message is possible only at the beginning of a session.");
    return { role, content: textOf(content, role) };
  });
  return { messages, isPrefix };
}

function textOf(content: unknown, role: string): string {
  if (typeof content === "string") return wellFormed(content);
  if (!isIterable(content)) throw new TypeError("The content of a message is neither a string nor an array.");
  return [...content]
    .map((part: unknown) => {
      const { type, value } = isRecord(part) ? part : {};
      if (type !== "text")
        throw notSupported(`Content of the type ${JSON.stringify(type)} (${role}) is not supported.`);
      if (typeof value !== "string") throw new TypeError("The value of a content of the type text is not a string.");
      return wellFormed(value);
    })
    .join("");
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.iterator in value;
}

/** The format of a constraint, and the text that tells the model about it. Throws TypeError. */
export function constraintOf(options: PromptOptions): { format?: ResponseFormat; instruction?: string } {
  const { responseConstraint: constraint, omitResponseConstraintInput: omits = false } = options;
  if (constraint === undefined || constraint === null) {
    if (omits) throw new TypeError("omitResponseConstraintInput needs a responseConstraint.");
    return {};
  }
  const isRegExp = tagOf(constraint) === "RegExp";
  if (!isRegExp && !isRecord(constraint))
    throw new TypeError("The responseConstraint is neither a JSON schema nor a RegExp.");
  const instruction = isRegExp
    ? `Answer with a text that matches the regular expression ${String(constraint)}.`
    : `Answer with JSON that matches this schema: ${JSON.stringify(constraint)}`;
  const format: ResponseFormat = isRegExp
    ? { type: "regex", pattern: constraint as RegExp }
    : { type: "json", schema: closedSchema(constraint as JsonSchema), strict: true };
  return { format, ...(!omits && { instruction }) };
}

/** Adds a text to the last message of the user. */
export function withInstruction(messages: readonly ChatMessage[], instruction: string | undefined): ChatMessage[] {
  const last = messages.findLastIndex(({ role }) => role === "user");
  return messages.map((message, i) =>
    instruction !== undefined && i === last
      ? { ...message, content: `${String(message.content)}\n\n${instruction}` }
      : message,
  );
}
