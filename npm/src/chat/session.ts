// A conversation with one model. This file is in the main bundle; turns.ts, which answers, is loaded by the first turn.
import type { ChatMessage } from "../../../web/text/messages.js";
import { TextStream } from "../../../web/text/text-stream.js";
import type { FormatOutput, ResponseFormat } from "../../../web/types.js";
import { isSignal } from "../check-options.js";
import {
  type AnswerContext,
  type AnswerOptions,
  type AppendOptions,
  type ChatResult,
  type ChatState,
  type ChatStats,
  noTokens,
} from "./session-state.js";

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
   * Several messages are added together, for example the results of tools that an answer has called, with the role
   * `tool` and the ids of the calls as `tool_call_id`.
   * Errors: those of `model.chat`; `context-overflow` if the message by itself does not fit into the context, or, with
   * `overflow: "error"`, together with the conversation.
   */
  send<T = unknown, const F extends ResponseFormat = ResponseFormat<T>>(
    message: string | ChatMessage | readonly ChatMessage[],
    options?: AnswerOptions<F>,
  ): TextStream<ChatResult<FormatOutput<F>>> {
    return this.#answer(options, async (context) => (await turns()).send(this.#state, message, context));
  }

  /**
   * Replaces the last answer by another one, for example with another `seed` or `temperature`. Answers the last message
   * if it has no answer yet. With `continueFinalMessage` it continues the last answer instead, for example one that
   * `maxTokens` has ended.
   * Errors: those of `send`; `bad-state` if there is no message to answer.
   */
  regenerate<T = unknown, const F extends ResponseFormat = ResponseFormat<T>>(
    options?: AnswerOptions<F>,
  ): TextStream<ChatResult<FormatOutput<F>>> {
    return this.#answer(options, async (context) => (await turns()).regenerate(this.#state, context));
  }

  /**
   * Replaces a user message, drops all that follow it, and answers the new one.
   * Errors: those of `send`; `bad-input` if `messages[index]` is not a user message.
   */
  edit<T = unknown, const F extends ResponseFormat = ResponseFormat<T>>(
    index: number,
    message: string | ChatMessage,
    options?: AnswerOptions<F>,
  ): TextStream<ChatResult<FormatOutput<F>>> {
    return this.#answer(options, async (context) => (await turns()).edit(this.#state, index, message, context));
  }

  /**
   * Adds messages without an answer, such as examples, and evaluates them, so that the next answer starts sooner.
   * Errors: those of `send`.
   */
  async append(messages: readonly ChatMessage[], options?: AppendOptions): Promise<void> {
    await (await turns()).append(this.#state, messages, options);
  }

  /** Returns the number of tokens by which messages would lengthen the conversation. Errors: those of `send`. */
  async countTokens(messages: readonly ChatMessage[], options?: { signal?: AbortSignal }): Promise<number> {
    return (await turns()).countTokens(this.#state, messages, options);
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

  #answer<F extends ResponseFormat>(
    options: AnswerOptions<F> | undefined,
    run: (context: AnswerContext) => Promise<ChatResult>,
  ) {
    const signal = options?.signal;
    const format = options?.responseFormat ?? this.#state.options.responseFormat;
    return new TextStream(
      async (emit, signal) => (await run({ options, emit, signal })) as ChatResult<FormatOutput<F>>,
      isSignal(signal) ? signal : undefined,
      format?.type === "json",
    );
  }
}
