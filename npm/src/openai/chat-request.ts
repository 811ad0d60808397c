// The body of a chat request → messages and options of the model.
import type { ResponseFormat } from "../../../web/types.js";
import type { ChatMessage, ChatToolCall } from "../../../web/text/messages.js";
import { compact, efforts, unlimited } from "../adapter-options.js";
import type { ChatOptions } from "../options/chat.js";
import { badField } from "./api-error.js";
import { Fields } from "./fields.js";
import { closedSchema } from "../tools/closed-schema.js";
import type { Tool } from "../tools/tool.js";
import { answerCount, fieldNames, localFormat, maxTokensOf, samplingOptions } from "./sampling.js";

/** A chat request, checked. */
export interface ChatCall {
  messages: ChatMessage[];
  options: ChatOptions;
  /** Number of answers. */
  count: number;
  isStream: boolean;
  includesUsage: boolean;
  returnsProgress: boolean;
  /** Whether the reasoning stays in the content. */
  keepsReasoning: boolean;
  /** Alternatives for each token of the log-probabilities; undefined: none are wanted. */
  topLogprobs: number | undefined;
  /** The field of each option, for errors. */
  fieldNames: ReadonlyMap<string, string>;
}

const maxTopLogprobs = 20;

/** `defaults`: options of every answer. Throws an ApiError that names the field at fault. */
export function chatCall(body: unknown, defaults: ChatOptions): ChatCall {
  const fields = Fields.of(body);
  refuseUnsupported(fields);
  const topLogprobs = topLogprobsOf(fields);
  const { tools, toolChoice } = toolsOf(fields);
  const options = compact<ChatOptions>({
    ...samplingOptions(fields),
    maxTokens: maxTokensOf(fields, "max_completion_tokens") ?? maxTokensOf(fields, "max_tokens"),
    logprobs: topLogprobs === undefined ? undefined : Math.max(topLogprobs, 1),
    responseFormat: formatOf(fields),
    tools,
    toolChoice,
    parallelToolCalls: tools && fields.flag("parallel_tool_calls"),
    reasoning: reasoningOf(fields),
    templateOptions: fields.record("chat_template_kwargs"),
    continueFinalMessage: fields.flag("continue_final_message"),
  });
  return {
    messages: messagesOf(fields),
    options: { maxTokens: unlimited, ...defaults, ...options },
    count: answerCount(fields),
    isStream: fields.flag("stream") ?? false,
    includesUsage: fields.object("stream_options")?.flag("include_usage") ?? false,
    returnsProgress: fields.flag("return_progress") ?? false,
    keepsReasoning: fields.choice("reasoning_format", ["auto", "none", "deepseek", "deepseek-legacy"]) === "none",
    topLogprobs,
    fieldNames: fieldNames(fields),
  };
}

function refuseUnsupported(fields: Fields): void {
  if (fields.array("modalities")?.some((each) => each !== "text"))
    throw fields.unsupported("modalities", "Output other than text");
  if (fields.raw("audio") !== undefined) throw fields.unsupported("audio", "Audio");
  if (fields.raw("web_search_options") !== undefined) throw fields.unsupported("web_search_options", "Web search");
  if (fields.raw("functions") !== undefined)
    throw fields.unsupported("functions", "The field functions, the old form of tools,");
}

function topLogprobsOf(fields: Fields): number | undefined {
  const top = fields.integer("top_logprobs");
  if (top !== undefined && !(top >= 0 && top <= maxTopLogprobs))
    throw fields.invalid(
      "top_logprobs",
      `The field top_logprobs is not valid. Expected: 0 to ${maxTopLogprobs}. Found: ${top}.`,
    );
  if (!fields.flag("logprobs")) {
    if (top) throw fields.invalid("top_logprobs", "The field top_logprobs needs logprobs: true.");
    return undefined;
  }
  return top ?? 0;
}

// ----------------------------------------------------------------------------------------------------------- messages

const roles = ["system", "developer", "user", "assistant", "tool", "function"] as const;

function messagesOf(fields: Fields): ChatMessage[] {
  const messages = fields.required("messages", fields.objects("messages"));
  if (messages.length === 0) throw fields.invalid("messages", "The field messages is empty.");
  return messages.map(messageOf);
}

function messageOf(fields: Fields): ChatMessage {
  const given = fields.required("role", fields.choice("role", roles));
  const role = given === "function" ? "tool" : given;
  const calls = role === "assistant" ? toolCallsOf(fields) : undefined;
  const content = contentOf(fields);
  if (content === undefined && !calls && role !== "assistant") fields.required("content", content);
  return compact<ChatMessage>({
    role,
    content: content ?? null,
    name: fields.text("name"),
    tool_calls: calls,
    tool_call_id: fields.text("tool_call_id"),
    reasoning_content: role === "assistant" ? fields.text("reasoning_content") : undefined,
  });
}

function contentOf(fields: Fields): ChatMessage["content"] | undefined {
  const content = fields.raw("content");
  if (content === undefined || typeof content === "string") return content;
  if (!Array.isArray(content))
    throw badField(
      fields.path("content"),
      `The field ${fields.path("content")} is not valid. Expected: a string, or an array of parts.`,
      "invalid_type",
    );
  return fields.objects("content")?.map((part, i) => {
    const type = part.required("type", part.text("type"));
    if (type === "refusal") return { type: "text", text: part.required("refusal", part.text("refusal")) };
    if (type !== "text") throw fields.unsupported(`content[${i}]`, `A part of the type ${JSON.stringify(type)}`);
    return { type: "text", text: part.required("text", part.text("text")) };
  });
}

function toolCallsOf(fields: Fields): ChatToolCall[] | undefined {
  const calls = fields.objects("tool_calls");
  if (!calls || calls.length === 0) return undefined;
  return calls.map((call) => {
    const called = call.object("function");
    if (!called) throw call.unsupported("type", "A call of anything but a function");
    return {
      id: call.required("id", call.text("id")),
      type: "function",
      function: {
        name: called.required("name", called.text("name")),
        arguments: called.text("arguments") ?? "{}",
      },
    };
  });
}

// -------------------------------------------------------------------------------------------------- tools and formats

function toolsOf(fields: Fields): { tools?: Tool[]; toolChoice?: ChatOptions["toolChoice"] } {
  const given = fields.objects("tools")?.map(toolOf) ?? [];
  const { allowed, choice } = toolChoiceOf(fields);
  const tools = allowed ? given.filter(({ name }) => allowed.includes(name)) : given;
  const named = typeof choice === "object" ? choice.name : undefined;
  if (named !== undefined && !tools.some(({ name }) => name === named))
    throw fields.invalid("tool_choice", `The field tool_choice names ${JSON.stringify(named)}, which is not in tools.`);
  if (tools.length === 0) {
    if (choice === "required") throw fields.invalid("tool_choice", 'The tool_choice "required" needs tools.');
    return {};
  }
  return { tools, ...(choice && { toolChoice: choice }) };
}

function toolOf(fields: Fields): Tool {
  const type = fields.text("type") ?? "function";
  const described = fields.object("function");
  if (type !== "function" || !described) throw fields.unsupported("type", `A tool of the type ${JSON.stringify(type)}`);
  return compact<Tool>({
    name: described.required("name", described.text("name")),
    description: described.text("description"),
    parameters: described.record("parameters"),
  });
}

interface Choice {
  choice?: ChatOptions["toolChoice"];
  /** The names of the tools that the request allows. */
  allowed?: (string | undefined)[];
}

function toolChoiceOf(fields: Fields): Choice {
  const value = fields.raw("tool_choice");
  if (value === undefined) return {};
  if (typeof value === "string") {
    const choice = fields.choice("tool_choice", ["none", "auto", "required"]);
    return choice ? { choice } : {};
  }
  const choice = Fields.of(value, "tool_choice");
  const type = choice.text("type");
  if (type === "function") {
    const named = choice.required("function", choice.object("function"));
    return { choice: { name: named.required("name", named.text("name")) } };
  }
  const group = type === "allowed_tools" ? choice.object("allowed_tools") : undefined;
  if (!group) throw fields.unsupported("tool_choice.type", `A tool_choice of the type ${JSON.stringify(type)}`);
  return {
    choice: group.choice("mode", ["auto", "required"]) ?? "auto",
    allowed: (group.objects("tools") ?? []).map((tool) => tool.object("function")?.text("name")),
  };
}

function formatOf(fields: Fields): ResponseFormat | undefined {
  const local = localFormat(fields);
  const format = fields.object("response_format");
  const type = format?.required("type", format.choice("type", ["text", "json_object", "json_schema"]));
  if (!format || type === "text") return local;
  if (local)
    throw fields.invalid("response_format", "The field response_format excludes the fields grammar and json_schema.");
  // llama.cpp's server takes a schema for both types, directly in the format.
  const named = format.object("json_schema");
  const schema = named?.record("schema") ?? format.record("schema");
  if (type === "json_schema" && !schema) throw format.invalid("json_schema", "The schema of the format is missing.");
  return compact<ResponseFormat>({
    type: "json",
    schema: schema && closedSchema(schema),
    strict: schema && (named?.flag("strict") ?? false),
  });
}

// ---------------------------------------------------------------------------------------------------------- reasoning

function reasoningOf(fields: Fields): ChatOptions["reasoning"] {
  const budget = fields.integer("reasoning_budget") ?? fields.integer("thinking_budget_tokens");
  if (budget !== undefined && budget >= 0) return budget === 0 ? "none" : { budget };
  const effort = fields.choice("reasoning_effort", Object.keys(efforts) as (keyof typeof efforts)[]);
  return effort && efforts[effort];
}
