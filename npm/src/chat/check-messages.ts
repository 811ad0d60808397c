// Checks the messages of a conversation before a template receives them.
import { CamelGPTError, excerpt } from "../../../web/errors.js";
import { type ChatMessage, contentText } from "../../../web/text/messages.js";
import { checkText, isRecord } from "../check-options.js";
import { type Limits, refuseAbove } from "../options.js";

/** Errors: `bad-input` if there are no messages, or if one has no role or text. */
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
        found: excerpt(foreignPart(content) ?? JSON.stringify(message) ?? String(message)),
      });
    }
    checkText(role);
    checkText(contentText(message as ChatMessage));
  });
}

const isTextPart = (part: unknown): boolean =>
  isRecord(part) && part["type"] === "text" && typeof part["text"] === "string";

function isContent(content: unknown): boolean {
  if (content === null || content === undefined || typeof content === "string") return true;
  return Array.isArray(content) && content.every(isTextPart);
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
    const parts: unknown[] = Array.isArray(content) ? content.map((part) => isRecord(part) && part["text"]) : [content];
    for (const part of parts) if (typeof part === "string") length += part.length;
  }
  return length;
}
