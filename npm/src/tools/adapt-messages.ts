// The messages of a conversation with tools → the messages and variables that a template understands.
import { type ChatMessage, contentText } from "../../../web/text/messages.js";
import type { ToolFamily } from "./families.js";
import { isRecord } from "../check-options.js";
import { callOf } from "./read-call.js";
import type { ToolShape, WrittenCall } from "./tool-shape.js";
import { genericInstructions, genericRequest, genericResult } from "./syntax/generic.js";

export interface ToolPrompt {
  messages: readonly ChatMessage[];
  /** The variable `tools` of the template, in OpenAI's shape. */
  tools?: readonly unknown[];
}

/** Without tools, only the calls and results in the history are adapted. */
export function adaptMessages(
  given: readonly ChatMessage[],
  { name, syntax }: ToolFamily,
  template: string,
  tools: readonly ToolShape[],
): ToolPrompt {
  const hasCalls = given.some((message) => message.role === "tool" || hasToolCalls(message));
  if (!hasCalls && tools.length === 0) return { messages: given };
  if (name === "generic") {
    const messages = given.map((message) =>
      hasToolCalls(message) ? withCallsWritten(message, syntax.write) : message,
    );
    return { messages: withSystem(joinResults(messages, namesOf(given)), tools) };
  }
  let messages = given;
  // Some templates show only the content of a message.
  if (!template.includes("tool_calls")) {
    messages = messages.map((message) => (hasToolCalls(message) ? withCallsWritten(message, syntax.write) : message));
  }
  if (tools.length === 0) return { messages };
  const described = tools.map(({ name, description = "", parameters }) => ({
    type: "function",
    function: { name, description, parameters },
  }));
  // Phi's template reads them from the system message.
  if (/message\['tools'\]/.test(template)) {
    const [first, ...rest] = messages[0]?.role === "system" ? messages : [{ role: "system", content: "" }, ...messages];
    const list = JSON.stringify(described.map((tool) => tool.function));
    messages = [{ ...(first as ChatMessage), tools: list }, ...rest];
  }
  return { messages, tools: described };
}

export function hasToolCalls(message: ChatMessage): boolean {
  const calls = message["tool_calls"];
  return Array.isArray(calls) && calls.length > 0;
}

/** The calls of a message; what is not a call is left out. */
export function callsOf(message: ChatMessage): WrittenCall[] {
  const calls: unknown = message["tool_calls"];
  return (Array.isArray(calls) ? calls : []).flatMap((call: unknown) => {
    const details = isRecord(call) ? (isRecord(call["function"]) ? call["function"] : call) : {};
    const { name, arguments: given } = details;
    if (typeof name !== "string") return [];
    const id = isRecord(call) && typeof call["id"] === "string" ? call["id"] : "";
    const read = typeof given === "string" ? callOf(name, { text: given, isComplete: true }).arguments : given;
    return [{ id, name, arguments: isRecord(read) ? read : {} }];
  });
}

function withCallsWritten(message: ChatMessage, write: (calls: readonly WrittenCall[]) => string): ChatMessage {
  const { tool_calls: _, ...rest } = message;
  const text = contentText(message);
  const calls = write(callsOf(message));
  return { ...rest, content: text === "" ? calls : `${text}\n${calls}` };
}

/** The names of the tools by the ids of their calls. */
function namesOf(messages: readonly ChatMessage[]): Map<string, string> {
  return new Map(messages.flatMap(callsOf).map(({ id, name }) => [id, name]));
}

/** The results of tools as messages of the user; neighbours become one message. */
function joinResults(messages: readonly ChatMessage[], names: ReadonlyMap<string, string>): ChatMessage[] {
  const joined: ChatMessage[] = [];
  let results: string[] = [];
  const flush = () => {
    if (results.length > 0) joined.push({ role: "user", content: [...results, genericRequest].join("\n") });
    results = [];
  };
  for (const message of messages) {
    if (message.role === "tool") {
      const name = message.name ?? names.get(String(message.tool_call_id));
      results.push(genericResult(name, contentText(message)));
    } else {
      flush();
      joined.push(message);
    }
  }
  flush();
  return joined;
}

function withSystem(messages: readonly ChatMessage[], tools: readonly ToolShape[]): ChatMessage[] {
  if (tools.length === 0) return [...messages];
  const instructions = genericInstructions(tools);
  const [first, ...rest] = messages;
  const isSystem = first?.role === "system" || first?.role === "developer";
  if (!first || !isSystem) return [{ role: "system", content: instructions }, ...messages];
  return [{ ...first, content: `${contentText(first)}\n\n${instructions}` }, ...rest];
}
