// Options and results of tools.
import type { ChatMessage } from "../../../web/text/messages.js";
import type { ToolCall } from "../../../web/types.js";

export interface PlannedTool {
  name: string;
  description?: string;
  parameters?: { readonly [keyword: string]: unknown };
  execute?: (input: unknown, context: { toolCallId: string; messages: ChatMessage[]; signal: AbortSignal }) => unknown;
}

export interface PlannedOptions {
  tools?: readonly PlannedTool[];
  toolChoice?: "auto" | "none" | "required" | { name: string };
  parallelToolCalls?: boolean;
  suffix?: string;
}

export interface PlannedResult {
  toolCalls?: ToolCall[];
}
