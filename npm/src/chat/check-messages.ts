// Checks the messages of a conversation before a template receives them.
import { CamelGPTError, excerpt } from "../../../web/errors.js";
import { type ChatMessage, type ChatToolCall, contentText } from "../../../web/text/messages.js";
import { checkText, isRecord } from "../check-options.js";
import { type Limits, refuseAbove } from "../options.js";

/** Errors: `bad-input` if there are no messages, or if a field of one is not of its type. */
export function checkMessages(messages: unknown, limits: Limits | undefined): void {
  if (!Array.isArray(messages) || messages.length === 0) {
    throw new CamelGPTError("bad-input", "The conversation has no messages.", {
      expected: 'an array such as [{ role: "user", content: "Hello" }]',
      found: Array.isArray(messages) ? "an empty array" : messages === null ? "null" : typeof messages,
    });
  }
  refuseAbove(limits, "messages", messages.length, "bad-input");
  messages.forEach((message: unknown, index) => {
    const { role, content } = (message ?? {}) as { role?: unknown; content?: unknown };
    if (typeof role !== "string" || !isContent(content)) {
      throw new CamelGPTError("bad-input", `Message ${index} of the conversation is incomplete.`, {
        expected: '`role`, a string, and `content`, a string, null or parts with `type` "text"',
        found: excerpt(foreignPart(content) ?? jsonOf(message)),
      });
    }
    checkText(role);
    checkText(contentText(message as ChatMessage));
    checkFields(message as Record<string, unknown>, index);
  });
}

/** Checks the optional fields of a message. Null counts as missing. */
function checkFields(message: Record<string, unknown>, index: number): void {
  for (const name of ["name", "tool_call_id", "reasoning_content"]) {
    const value = message[name] ?? undefined;
    if (value === undefined) continue;
    if (typeof value !== "string") throw badField(index, name, "a text", value);
    checkText(value);
  }
  const calls = message["tool_calls"] ?? undefined;
  if (calls === undefined) return;
  const expected = "an array of { id, type, function: { name, arguments } }, with arguments as JSON or as an object";
  if (!Array.isArray(calls)) throw badField(index, "tool_calls", expected, calls);
  for (const call of calls as unknown[]) {
    if (!isCall(call)) throw badField(index, "tool_calls", expected, call);
    checkText(call.function.name);
    if (typeof call.function.arguments === "string") checkText(call.function.arguments);
  }
}

function isCall(call: unknown): call is ChatToolCall {
  if (!isRecord(call) || !isRecord(call["function"])) return false;
  const { name, arguments: given } = call["function"];
  const isId = ["string", "undefined"].includes(typeof (call["id"] ?? undefined));
  return isId && typeof name === "string" && (given == null || typeof given === "string" || isRecord(given));
}

function badField(index: number, name: string, expected: string, value: unknown): CamelGPTError {
  return new CamelGPTError("bad-input", `The field ${name} of message ${index} is not valid.`, {
    expected,
    found: isRecord(value) ? `an object with ${excerpt(Object.keys(value).join(", "))}` : excerpt(String(value)),
  });
}

const isTextPart = (part: unknown): boolean =>
  isRecord(part) && part["type"] === "text" && typeof part["text"] === "string";

function isContent(content: unknown): boolean {
  if (content === null || content === undefined || typeof content === "string") return true;
  return Array.isArray(content) && content.every(isTextPart);
}

/** The message as JSON, or a name for one that JSON cannot express. */
function jsonOf(message: unknown): string {
  try {
    return JSON.stringify(message) ?? String(message);
  } catch {
    return "an object that is not plain data";
  }
}

/** Names a part that is not text, an image for example. */
function foreignPart(content: unknown): string | undefined {
  if (!Array.isArray(content)) return undefined;
  const part: unknown = content.find((each) => !isTextPart(each));
  return isRecord(part) ? `a part of type ${String(part["type"])}` : undefined;
}

/** The length of all contents together, before they are checked. */
export function contentLength(messages: unknown): number {
  if (!Array.isArray(messages)) return 0;
  let length = 0;
  for (const message of messages as unknown[]) {
    const content = isRecord(message) ? message["content"] : undefined;
    let parts: unknown[] = Array.isArray(content) ? content.map((part) => isRecord(part) && part["text"]) : [content];
    if (isRecord(message)) parts = parts.concat(message["reasoning_content"], argumentsOf(message["tool_calls"]));
    for (const part of parts) if (typeof part === "string") length += part.length;
  }
  return length;
}

/** The arguments of calls that are texts, before they are checked. */
function argumentsOf(calls: unknown): unknown[] {
  if (!Array.isArray(calls)) return [];
  return calls.map((call) => isRecord(call) && isRecord(call["function"]) && call["function"]["arguments"]);
}
