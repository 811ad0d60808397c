// A chat session as data: its options, its results and its state.
import type { ChatMessage } from "../../../web/text/messages.js";
import type { Emit } from "../../../web/text/text-stream.js";
import type { GenerationResult, ResponseFormat } from "../../../web/types.js";
import type { ModelConnection } from "../model-connection.js";
import { type ChatOptions, checkSessionOptions } from "../options.js";

/** Options of one answer of a session; they override those of the session. */
export type AnswerOptions<F extends ResponseFormat = ResponseFormat> = Omit<ChatOptions<F>, "chatTemplate" | "n">;

/** Options of `append`. */
export interface AppendOptions {
  /**
   * Whether the messages are evaluated immediately; otherwise with the next answer.
   * @default true
   */
  evaluate?: boolean;
  /** Aborts this call. */
  signal?: AbortSignal;
}

/** Turns that a session dropped because the context was full. */
export interface DroppedTurns {
  /** The messages of the dropped turns, oldest first. They are no longer in `messages`. */
  messages: ChatMessage[];
  /** Tokens of the prompt that they occupied. */
  tokens: number;
}

/** Options of a chat session: these, and defaults for the options of its answers. */
export interface ChatSessionOptions extends Omit<ChatOptions, "signal" | "continueFinalMessage" | "n"> {
  /** The system text. It stays when old turns are dropped. */
  system?: string;
  /** Earlier messages, oldest first. With `system`, none of them may be a system message at the beginning. */
  history?: readonly ChatMessage[];
  /**
   * How to continue when the conversation no longer fits into the context. `"drop-oldest"`: the oldest turns, with
   * their answers, are dropped. `"error"`: `send` rejects with `context-overflow`.
   * @default "drop-oldest"
   */
  overflow?: "drop-oldest" | "error";
  /** Called when turns are dropped: before the first piece of an answer, or when `append` has evaluated messages. */
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
export interface ChatResult<T = unknown> extends GenerationResult<T> {
  turn: ChatTurn;
}

/** Sums over all answers of a session; clones and restored sessions begin with zeros. */
export interface ChatStats extends ChatTurn {
  turns: number;
}

/** A message, and the tokens of an answer as they were sampled, without an end token. */
export interface Entry {
  readonly message: ChatMessage;
  readonly tokens?: readonly number[] | undefined;
  /** All tokens of the last answer, until the next turn keeps those that spell its text. */
  readonly sampled?: readonly number[] | undefined;
  /** The tokens without white space at the end, which some templates drop. */
  readonly trimmed?: readonly number[] | undefined;
  /** The tokens of the reasoning. */
  readonly reasoned?: readonly number[] | undefined;
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

export const noTokens: ChatTurn = {
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

/** The parameters of a turn besides its message. */
export interface AnswerContext {
  options: AnswerOptions | undefined;
  emit: Emit;
  signal: AbortSignal;
}
