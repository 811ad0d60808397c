// The tools of an answer and the template of the model → how the answer is generated and read.
import { orAborted } from "../../../web/errors.js";
import type { ChatMessage } from "../../../web/text/messages.js";
import type { CallParser } from "../chat/answer/reader.js";
import type { ModelConnection } from "../model-connection.js";
import { adaptMessages } from "./adapt-messages.js";
import type { CheckedTools } from "./check-tools.js";
import { markersOf, toolFamily, type ToolFamily } from "./families.js";
import { toolGrammar } from "./grammar.js";
import { ToolCallParser } from "./parser.js";
import type { ToolChoice } from "./tool.js";
import { newCallId } from "./tool-ids.js";

export interface ToolPlan {
  /** The messages as the template can show them. */
  adapt: (messages: readonly ChatMessage[]) => readonly ChatMessage[];
  /** The variable `tools` of the template, in OpenAI's shape, if it shows tools. */
  tools: readonly unknown[] | undefined;
  /** The grammar of the answer. */
  grammar: string;
  newCallParser: () => CallParser;
}

export interface ToolRequest {
  template: string;
  checked: CheckedTools;
  choice: ToolChoice;
  /** Whether the answer comes after reasoning. */
  isAfterReasoning: boolean;
  /** The grammar of an answer without calls; free text if it is missing. */
  answer: string | undefined;
}

/** Errors: `bad-schema`, `bad-grammar`, `aborted`. */
export async function planTools(model: ModelConnection, request: ToolRequest, signal: AbortSignal): Promise<ToolPlan> {
  const { template, checked, choice, isAfterReasoning, answer } = request;
  const { tools, isParallel } = checked;
  const family = toolFamily(template);
  const { syntax } = family;
  const tokens = await tokensOf(model, family, signal);
  const { grammar, notes } = toolGrammar({ syntax, tools, choice, isParallel, tokens, isAfterReasoning, answer });
  const engineNotes = (await model.loaded()).info.engine.notes;
  for (const { path, message } of notes) {
    const note = `The tool ${path}: ${message}`;
    if (!engineNotes.includes(note)) engineNotes.push(note);
  }
  const adapt = (messages: readonly ChatMessage[]) => adaptMessages(messages, family, template, tools);
  return {
    adapt: (messages) => adapt(messages).messages,
    tools: adapt([]).tools,
    grammar,
    newCallParser: () => new ToolCallParser(syntax, tools, newCallId, answer !== undefined),
  };
}

/** The markers that are single tokens, by model and family. */
const known = new WeakMap<ModelConnection, Map<string, ReadonlyMap<string, number>>>();

/** A text that is a token only for models that read bytes, whose tokens have no fixed ids. */
const noMarker = "<qzxvkj>";

async function tokensOf(
  model: ModelConnection,
  { name, syntax }: ToolFamily,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const families = known.get(model) ?? new Map<string, ReadonlyMap<string, number>>();
  known.set(model, families);
  const found = families.get(name);
  if (found) return found;
  const tokens = new Map<string, number>();
  const tokenOf = async (text: string) => {
    const params = { text, addSpecial: false, parseSpecial: true };
    const [id, ...others] = await orAborted(model.call("tokenize", params, { signal }), signal);
    return others.length === 0 ? id : undefined;
  };
  const readsBytes = (await tokenOf(noMarker)) !== undefined;
  for (const text of readsBytes ? [] : markersOf(syntax)) {
    const id = await tokenOf(text);
    if (id !== undefined) tokens.set(text, id);
  }
  families.set(name, tokens);
  return tokens;
}
