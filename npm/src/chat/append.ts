// Messages that a session gets without an answer.
import { abortedError } from "../../../web/errors.js";
import type { ChatMessage } from "../../../web/text/messages.js";
import { generateParams } from "../options.js";
import { checkOptions, flag, signal as signalRule } from "../check-options.js";
import type { AnswerPlan } from "./answer/plan.js";
import { loadTools, splitAnswerOptions } from "./answer-options.js";
import { checkMessages } from "./check-messages.js";
import { fitChat, reportDropped } from "./fit-chat.js";
import { inTurn } from "./in-turn.js";
import { tokenizeChat } from "./kept-tokens.js";
import { plainMessages } from "./plain-messages.js";
import { planChat, renderPrompt } from "./render-prompt.js";
import type { AppendOptions, ChatState, Entry } from "./session-state.js";

const rules = { evaluate: flag, signal: signalRule };
const neverAborted = () => new AbortController().signal;

/** Adds messages. `evaluate`: fits them into the context, and computes their keys and values. */
export function append(
  state: ChatState,
  messages: readonly ChatMessage[],
  options: AppendOptions | undefined,
): Promise<void> {
  const { evaluate = true, signal = neverAborted() } = checkOptions("append", options, rules);
  const added = entriesOf(state, messages);
  return inTurn(state, signal, async () => {
    const entries = [...state.entries, ...added];
    if (!evaluate) {
      state.entries = entries;
      return;
    }
    const { model, options } = state;
    const { overflow = "drop-oldest" } = options;
    const plan = await planOf(state, signal);
    const fitted = await fitChat(state, entries, { plan, overflow, fitsAnswer: false }, signal);
    const sampling = { maxTokens: 1, temperature: 0, seed: 0 };
    const plain = { addSpecial: false, parseSpecial: false, stop: [], logitBias: [], reportsProgress: false };
    const { finishReason } = await model.call("generate", { ...plain, prompt: fitted.tokens, sampling }, { signal });
    if (finishReason === "abort") throw abortedError(signal);
    state.entries = fitted.entries;
    state.tokens = fitted.tokens;
    state.texts = fitted.texts;
    reportDropped(state, fitted);
  });
}

/** The tokens by which messages would lengthen the conversation. */
export function countTokens(
  state: ChatState,
  messages: readonly ChatMessage[],
  options: { signal?: AbortSignal } | undefined,
): Promise<number> {
  const { signal = neverAborted() } = checkOptions("count", options, { signal: signalRule });
  const added = entriesOf(state, messages);
  return inTurn(state, signal, async () => {
    const { model, entries, texts, tokens } = state;
    const all = [...entries, ...added];
    const asked = all.map(({ message }) => message);
    const { prompt } = await renderPrompt(model, asked, await planOf(state, signal), signal);
    const chat = await tokenizeChat(model, prompt, all, texts, signal);
    return Math.max(0, chat.tokens.length - tokens.length);
  });
}

async function planOf(state: ChatState, signal: AbortSignal): Promise<AnswerPlan> {
  const { model } = state;
  const { settings, rest } = splitAnswerOptions(state, undefined);
  const tools = await loadTools(model, settings, signal);
  const step = tools && { checked: tools.checked, choice: tools.checked.choice };
  return planChat(model, settings, generateParams("", rest, model.limits), signal, step);
}

function entriesOf({ model }: ChatState, messages: readonly ChatMessage[]): Entry[] {
  checkMessages(messages, model.limits);
  return plainMessages(messages).map((message) => ({ message }));
}
