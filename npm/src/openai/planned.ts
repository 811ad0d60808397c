// Options and results that the model gets.
import type { ChatMessage } from "../../../web/text/messages.js";
import type { ToolCall, Usage } from "../../../web/types.js";

export interface PlannedTool {
  name: string;
  description?: string;
  parameters?: { readonly [keyword: string]: unknown };
  execute?: (input: unknown, context: { toolCallId: string; messages: ChatMessage[]; signal: AbortSignal }) => unknown;
}

export type PlannedFormat =
  | { type: "json"; schema?: boolean | { readonly [keyword: string]: unknown }; strict?: boolean }
  | { type: "regex"; pattern: string | RegExp }
  | { type: "grammar"; grammar: string };

export interface PlannedOptions {
  responseFormat?: PlannedFormat;
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
