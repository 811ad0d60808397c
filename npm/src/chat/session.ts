// A conversation with one model. This file is in the main bundle; what answers is in turns.ts, loaded with the first
// turn.
import type { ChatMessage } from "../../../web/text/messages.js";
import { TextStream } from "../../../web/text/text-stream.js";
import type { GenerationResult } from "../../../web/types.js";
import { isSignal } from "../check-options.js";
import type { ModelConnection } from "../model-connection.js";
import { type ChatOptions, checkSessionOptions } from "../options.js";

/** Options of one answer of a session; they override those of the session. */
export type AnswerOptions = Omit<ChatOptions, "chatTemplate">;

/** Turns that a session dropped because the context was full. */
export interface DroppedTurns {
  /** The messages of the dropped turns, oldest first. They are no longer in `messages`. */
  messages: ChatMessage[];
  /** Tokens of the prompt that they occupied. */
  tokens: number;
}

/** Options of a chat session: these, and defaults for the options of its answers. */
export interface ChatSessionOptions extends Omit<ChatOptions, "signal"> {
  /** The system text: what the model is to be. It stays when old turns are dropped. */
  system?: string;
  /** Earlier messages, oldest first. With `system`, none of them may be a system message at the beginning. */
  history?: readonly ChatMessage[];
  /**
   * What happens when the conversation no longer fits into the context. `"drop-oldest"`: the oldest turns are dropped,
   * each with its answer. `"error"`: `send` rejects with `context-overflow`.
   * @default "drop-oldest"
   */
  overflow?: "drop-oldest" | "error";
  /** Called when turns are dropped, before the first piece of the answer. */
  onDrop?: (dropped: DroppedTurns) => void;
}

/** The tokens of one turn. */
export interface ChatTurn {
  /** Tokens of the prompt that were evaluated. */
  prefilledTokens: number;
  /** Tokens of the prompt that were in the cache. */
  reusedTokens: number;
  /** Tokens of the answer. */
  generatedTokens: number;
  /** Messages that were dropped to make room. */
  droppedMessages: number;
  /** Tokens that were removed from the cache without evaluating the later ones again. */
  shiftedTokens: number;
}

/** An answer of a session: a generation, and the tokens of the turn. */
export interface ChatResult extends GenerationResult {
  turn: ChatTurn;
}

/** Sums over all answers of a session; clones and restored sessions begin with zeros. */
export interface ChatStats extends ChatTurn {
  turns: number;
}

/** A message, and the tokens of an answer as they were sampled. */
export interface Entry {
  readonly message: ChatMessage;
  readonly tokens?: readonly number[] | undefined;
  /** The tokens without white space at the end, which some templates drop. */
  readonly trimmed?: readonly number[] | undefined;
}

/** The state of a session, on which the functions of turns.ts work. */
export interface ChatState {
  readonly model: ModelConnection;
  readonly options: Omit<ChatSessionOptions, "system" | "history">;
  entries: readonly Entry[];
  /** Whether the messages given at the beginning are known to be messages, and copied. */
  areChecked: boolean;
  /** The conversation as it was evaluated, with the last answer. */
  tokens: readonly number[];
  /** Texts between answers, and their tokens. */
  texts: ReadonlyMap<string, readonly number[]>;
  stats: ChatStats;
  /** Whether tokens can be removed from the middle of the cache; unknown before the first attempt. */
  canShift?: boolean;
  /** Settles when the last call on the session has ended. */
  last: Promise<unknown>;
}

const noTokens: ChatTurn = {
  prefilledTokens: 0,
  reusedTokens: 0,
  generatedTokens: 0,
  droppedMessages: 0,
  shiftedTokens: 0,
};

/** The messages are checked by the first call on the session, whose code knows how. Errors: `bad-option`. */
export function newState(model: ModelConnection, options: ChatSessionOptions | undefined): ChatState {
  const { system, history = [], ...checked } = checkSessionOptions(options);
  const messages = system === undefined ? history : [{ role: "system", content: system }, ...history];
  return {
    model,
    options: checked,
    entries: messages.map((message) => ({ message: { ...message } })),
    areChecked: false,
    tokens: [],
    texts: new Map(),
    stats: { turns: 0, ...noTokens },
    last: Promise.resolve(),
  };
}

/** The code of the turns, which is loaded by the first one. */
export const turns = () => import("./turns.js");

/**
 * A conversation, made by `model.createChat`. It keeps the messages and their tokens, so that each turn evaluates only
 * what is new, and drops the oldest turns when the context is full.
 *
 * ```ts
 * const chat = model.createChat({ system: "You are a helpful assistant." });
 * for await (const piece of chat.send("What is the capital of France?")) show(piece);
 * const { text } = await chat.send("And of Italy?");
 * ```
 *
 * Calls on one session run one after the other. The messages of a turn are added when its answer ends. After an error
 * the session is as before. An answer that is aborted after its first piece stays, marked with `aborted: true`; without
 * any text, the turn is not added. Several sessions can share a model; the load option `sequences` keeps more than one
 * of them in the cache.
 */
export class ChatSession {
  readonly #state: ChatState;

  /** @internal */
  constructor(state: ChatState) {
    this.#state = state;
  }

  /** A copy of the messages, oldest first, without those that were dropped. An aborted answer has `aborted: true`. */
  get messages(): ChatMessage[] {
    return this.#state.entries.map(({ message }) => ({ ...message }));
  }

  /** The tokens of the conversation after the last answer; 0 before the first. */
  get contextUsed(): number {
    return this.#state.tokens.length;
  }

  /** The tokens that fit into the context; 0 until the model is loaded. */
  get contextWindow(): number {
    return this.#state.model.contextLength;
  }

  /** How many tokens were evaluated, reused, generated and dropped so far. */
  get stats(): ChatStats {
    return { ...this.#state.stats };
  }

  /**
   * Answers a message. Returns the answer in the same way as `model.stream`.
   * Errors: those of `model.chat`; `context-overflow` if the message does not fit into the context even alone, or with
   * `overflow: "error"` together with the conversation.
   */
  send(message: string | ChatMessage, options?: AnswerOptions): TextStream<ChatResult> {
    return this.#answer(options, async (context) => (await turns()).send(this.#state, message, context));
  }

  /**
   * Replaces the last answer by another one, for example with another `seed` or `temperature`. Answers the last message
   * if it has no answer yet.
   * Errors: those of `send`; `bad-state` if there is no message to answer.
   */
  regenerate(options?: AnswerOptions): TextStream<ChatResult> {
    return this.#answer(options, async (context) => (await turns()).regenerate(this.#state, context));
  }

  /**
   * Replaces a user message, drops all that follow it, and answers the new one.
   * Errors: those of `send`; `bad-input` if `messages[index]` is not a user message.
   */
  edit(index: number, message: string | ChatMessage, options?: AnswerOptions): TextStream<ChatResult> {
    return this.#answer(options, async (context) => (await turns()).edit(this.#state, index, message, context));
  }

  /** Returns an independent session that continues from here; a turn in progress is not part of it. */
  clone(): ChatSession {
    return new ChatSession({ ...this.#state, stats: { turns: 0, ...noTokens }, last: Promise.resolve() });
  }

  /**
   * Returns the messages, their tokens, and the keys and values in the cache, once the turn in progress has ended.
   * `model.restoreChat` continues from there. The options of the session are not saved. The size grows with the
   * conversation: see `model.saveState`.
   * Errors: `out-of-memory`, `aborted`, `unsupported-task`.
   */
  async save(options?: { signal?: AbortSignal }): Promise<Uint8Array> {
    return (await turns()).saveChat(this.#state, options?.signal);
  }

  #answer(options: AnswerOptions | undefined, run: (context: AnswerContext) => Promise<ChatResult>) {
    const signal = options?.signal;
    return new TextStream<ChatResult>(
      (emit, signal) => run({ options, emit, signal }),
      isSignal(signal) ? signal : undefined,
    );
  }
}

/** What a turn receives besides its message. */
export interface AnswerContext {
  options: AnswerOptions | undefined;
  emit: (piece: string) => void;
  signal: AbortSignal;
}
