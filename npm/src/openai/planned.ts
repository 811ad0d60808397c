// Options and results that the model gets.
import type { ChatMessage } from "../../../web/text/messages.js";
import type { ResponseFormat, ToolCall, Usage } from "../../../web/types.js";

export interface PlannedTool {
  name: string;
  description?: string;
  parameters?: { readonly [keyword: string]: unknown };
  execute?: (input: unknown, context: { toolCallId: string; messages: ChatMessage[]; signal: AbortSignal }) => unknown;
}

export type PlannedFormat = ResponseFormat;

export interface PlannedOptions {
  responseFormat?: PlannedFormat | undefined;
  tools?: readonly PlannedTool[];
  toolChoice?: "auto" | "none" | "required" | { name: string };
  parallelToolCalls?: boolean;
  reasoning?: "none" | "low" | "medium" | "high" | { budget: number };
  templateOptions?: Record<string, unknown>;
  continueFinalMessage?: boolean;
  minTokens?: number;
  suffix?: string;
}

export interface PlannedResult {
  reasoning?: string;
  toolCalls?: ToolCall[];
  usage: Usage & { reasoningTokens?: number };
}
