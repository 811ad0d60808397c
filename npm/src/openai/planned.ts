// Options and results that the model gets.
import type { ResponseFormat, ToolCall, Usage } from "../../../web/types.js";
import type { Tool, ToolChoice } from "../tools/tool.js";

export type PlannedTool = Tool;

export type PlannedFormat = ResponseFormat;

export interface PlannedOptions {
  responseFormat?: PlannedFormat | undefined;
  tools?: readonly PlannedTool[];
  toolChoice?: ToolChoice;
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
