// Checks the messages of a conversation before a template receives them.
import { CamelGPTError, excerpt } from "../../../web/errors.js";
import { checkText } from "../check-options.js";

/** Errors: `bad-input` if there are no messages, or if one has no role or text. */
export function checkMessages(messages: unknown): void {
  if (!Array.isArray(messages) || messages.length === 0) {
    throw new CamelGPTError("bad-input", "The conversation has no messages.", {
      expected: 'an array such as [{ role: "user", content: "Hello" }]',
      found: Array.isArray(messages) ? "an empty array" : messages === null ? "null" : typeof messages,
    });
  }
  messages.forEach((message: unknown, index) => {
    const { role, content } = (message ?? {}) as { role?: unknown; content?: unknown };
    if (typeof role !== "string" || typeof content !== "string") {
      throw new CamelGPTError("bad-input", `Message ${index} of the conversation is incomplete.`, {
        expected: "`role` and `content`, both strings",
        found: excerpt(JSON.stringify(message) ?? String(message)),
      });
    }
    checkText(role);
    checkText(content);
  });
}
