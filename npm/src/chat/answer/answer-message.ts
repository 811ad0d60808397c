// The result of an answer → its message in the history.
import type { AnswerMessage, GenerationResult, ToolCall } from "../../../../web/types.js";

/** The message with an answer, as it stands in the history. */
export function answerMessage(answer: GenerationResult): AnswerMessage {
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
function messageCall({
  id,
  name,
  arguments: values,
  argumentsText,
}: ToolCall): NonNullable<AnswerMessage["tool_calls"]>[number] {
  const text = values ? argumentsText : "{}";
  return { id, type: "function", function: { name: name || "unknown", arguments: text } };
}
