// The settings of a conversation's prompt, as the options of a chat give them.

import type { ToolOptions } from "../tools/tool.js";

/**
 * How much a model reasons before it answers. `"none"`: it answers directly. `"low"`, `"medium"`, `"high"`: as its
 * template understands them, otherwise up to 256, 1,024 and 4,096 tokens. `budget`: up to this number of tokens; then
 * the reasoning is ended, and the model answers.
 */
export type Reasoning = "none" | "low" | "medium" | "high" | { budget: number };

export interface TemplateSettings {
  /** Replaces the chat template of the model. */
  template?: string | undefined;
  /** Tools in OpenAI's shape: `{type: "function", function: {name, description, parameters}}`. */
  tools?: readonly unknown[] | undefined;
  toolOptions?: { readonly [K in keyof ToolOptions]: ToolOptions[K] | undefined } | undefined;
  documents?: readonly unknown[] | undefined;
  /** Further variables of the template. */
  templateOptions?: Readonly<Record<string, unknown>> | undefined;
  /** Whether the answer continues the last message, which is the assistant's. */
  continueFinalMessage?: boolean | undefined;
  reasoning?: Reasoning | undefined;
}
