// Messages that a session gets without an answer.
import type { ChatMessage } from "../../../web/text/messages.js";
import { splitChatOptions } from "../options.js";
import { checkMessages } from "./check-messages.js";
import { fitChat } from "./fit-chat.js";
import { inTurn } from "./in-turn.js";
import { tokenizeChat } from "./kept-tokens.js";
import { plainMessages } from "./plain-messages.js";
import { renderPrompt } from "./render-prompt.js";
import type { ChatState, Entry } from "./session-state.js";

/** Adds messages. `evaluate`: fits them into the context, and computes their keys and values. */
export function append(
  state: ChatState,
  messages: readonly ChatMessage[],
  evaluate: boolean,
  signal: AbortSignal,
): Promise<void> {
  const added = entriesOf(state, messages);
  return inTurn(state, signal, async () => {
    const entries = [...state.entries, ...added];
    if (!evaluate) {
      state.entries = entries;
      return;
    }
    const { model, options } = state;
    const { overflow = "drop-oldest", onDrop: _, ...defaults } = options;
    const { template } = splitChatOptions(defaults);
    const fitted = await fitChat(state, entries, { template, overflow, maxTokens: 1, fitsAnswer: false }, signal);
    const sampling = { maxTokens: 1, temperature: 0, seed: 0 };
    const plain = { addSpecial: false, parseSpecial: false, stop: [], logitBias: [], reportsProgress: false };
    const { finishReason } = await model.call("generate", { ...plain, prompt: fitted.tokens, sampling }, { signal });
    if (finishReason === "abort") signal.throwIfAborted();
    state.entries = fitted.entries;
    state.tokens = fitted.tokens;
    state.texts = fitted.texts;
  });
}

/** The tokens by which messages would lengthen the conversation. */
export function countTokens(state: ChatState, messages: readonly ChatMessage[], signal: AbortSignal): Promise<number> {
  const added = entriesOf(state, messages);
  return inTurn(state, signal, async () => {
    const { model, options, entries, texts, tokens } = state;
    const { overflow: _, onDrop: _onDrop, ...defaults } = options;
    const all = [...entries, ...added];
    const { template } = splitChatOptions(defaults);
    const prompt = await renderPrompt(
      model,
      all.map(({ message }) => message),
      template,
      signal,
    );
    const chat = await tokenizeChat(model, prompt, all, texts, signal);
    return Math.max(0, chat.tokens.length - tokens.length);
  });
}

function entriesOf({ model }: ChatState, messages: readonly ChatMessage[]): Entry[] {
  checkMessages(messages, model.limits);
  return plainMessages(messages).map((message) => ({ message }));
}
