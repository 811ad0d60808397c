// Messages → the forms of them that a template may accept. The first one is as close as possible to what is given; the
// others do without what some templates lack: a system role, two messages of one role in a row, tools.
import { type ChatMessage, type ChatToolCall, contentText } from "./messages.js";
import type { TemplateInput } from "./rendering.js";
import { describeTools, hasCalls, lacksTools, pythonJson, spellCalls, spellResult, usesTools } from "./tool-text.js";

/** One form of a conversation. */
interface Form {
  messages: readonly ChatMessage[];
  tools: TemplateInput["tools"];
  /** Sentences about the changes, for `info().engine.notes`. */
  notes: readonly string[];
  /** Whether the form helps against this refusal of the first form; undefined: it may help against any. */
  isFor?: (refusal: string) => boolean;
}

const noSystem = "The model's chat template has no system role: the system text goes before the first user text.";
const noTurns = "The model's chat template refuses two messages of one role in a row: they are joined.";
const neither = "The system text goes before the first user text, and messages of one role are joined.";
const noTools = "The model's chat template has no tools: their descriptions, calls and results are written as texts.";
const noDocuments = "The model's chat template has no documents: the option `documents` is ignored.";

/** Returns the forms in the order in which they are tried. */
export function* formsOf(input: TemplateInput): Generator<Form> {
  const { template, tools, documents } = input;
  const notes = documents && documents.length > 0 && !/\bdocuments\b/.test(template) ? [noDocuments] : [];
  const given = parsedCalls(knownRoles(input.messages, template));
  const wantsText = lacksTools(template, given, tools);
  const first: Form = wantsText ? asText(given, tools, notes) : { messages: given, tools, notes };
  yield first;
  if (!wantsText && hasCalls(given)) {
    yield { ...first, messages: mapCalls(given, withTextArguments) };
    yield { ...first, messages: withShortIds(given), isFor: (refusal) => /\b(?:9|nine)\b/.test(refusal) };
    yield { ...first, messages: oneByOne(given), isFor: (refusal) => /single tool|one tool|parallel/i.test(refusal) };
  }
  yield* withFewerRoles(first);
  if (!wantsText && usesTools(given, tools)) {
    const spelled = asText(given, tools, notes);
    yield spelled;
    yield* withFewerRoles(spelled);
  }
}

function* withFewerRoles({ messages, tools, notes }: Form): Generator<Form> {
  const withoutSystem = joinSystem(messages);
  for (const [changed, note] of [
    [withoutSystem, noSystem],
    [joinTurns(messages), noTurns],
    [joinTurns(withoutSystem), neither],
  ] as const) {
    if (changed.length !== messages.length) yield { messages: changed, tools, notes: [...notes, note] };
  }
}

/** Whether a prompt shows what the messages say: templates drop silently what they do not know. */
export function isComplete(prompt: string, messages: readonly ChatMessage[]): boolean {
  const [first] = messages;
  if (first?.role === "system" && !prompt.includes(contentText(first).trim())) return false;
  const names = new Set<string>();
  let at = 0; // of the result before, since results follow each other
  for (const message of messages) {
    if (message.role === "tool") {
      const word = longestWord(contentText(message));
      const next = prompt.indexOf(word, at);
      if (next < 0 && !prompt.includes(word)) return false;
      at = Math.max(at, next);
    }
    for (const { function: called } of message.tool_calls ?? []) {
      const [name] = Object.keys(parsedArguments(called.arguments));
      if (name !== undefined) names.add(name);
    }
  }
  // Arguments as Python prints a dict: the template expects them as JSON.
  for (const name of names) if (prompt.includes(`{'${name}': `)) return false;
  return true;
}

/** A part of a text that templates do not change, for example by writing it as JSON. */
function longestWord(text: string): string {
  let longest = "";
  for (const [word] of text.slice(0, 1000).matchAll(/[A-Za-z0-9]+/g)) if (word.length > longest.length) longest = word;
  return longest;
}

/** The role developer is the newer name of system, which most templates do not know. */
function knownRoles(messages: readonly ChatMessage[], template: string): readonly ChatMessage[] {
  if (template.includes("developer")) return messages;
  return messages.map((message) => (message.role === "developer" ? { ...message, role: "system" } : message));
}

type Change = (call: ChatToolCall, index: number) => ChatToolCall;

function mapCalls(messages: readonly ChatMessage[], change: Change): readonly ChatMessage[] {
  if (!hasCalls(messages)) return messages;
  return messages.map((message) => {
    const { tool_calls: calls } = message;
    return Array.isArray(calls) ? { ...message, tool_calls: (calls as ChatToolCall[]).map(change) } : message;
  });
}

/** Templates read arguments as an object. A text that describes none stays a text. */
const parsedCalls = (messages: readonly ChatMessage[]): readonly ChatMessage[] =>
  mapCalls(messages, (call) => {
    const { arguments: given = "" } = call.function;
    const isText = typeof given === "string" && given.trim() !== "" && !isObjectText(given);
    return isText ? call : { ...call, function: { ...call.function, arguments: parsedArguments(given) } };
  });

function withTextArguments(call: ChatToolCall): ChatToolCall {
  const { arguments: given } = call.function;
  if (typeof given === "string") return call;
  return { ...call, function: { ...call.function, arguments: pythonJson(given ?? {}) } };
}

function isObjectText(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

function parsedArguments(given: unknown): Readonly<Record<string, unknown>> {
  if (typeof given === "string") return isObjectText(given) ? (JSON.parse(given) as Record<string, unknown>) : {};
  return (given ?? {}) as Record<string, unknown>;
}

/** Some templates take ids of nine letters and digits only. */
function withShortIds(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  const ids = new Map<string, string>();
  const short = (id: string | undefined) => {
    const key = id ?? "";
    if (!ids.has(key)) ids.set(key, /^[a-zA-Z0-9]{9}$/.test(key) ? key : `call${String(ids.size).padStart(5, "0")}`);
    return ids.get(key) as string;
  };
  return mapCalls(messages, (call) => ({ ...call, id: short(call.id) })).map((message) =>
    message.role === "tool" ? { ...message, tool_call_id: short(message.tool_call_id) } : message,
  );
}

/** Calls of one message as messages with one call each, followed by their results. */
function oneByOne(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  const result: ChatMessage[] = [];
  for (let i = 0; i < messages.length; i++) {
    const message = messages[i] as ChatMessage;
    const calls = message.tool_calls ?? [];
    result.push(calls.length > 1 ? { ...message, tool_calls: calls.slice(0, 1) } : message);
    if (calls.length < 2) continue;
    const results: ChatMessage[] = [];
    while (messages[i + 1]?.role === "tool") results.push(messages[++i] as ChatMessage);
    calls.forEach((call, index) => {
      if (index > 0) result.push({ ...message, content: "", tool_calls: [call] });
      const answer = results.find(({ tool_call_id: id }) => id !== undefined && id === call.id) ?? results[index];
      if (answer) result.push(answer);
    });
  }
  return result;
}

/** Tools, calls and results as texts of the system, the assistant and the user. */
function asText(messages: readonly ChatMessage[], tools: TemplateInput["tools"], notes: readonly string[]): Form {
  const spelled = messages.map((message): ChatMessage => {
    if (message.role === "tool") return { role: "user", content: spellResult(message) };
    const { tool_calls: calls, ...others } = message;
    if (!calls || calls.length === 0) return message;
    const text = contentText(message).trimEnd();
    return { ...others, content: `${text}${text === "" ? "" : "\n"}${spellCalls(calls)}` };
  });
  if (tools && tools.length > 0) {
    const description = describeTools(tools);
    const [first] = spelled;
    if (first?.role === "system") spelled[0] = { ...first, content: `${contentText(first)}\n\n${description}` };
    else spelled.unshift({ role: "system", content: description });
  }
  return { messages: joinResults(spelled), tools: undefined, notes: [...notes, noTools] };
}

/** Joins results that follow each other, which are one turn of the user. */
function joinResults(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  return joinTurns(messages, (message) => contentText(message).startsWith("<tool_response>"), "\n");
}

/** Puts the texts of the system messages at the beginning before the first user message. */
function joinSystem(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  const [system, ...rest] = messages;
  const at = rest.findIndex((message) => message.role === "user");
  const user = rest[at];
  if (system?.role !== "system" || !user) return messages;
  return rest.with(at, { ...user, content: `${contentText(system)}\n\n${contentText(user)}` });
}

/** Joins neighbouring messages of one role that have nothing but text. */
function joinTurns(
  messages: readonly ChatMessage[],
  isJoined: (message: ChatMessage) => boolean = () => true,
  separator = "\n\n",
): readonly ChatMessage[] {
  const joined: ChatMessage[] = [];
  for (const message of messages) {
    const last = joined.at(-1);
    const isPlain = Object.keys(message).every((key) => key === "role" || key === "content");
    const isTurn = message.role === "user" || message.role === "assistant";
    if (last && isPlain && last.role === message.role && isTurn && isJoined(message)) {
      joined[joined.length - 1] = { ...last, content: `${contentText(last)}${separator}${contentText(message)}` };
    } else joined.push(message);
  }
  return joined;
}
