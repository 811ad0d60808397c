// Messages as plain data, which can be posted to a worker.
import { CamelGPTError } from "../../../web/errors.js";
import type { ChatMessage } from "../../../web/text/messages.js";

const maxNesting = 100;

/**
 * Copies the messages, since not every object can be posted: a proxy, as frameworks of user interfaces make them,
 * cannot. Errors: `bad-input` if a message nests too deep or contains a function, a symbol or a bigint.
 */
export function plainMessages(messages: readonly ChatMessage[]): ChatMessage[] {
  return messages.map((message, index) => plain(message, index, 0) as ChatMessage);
}

function plain(data: unknown, index: number, depth: number): unknown {
  if (["function", "symbol", "bigint"].includes(typeof data)) throw notPlain(index, `a ${typeof data}`);
  if (typeof data !== "object" || data === null) return data;
  if (depth > maxNesting) throw notPlain(index, `more than ${maxNesting} levels of objects`);
  if (Array.isArray(data)) return data.map((item) => plain(item, index, depth + 1));
  const fields = Object.entries(data).filter(([, value]) => value !== undefined);
  return Object.fromEntries(fields.map(([key, value]) => [key, plain(value, index, depth + 1)]));
}

function notPlain(index: number, found: string): CamelGPTError {
  return new CamelGPTError("bad-input", `Message ${index} of the conversation is not plain data.`, {
    expected: "objects, arrays, strings, numbers, booleans and null",
    found,
  });
}
