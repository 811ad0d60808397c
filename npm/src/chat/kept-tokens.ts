// A rendered conversation → its tokens. Answers keep the tokens that were sampled, and only new text is tokenized.
import type { RenderedPrompt } from "../../../web/rendered-prompt.js";
import { type ChatMessage, contentText } from "../../../web/text/messages.js";
import type { ModelConnection } from "../model-connection.js";
import { tokensBefore } from "./answer/generate-answer.js";
import type { ChatState, Entry } from "./session-state.js";

/** Tokens at the end of an answer that can have no text: the end token, and those of a stop string. */
const maxHidden = 16;

export interface TokenizedChat {
  tokens: number[];
  /** The tokens of each text between answers. */
  texts: Map<string, readonly number[]>;
  /** The number of tokens up to the end of the last answer with kept tokens; 0 if there is none. */
  answered: number;
}

type Part = RenderedPrompt | { tokens: readonly number[] };

/**
 * `known` has the tokens of texts that were tokenized before. Errors: `aborted` and those of `tokenize`.
 */
export async function tokenizeChat(
  model: ModelConnection,
  prompt: RenderedPrompt,
  entries: readonly Entry[],
  known: ReadonlyMap<string, readonly number[]>,
  signal: AbortSignal,
): Promise<TokenizedChat> {
  const texts = new Map<string, readonly number[]>();
  const tokens: number[] = [];
  let answered = 0;
  for (const part of partsOf(prompt, entries)) {
    if ("tokens" in part) {
      append(tokens, part.tokens);
      answered = tokens.length;
      continue;
    }
    const addSpecial = tokens.length === 0;
    const key = JSON.stringify([addSpecial, part.text, part.literal]);
    const found =
      known.get(key) ??
      texts.get(key) ??
      (await model.call("tokenize", { text: part, addSpecial, parseSpecial: true }, { signal }));
    texts.set(key, found);
    append(tokens, found);
  }
  return { tokens, texts, answered };
}

/** A loop, since `push(...tokens)` can exhaust the stack. */
function append(to: number[], tokens: readonly number[]): void {
  for (const token of tokens) to.push(token);
}

/**
 * Cuts a prompt at the answers whose tokens are known. The contents of messages are found among the literal ranges, in
 * the order of the messages; one that the template changed is not found, and its text is tokenized.
 */
function partsOf({ text, literal }: RenderedPrompt, entries: readonly Entry[]): Part[] {
  const parts: Part[] = [];
  let start = 0; // of the next text
  let from = 0; // literal ranges before this one are used
  const place = (content: string, tokens: readonly number[] | undefined, trimmed?: readonly number[]) => {
    if (content === "") return;
    const [withoutEnd, trimmedContent] = [content.trimEnd(), content.trim()];
    const isTrimmed = content !== withoutEnd;
    for (let i = from; i < literal.length; i++) {
      const [begin, end] = literal[i] as readonly [number, number];
      const shown = text.slice(begin, end);
      const isWhole = shown === content;
      if (!isWhole && shown !== withoutEnd && shown !== trimmedContent) continue;
      from = i + 1;
      const found = isWhole ? tokens : isTrimmed && shown === withoutEnd ? trimmed : undefined;
      if (!found) return;
      if (begin > start) parts.push(sliceOf(text, literal, start, begin));
      parts.push({ tokens: found });
      start = end;
      return;
    }
  };
  for (const { message, tokens, trimmed, reasoned } of entries) {
    if (reasoned) place(message.reasoning_content ?? "", reasoned);
    place(contentText(message), tokens, trimmed);
  }
  if (start < text.length) parts.push(sliceOf(text, literal, start, text.length));
  return parts;
}

function sliceOf(text: string, literal: RenderedPrompt["literal"], start: number, end: number): RenderedPrompt {
  const inside = literal.filter(([from, to]) => from < end && to > start);
  return {
    text: text.slice(start, end),
    literal: inside.map(([from, to]) => [Math.max(from, start) - start, Math.min(to, end) - start]),
  };
}

/**
 * Keeps the tokens of the last answer as far as they spell its text. This is done in the next turn, so that an answer
 * does not wait for other calls on the model when it ends.
 */
export async function keepAnswer(state: ChatState): Promise<void> {
  const { model, entries, tokens } = state;
  const last = entries.at(-1);
  if (!last?.sampled) return;
  const { message, sampled } = last;
  const { entry, end } = await entryOf(model, message, sampled);
  state.entries = [...entries.slice(0, -1), entry];
  if (entry.tokens) state.tokens = tokens.slice(0, tokens.length - sampled.length + end);
}

/** A message with the given tokens, as far as they spell its text, and the number of tokens up to its end. */
export async function entryOf(
  model: ModelConnection,
  message: ChatMessage,
  sampled: readonly number[],
): Promise<{ entry: Entry; end: number }> {
  const text = contentText(message);
  const { reasoning_content: reasoning } = message;
  const reasoned = reasoning ? await runOf(model, sampled, reasoning, true) : undefined;
  // After reasoning the text begins within the tokens.
  const run = reasoning
    ? await runOf(model, sampled, text)
    : await spelling(model, sampled, text).then((tokens) => tokens && { tokens, end: tokens.length });
  const { tokens, end = 0 } = run ?? {};
  const trimmedText = text.trimEnd();
  const trimmed = tokens && trimmedText !== text ? await spelling(model, tokens, trimmedText) : undefined;
  return { entry: { message, tokens, trimmed, ...(reasoned && { reasoned: reasoned.tokens }) }, end };
}

/**
 * The tokens that spell `text` among others, at its last place or at its first one, and where they end; undefined if
 * tokens do not begin and end with it.
 */
export async function runOf(
  model: ModelConnection,
  tokens: readonly number[],
  text: string,
  isFirst = false,
): Promise<{ tokens: readonly number[]; end: number } | undefined> {
  const all = await model.call("detokenize", { tokens, keepControl: true }, {});
  const at = isFirst ? all.indexOf(text) : all.lastIndexOf(text);
  if (at < 0 || text === "") return undefined;
  const first = await tokensBefore(model, tokens, at);
  const end = await tokensBefore(model, tokens, at + text.length);
  const run = tokens.slice(first, end);
  const spelled = await model.call("detokenize", { tokens: run, keepControl: true }, {});
  return spelled === text ? { tokens: run, end } : undefined;
}

/** The longest beginning of `tokens` that spells `text`; undefined if none does. */
async function spelling(model: ModelConnection, tokens: readonly number[], text: string) {
  for (let count = tokens.length; count > 0 && count >= tokens.length - maxHidden; count--) {
    const some = tokens.slice(0, count);
    const spelled = await model.call("detokenize", { tokens: some, keepControl: true }, {});
    // Tokenizers that put a space before every text remove it from the text of tokens.
    if (spelled === text || ` ${spelled}` === text) return some;
    if (spelled.length < text.length - 1) return undefined;
  }
  return undefined;
}
