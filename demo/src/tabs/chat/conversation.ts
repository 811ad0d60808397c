// The conversation: its messages as the page shows them, kept for the next visit, and the session that answers.
import type {
  AnswerOptions,
  CamelGPTInference,
  ChatMessage,
  ChatResult,
  ChatSession,
  StepLogprobs,
} from "@gpt-research/camelgpt-inference";
import { effect, signal } from "@preact/signals";
import { beginAnswer, callbacks, lastTimings, prefill, savedShare } from "../../engine/live.js";
import { modelState } from "../../state/model.js";
import { settings } from "../../state/settings.js";
import { isAbort } from "../../ui/problem.js";

export interface Shown {
  role: "user" | "assistant";
  content: string;
  reasoning?: string;
  /** With the setting that shows alternatives: the tokens of the answer. */
  tokens?: readonly StepLogprobs[];
  facts?: Facts;
}

export interface Facts {
  tokens: number;
  tokensPerSecond: number;
  seconds: number;
  /** The share of the multiply-adds that pruning left out, 0 to 1. */
  saved: number;
}

const storageKey = "conversation";

export const messages = signal<readonly Shown[]>(stored());
/** The answer that is being written. */
export const draft = signal<Shown | undefined>(undefined);
export const problem = signal<unknown>(undefined);
export const context = signal<{ used: number; window: number } | undefined>(undefined);

effect(() => {
  const kept = messages.value.map(({ role, content }) => ({ role, content }));
  localStorage.setItem(storageKey, JSON.stringify(kept));
});

function stored(): Shown[] {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(storageKey) ?? "[]");
    const isShown = ({ role, content }: Shown) => /^(user|assistant)$/.test(role) && typeof content === "string";
    return Array.isArray(found) && found.every(isShown) ? found : [];
  } catch {
    return [];
  }
}

let session: ChatSession | undefined;
/** The model and the system text of the session. */
let sessionOf: unknown;
let systemOf = "";
let running: AbortController | undefined;

/** The session of the model, which continues the messages on the page. */
function sessionWith(model: CamelGPTInference): ChatSession {
  const { system } = settings.peek();
  if (session && sessionOf === model && systemOf === system) return session;
  const history: ChatMessage[] = messages.peek().map(({ role, content }) => ({ role, content }));
  session = model.createChat({ ...(system !== "" && { system }), history });
  sessionOf = model;
  systemOf = system;
  return session;
}

export const stop = (): void => running?.abort();

export function clear(): void {
  stop();
  session = undefined;
  messages.value = [];
  problem.value = context.value = undefined;
}

export const send = (text: string): Promise<void> =>
  answer([...messages.peek(), { role: "user", content: text }], (chat, options) => chat.send(text, options));

/** Another answer to the last message. */
export const retry = (): Promise<void> =>
  answer(withoutAnswer(messages.peek()), (chat, options) =>
    chat.regenerate({ ...options, seed: Math.floor(Math.random() * 2 ** 32) }),
  );

/** Replaces a message of the visitor, and forgets what followed. */
export function edit(index: number, text: string): Promise<void> {
  const before = messages.peek().slice(0, index);
  const offset = settings.peek().system === "" ? 0 : 1;
  return answer([...before, { role: "user", content: text }], (chat, options) =>
    chat.edit(index + offset, text, options),
  );
}

const withoutAnswer = (all: readonly Shown[]) => (all.at(-1)?.role === "assistant" ? all.slice(0, -1) : all);

type Ask = (chat: ChatSession, options: AnswerOptions) => ReturnType<ChatSession["send"]>;

async function answer(shown: readonly Shown[], ask: Ask): Promise<void> {
  const state = modelState.peek();
  if (state.status !== "ready" || running) return;
  const { model } = state;
  const chat = sessionWith(model);
  const before = messages.peek();
  const abort = (running = new AbortController());
  messages.value = shown;
  problem.value = undefined;
  draft.value = { role: "assistant", content: "" };
  beginAnswer();
  const begin = performance.now();
  try {
    const { sampling, alternatives } = settings.peek();
    const options = { ...sampling, ...(alternatives && { logprobs: 5 }), signal: abort.signal, ...callbacks };
    const stream = ask(chat, options as AnswerOptions);
    await show(stream);
    const result = (await stream) as ChatResult;
    const { text, reasoning, logprobs, timings, usage } = result;
    lastTimings.value = timings;
    const facts = {
      tokens: usage.completionTokens,
      tokensPerSecond: timings.decodeTokensPerSecond,
      seconds: (performance.now() - begin) / 1000,
      saved: savedShare(await model.report()),
    };
    messages.value = [
      ...shown,
      {
        role: "assistant",
        content: text,
        facts,
        ...(reasoning && { reasoning }),
        ...(logprobs && { tokens: logprobs }),
      },
    ];
    context.value = { used: chat.contextUsed, window: chat.contextWindow };
  } catch (error) {
    if (!isAbort(error)) problem.value = error;
    // The session is as before. A question without an answer stays on the page, to be edited or tried again.
    session = undefined;
    messages.value = shown.length > before.length ? shown : before;
  } finally {
    running = undefined;
    draft.value = prefill.value = undefined;
  }
}

/** Shows the pieces of an answer, at most one change a frame. */
async function show(stream: ReturnType<ChatSession["send"]>): Promise<void> {
  const written = { content: "", reasoning: "" };
  let isScheduled = false;
  for await (const part of stream.parts()) {
    if (part.type === "text") written.content += part.text;
    else if (part.type === "reasoning") written.reasoning += part.text;
    if (isScheduled) continue;
    isScheduled = true;
    requestAnimationFrame(() => {
      isScheduled = false;
      if (running) draft.value = { role: "assistant", ...written };
    });
  }
}
