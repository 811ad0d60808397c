// Messages of the AI SDK → messages of a chat.
import type { ChatMessage, ChatToolCall, TextPart } from "../../../web/text/messages.js";
import { isRecord } from "../check-options.js";
import { unsupported } from "./sdk-error.js";
import type { PromptMessage, PromptPart } from "./types.js";

/** Throws AI_UnsupportedFunctionalityError for a part that is not text. */
export function chatMessages(prompt: readonly PromptMessage[]): ChatMessage[] {
  return prompt.flatMap(({ role, content }): ChatMessage[] => {
    if (typeof content === "string") return [{ role, content }];
    if (role === "tool") return toolResults(content);
    if (role === "assistant") return [assistantMessage(content), ...toolResults(content)];
    return [{ role, content: joined(content.map((part) => textPart(part, role))) }];
  });
}

/** One text is a string, for templates that read only strings. */
function joined(parts: readonly TextPart[]): string | readonly TextPart[] {
  return parts.length === 1 ? (parts[0] as TextPart).text : parts;
}

function assistantMessage(parts: readonly PromptPart[]): ChatMessage {
  const texts: string[] = [];
  const reasoning: string[] = [];
  const calls: ChatToolCall[] = [];
  for (const part of parts) {
    if (part.type === "reasoning") reasoning.push(part.text ?? "");
    else if (part.type === "tool-call") calls.push(toolCall(part));
    else if (part.type !== "tool-result") texts.push(textPart(part, "assistant").text);
  }
  return {
    role: "assistant",
    content: texts.length > 0 ? texts.join("") : null,
    ...(reasoning.length > 0 && { reasoning_content: reasoning.join("") }),
    ...(calls.length > 0 && { tool_calls: calls }),
  };
}

function toolCall({ toolCallId = "", toolName = "", input }: PromptPart): ChatToolCall {
  const text = typeof input === "string" ? input : JSON.stringify(input ?? {});
  return { id: toolCallId, type: "function", function: { name: toolName, arguments: text } };
}

function toolResults(parts: readonly PromptPart[]): ChatMessage[] {
  return parts
    .filter(({ type }) => type === "tool-result")
    .map(({ toolCallId, toolName, output }) => ({
      role: "tool",
      content: outputText(output),
      name: toolName,
      tool_call_id: toolCallId,
    }));
}

/** The value of a tool as text. */
function outputText(output: unknown): string {
  if (!isRecord(output)) return JSON.stringify(output) ?? "";
  const { type, value, reason } = output;
  if (type === "execution-denied") return typeof reason === "string" ? reason : "The call was denied.";
  if (type === "content" && Array.isArray(value)) {
    const parts: readonly PromptPart[] = value;
    return parts.map((part) => textPart(part, "tool").text).join("");
  }
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}

/** Files are texts if their type says so. */
function textPart(part: PromptPart, role: string): TextPart {
  const { type, text, mediaType = "", data } = part;
  if (type === "text" && typeof text === "string") return { type: "text", text };
  const isText = type === "file" && /^(text\/|application\/json\b)/.test(mediaType);
  const found = isText ? fileText(data) : undefined;
  if (found === undefined) throw unsupported(`${type}${mediaType && ` ${mediaType}`} in a message of the role ${role}`);
  return { type: "text", text: found };
}

function fileText(data: unknown): string | undefined {
  if (!isRecord(data)) return undefined;
  if (typeof data["text"] === "string") return data["text"];
  const bytes = data["data"];
  if (bytes instanceof Uint8Array) return new TextDecoder().decode(bytes);
  if (typeof bytes !== "string") return undefined;
  const binary = atob(bytes); // base64
  return new TextDecoder().decode(Uint8Array.from(binary, (character) => character.charCodeAt(0)));
}
