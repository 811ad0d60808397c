// The result of an answer → its message in the history.
import type { ChatMessage, ChatToolCall } from "../../../../web/text/messages.js";
import type { GenerationResult, ToolCall } from "../../../../web/types.js";

/** The message with an answer, as it stands in the history. */
export function answerMessage(answer: GenerationResult): ChatMessage {
  const { text, reasoning, toolCalls = [], finishReason } = answer;
  return {
    role: "assistant",
    content: text === "" && toolCalls.length > 0 ? null : text,
    ...(reasoning && { reasoning_content: reasoning }),
    ...(toolCalls.length > 0 && { tool_calls: toolCalls.map(messageCall) }),
    ...(finishReason === "abort" && { aborted: true }),
  };
}

/** Arguments that are not JSON are replaced, since templates read them as objects. */
function messageCall({ id, name, arguments: values, argumentsText }: ToolCall): ChatToolCall {
  const text = values ? argumentsText : "{}";
  return { id, type: "function", function: { name: name || "unknown", arguments: text } };
}
