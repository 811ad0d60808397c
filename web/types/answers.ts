// The parts of an answer: its text, the reasoning before it, and calls of tools.
import type { FinishReason, Usage } from "./generation.js";

/** A call of a tool in an answer. */
export interface ToolCall {
  /** Unique within the conversation; the message with the result repeats it as `tool_call_id`. */
  id: string;
  name: string;
  /** The arguments, parsed. If the model wrote something that is not JSON, they are missing and `error` says why. */
  arguments?: Record<string, unknown>;
  /** The arguments as the model wrote them. */
  argumentsText: string;
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

/** One answer of the model, among those that it gave in a row with the results of tools in between. */
export interface AnswerStep {
  text: string;
  reasoning?: string;
  toolCalls: ToolCall[];
  /** The results of the tools that were executed, in the order of the calls. */
  toolResults: ToolResult[];
  finishReason: FinishReason;
  usage: Usage;
}
