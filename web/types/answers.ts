// The parts of an answer: its text, the reasoning before it, and calls of tools.

/** A call of a tool in an answer. */
export interface ToolCall {
  /** Unique within the conversation; the message with the result repeats it as `tool_call_id`. */
  id: string;
  name: string;
  /** The arguments, parsed. If the model wrote something that is not JSON, they are missing and `error` says why. */
  arguments?: Record<string, unknown>;
  /** The arguments as the model wrote them. */
  argumentsText: string;
  /** Why the call cannot be run; missing if it can. */
  error?: string;
}

/** The value that a tool returned, or the text of the error that it threw. */
export interface ToolResult {
  toolCallId: string;
  name: string;
  result: unknown;
  isError: boolean;
}

/** A part of an answer, in the order in which the model wrote them. Texts arrive in pieces. */
export type AnswerPart =
  | { type: "text"; text: string }
  | { type: "reasoning"; text: string }
  | { type: "tool-call"; toolCall: ToolCall }
  | { type: "tool-result"; toolResult: ToolResult };

/** A message of a conversation with tools: an answer, or with the role `tool` a result. */
export interface AnswerMessage {
  role: "assistant" | "tool";
  content: string | null;
  /** The calls of tools in the answer. */
  tool_calls?: { id: string; type: "function"; function: { name: string; arguments: string } }[];
  reasoning_content?: string;
  /** The id of the call that the result answers. */
  tool_call_id?: string;
  /** The name of the tool that the result is of. */
  name?: string;
  [field: string]: unknown;
}
