// Tools, their calls and their results as texts, for templates that have no form of their own for them. The tags are
// those of Hermes and Qwen, which most models have seen.
import { type ChatMessage, type ChatToolCall, contentText } from "./messages.js";

/** Describes the tools to the model, and how it calls them. */
export function describeTools(tools: readonly unknown[]): string {
  return `You can call tools. Each line between <tools> and </tools> describes one of them:
<tools>
${tools.map(pythonJson).join("\n")}
</tools>
To call a tool, write its name and its arguments as JSON between <tool_call> and </tool_call>:
<tool_call>
{"name": "the name of the tool", "arguments": {"the name of an argument": "its value"}}
</tool_call>
The result follows between <tool_response> and </tool_response>.`;
}

export function spellCalls(calls: readonly ChatToolCall[]): string {
  return calls.map((call) => `<tool_call>\n${spellCall(call)}\n</tool_call>`).join("\n");
}

function spellCall({ function: { name, arguments: given = {} } }: ChatToolCall): string {
  return `{"name": ${JSON.stringify(name)}, "arguments": ${typeof given === "string" ? given : pythonJson(given)}}`;
}

export function spellResult(message: ChatMessage): string {
  return `<tool_response>\n${contentText(message)}\n</tool_response>`;
}

/** JSON with the spaces that Python's json.dumps writes, as models have seen it. */
export function pythonJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const fields = Object.entries(value).filter(([, each]) => each !== undefined);
  return `{${fields.map(([name, each]) => `${JSON.stringify(name)}: ${pythonJson(each)}`).join(", ")}}`;
}

export function hasCalls(messages: readonly ChatMessage[]): boolean {
  return messages.some(({ tool_calls: calls }) => Array.isArray(calls) && calls.length > 0);
}

type Tools = readonly unknown[] | undefined;

export function usesTools(messages: readonly ChatMessage[], tools: Tools): boolean {
  return (tools?.length ?? 0) > 0 || hasCalls(messages) || messages.some(({ role }) => role === "tool");
}

/** Whether a template has no form for the tools of a conversation, so that they are written as texts. */
export function lacksTools(template: string, messages: readonly ChatMessage[], tools: Tools): boolean {
  if (!usesTools(messages, tools)) return false;
  const takesTools = /\b(?:tools|functions|builtin_tools|custom_tools)\b/.test(template);
  const takesResults = /\btool\b|tool_call|ipython|observation/.test(template);
  return ((tools?.length ?? 0) > 0 && !takesTools) || !takesResults;
}
