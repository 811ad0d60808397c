// A conversation → the tokens of a prompt that fits into the context: the oldest turns are dropped if it is full.
import { CamelGPTError } from "../../../web/errors.js";
import { type ChatMessage, contentText } from "../../../web/text/messages.js";
import type { ModelConnection } from "../model-connection.js";
import { type AnswerPlan, defaultMaxTokens } from "./answer/plan.js";
import type { ChatPrompt } from "./answer/reasoning-prompt.js";
import { type TokenizedChat, tokenizeChat } from "./kept-tokens.js";
import { plainMessages } from "./plain-messages.js";
import { renderPrompt } from "./render-prompt.js";
import type { ChatState, Entry } from "./session-state.js";

export interface Fitted extends TokenizedChat, Omit<ChatPrompt, "prompt"> {
  entries: readonly Entry[];
  dropped: readonly Entry[];
  /** Tokens by which dropping shortened the prompt. */
  droppedTokens: number;
  /** Tokens that were removed from the cache, see `ChatTurn`. */
  shiftedTokens: number;
}

export interface FitOptions {
  plan: AnswerPlan;
  overflow: "drop-oldest" | "error";
  /** Whether turns are dropped so that the answer fits too; otherwise only if the prompt does not fit. */
  fitsAnswer: boolean;
}

/** Characters that a template adds to a message, about. */
const charactersOfTurn = 30;

/** Errors: `context-overflow`, and those of rendering and tokenizing. */
export async function fitChat(
  state: ChatState,
  entries: readonly Entry[],
  options: FitOptions,
  signal: AbortSignal,
): Promise<Fitted> {
  const fitted = await fit(state, entries, options, state.canShift !== false, signal);
  const wantsShift = fitted.dropped.length > 0 && state.tokens.length > 0;
  if (!wantsShift || state.canShift === false) return fitted;
  const shiftedTokens = await shift(state, fitted, signal);
  // Without a shift the rest is evaluated again.
  return shiftedTokens > 0 ? { ...fitted, shiftedTokens } : fit(state, entries, options, false, signal);
}

/** Calls the option `onDrop` if turns were dropped. */
export function reportDropped({ options }: ChatState, { dropped, droppedTokens }: Fitted): void {
  if (dropped.length === 0) return;
  options.onDrop?.({ messages: plainMessages(dropped.map(({ message }) => message)), tokens: droppedTokens });
}

/** `shifts`: the rest is not evaluated again after turns are dropped. Otherwise half of the context is freed. */
async function fit(
  state: ChatState,
  entries: readonly Entry[],
  options: FitOptions,
  shifts: boolean,
  signal: AbortSignal,
): Promise<Fitted> {
  const { model } = state;
  const { maxTextBytes } = await model.loaded();
  const { contextLength } = model;
  const limit = contextLength - 1; // the engine needs room for a token
  const answer = Math.min(options.plan.maxTokens ?? defaultMaxTokens, contextLength >> 1);
  // Each shift rounds the keys again, so an eighth of the context is freed at a time.
  const target = shifts ? contextLength - answer - (contextLength >> 3) : contextLength >> 1;
  const drops = options.overflow === "drop-oldest";
  let rest = entries;
  let fullTokens = 0;
  for (;;) {
    const { prompt, ...begin } = await renderPrompt(model, messagesOf(rest), options.plan, signal);
    const isHuge = prompt.text.length > maxTextBytes; // it cannot fit, so it is not tokenized
    const chat = isHuge ? undefined : await tokenizeChat(model, prompt, rest, state.texts, signal);
    const length = chat?.tokens.length ?? Math.ceil((contextLength * prompt.text.length) / maxTextBytes);
    fullTokens ||= length;
    const isFull = length + (options.fitsAnswer ? answer : 1) > contextLength;
    const fewer = isFull && drops ? withoutOldest(rest, (length - target) / length) : undefined;
    if (fewer) {
      rest = fewer;
      continue;
    }
    if (!chat || length > limit) throw tooLong(length, limit, model, drops);
    const dropped = entries.filter((entry) => !rest.includes(entry));
    return { ...chat, ...begin, entries: rest, dropped, droppedTokens: fullTokens - length, shiftedTokens: 0 };
  }
}

/**
 * Removes the tokens of dropped turns from the cache, where the later ones move. Returns their number; 0 if the
 * conversation does not continue the one in the cache, or the model cannot move tokens.
 */
async function shift(state: ChatState, { tokens, answered }: TokenizedChat, signal: AbortSignal): Promise<number> {
  const { model, tokens: old } = state;
  const count = old.length - answered;
  const isMoved = (from: number) => {
    for (let i = from; i < answered; i++) if (tokens[i] !== old[i + count]) return false;
    return true;
  };
  let from = 0;
  while (from < answered && tokens[from] === old[from]) from++;
  if (count <= 0 || !isMoved(from)) return 0;
  try {
    // One token more than is cached: the engine always evaluates the last one of a text.
    const text = [...old, tokens[answered] ?? 0];
    await model.call("remove", { tokens: text, from, to: from + count }, { signal });
    state.canShift = true;
    return count;
  } catch (error) {
    if (!(error instanceof CamelGPTError) || error.code !== "unsupported-task") throw error;
    state.canShift = false;
    return 0;
  }
}

function messagesOf(entries: readonly Entry[]): ChatMessage[] {
  return entries.map(({ message: { aborted: _, ...message } }) => message as ChatMessage);
}

/**
 * Drops the oldest turns: about this fraction of the text, and at least one turn. A turn begins with a message of the
 * user. System messages at the beginning and the last turn stay; undefined if there is nothing else.
 */
function withoutOldest(entries: readonly Entry[], fraction: number): readonly Entry[] | undefined {
  const isSystem = ({ message }: Entry) => message.role === "system" || message.role === "developer";
  const first = entries.findIndex((entry) => !isSystem(entry));
  const turns: number[] = []; // where turns begin, without the first
  for (let i = first + 1; i < entries.length; i++) if (entries[i]?.message.role === "user") turns.push(i);
  if (first < 0 || turns.length === 0) return undefined;
  const sizes = entries.map(({ message }) => contentText(message).length + charactersOfTurn);
  let excess = fraction * sizes.reduce((sum, size) => sum + size, 0);
  let end = first;
  for (const turn of turns) {
    while (end < turn) excess -= sizes[end++] ?? 0;
    if (excess <= 0) break;
  }
  return [...entries.slice(0, first), ...entries.slice(end)];
}

function tooLong(length: number, limit: number, { contextLength }: ModelConnection, drops: boolean): CamelGPTError {
  const what = drops
    ? "The message does not fit into the context."
    : "The conversation no longer fits into the context.";
  return new CamelGPTError("context-overflow", what, {
    expected: `a prompt of at most ${limit} tokens`,
    found: `${length} tokens${drops ? ", without the earlier turns" : ""}`,
    hint: drops
      ? "Shorten the message or send it in several messages. Nothing was added to the conversation. " +
        `A model loaded with a contextLength above ${contextLength} takes longer ones.`
      : 'Drop messages, or create the session with `overflow: "drop-oldest"`.',
  });
}
