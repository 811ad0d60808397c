// Options of a call of the AI SDK → options of a chat, and warnings about what has no effect.
import type { JsonSchema } from "../../../web/grammar/json-schema.js";
import type { ResponseFormat } from "../../../web/types.js";
import { compact, efforts, unlimited } from "../adapter-options.js";
import type { ChatOptions } from "../options/chat.js";
import { closedSchema } from "../tools/closed-schema.js";
import type { Tool } from "../tools/tool.js";
import type { CallTool, LanguageModelCall, Warning } from "./types.js";

/** The name under which `providerOptions` has options for this provider. */
export const providerName = "camelgpt";

/** `defaults` apply where the call says nothing; `providerOptions.camelgpt` has the last word. */
export function chatOptions(
  call: LanguageModelCall,
  defaults: ChatOptions,
): { options: ChatOptions; warnings: Warning[] } {
  const warnings: Warning[] = [];
  const tools = call.tools?.flatMap((tool) => toolOf(tool, warnings)) ?? [];
  const options = compact<ChatOptions>({
    maxTokens: call.maxOutputTokens,
    temperature: call.temperature,
    topP: call.topP === undefined ? undefined : Math.max(call.topP, 1e-6),
    topK: call.topK,
    presencePenalty: call.presencePenalty,
    frequencyPenalty: call.frequencyPenalty,
    seed: call.seed,
    stop: call.stopSequences && call.stopSequences.length > 0 ? call.stopSequences : undefined,
    responseFormat: formatOf(call.responseFormat),
    reasoning: reasoningOf(call.reasoning, warnings),
    ...(tools.length > 0 && { tools, toolChoice: toolChoiceOf(call.toolChoice) }),
    signal: call.abortSignal,
  });
  return {
    options: { maxTokens: unlimited, ...defaults, ...options, ...call.providerOptions?.[providerName] },
    warnings,
  };
}

function toolOf({ type, name, id, description, inputSchema }: CallTool, warnings: Warning[]): Tool[] {
  if (type !== "function") {
    warnings.push({ type: "unsupported", feature: `provider-defined tool ${id ?? name}` });
    return [];
  }
  return [compact<Tool>({ name, description, parameters: inputSchema as JsonSchema })];
}

function toolChoiceOf(choice: LanguageModelCall["toolChoice"]): ChatOptions["toolChoice"] {
  if (!choice) return undefined;
  return choice.type === "tool" ? { name: choice.toolName } : choice.type;
}

function formatOf(format: LanguageModelCall["responseFormat"]): ResponseFormat | undefined {
  if (format?.type !== "json") return undefined;
  if (format.schema === undefined) return { type: "json" };
  return { type: "json", schema: closedSchema(format.schema as JsonSchema), strict: false };
}

function reasoningOf(effort: string | undefined, warnings: Warning[]): ChatOptions["reasoning"] {
  if (effort === undefined || effort === "provider-default") return undefined;
  if (Object.hasOwn(efforts, effort)) return efforts[effort as keyof typeof efforts];
  warnings.push({ type: "unsupported", feature: `reasoning effort ${effort}` });
  return undefined;
}
