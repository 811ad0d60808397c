// A session of the Prompt API over a chat session. Each prompt runs on a copy of it, which replaces it if the prompt
// succeeds.
import type { CamelGPTInferenceBase } from "../camelgpt-inference.js";
import type { ChatSession } from "../chat/session.js";
import type { AnswerOptions } from "../chat/session-state.js";
import { asException, quotaExceeded } from "./errors.js";
import { type CheckedInput, checkInput, constraintOf, withInstruction } from "./input.js";
import type { SessionSampling } from "./sampling.js";
import type { LanguageModel, PromptInput, PromptOptions } from "./types.js";

export class Session extends EventTarget implements LanguageModel {
  oncontextoverflow: ((event: Event) => void) | null = null;
  onquotaoverflow: ((event: Event) => void) | null = null;
  readonly #model: CamelGPTInferenceBase;
  readonly #sampling: SessionSampling;
  readonly #destroyed = new AbortController();
  #chat: ChatSession;
  /** Settles when the calls so far have ended. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(model: CamelGPTInferenceBase, chat: ChatSession, sampling: SessionSampling) {
    super();
    this.#model = model;
    this.#chat = chat;
    this.#sampling = sampling;
  }

  get contextUsage(): number {
    return this.#chat.contextUsed;
  }

  get contextWindow(): number {
    return this.#chat.contextWindow;
  }

  get inputUsage(): number {
    return this.contextUsage;
  }

  get inputQuota(): number {
    return this.contextWindow;
  }

  get topK(): number {
    return this.#sampling.topK;
  }

  get temperature(): number {
    return this.#sampling.temperature;
  }

  get samplingMode() {
    return this.#sampling.samplingMode;
  }

  async prompt(input: PromptInput, options: PromptOptions = {}): Promise<string> {
    return this.#inTurn(options.signal, (signal) => this.#answer(input, options, signal, () => {}));
  }

  promptStreaming(input: PromptInput, options: PromptOptions = {}): ReadableStream<string> {
    const cancelled = new AbortController();
    return new ReadableStream<string>({
      start: (controller) => {
        const emit = (piece: string) => {
          if (!cancelled.signal.aborted) controller.enqueue(piece);
        };
        const signals = [options.signal, cancelled.signal];
        this.#inTurn(signals, (signal) => this.#answer(input, options, signal, emit)).then(
          () => cancelled.signal.aborted || controller.close(),
          (error: unknown) => cancelled.signal.aborted || controller.error(error),
        );
      },
      cancel: () => cancelled.abort(),
    });
  }

  async append(input: PromptInput, { signal }: { signal?: AbortSignal } = {}): Promise<undefined> {
    await this.#inTurn(signal, async (signal) => {
      const { messages } = this.#check(input);
      const chat = this.#chat.clone();
      const before = chat.messages.length;
      await this.#orQuota(messages, signal, chat.append(messages, { signal }));
      this.#chat = chat;
      if (chat.messages.length < before + messages.length) this.#overflow();
    });
  }

  measureContextUsage(input: PromptInput, options: PromptOptions = {}): Promise<number> {
    return this.#guarded(options.signal, async (signal) => {
      const { instruction } = constraintOf(options);
      const { messages } = this.#check(input);
      return this.#chat.countTokens(withInstruction(messages, instruction), { signal });
    });
  }

  measureInputUsage(input: PromptInput, options: PromptOptions = {}): Promise<number> {
    return this.measureContextUsage(input, options);
  }

  clone({ signal }: { signal?: AbortSignal } = {}): Promise<LanguageModel> {
    return this.#guarded(signal, async () => {
      const Class = this.constructor as typeof Session;
      const copy = new Class(this.#model, this.#chat.clone(), this.#sampling);
      copy.destroyWith(signal);
      return copy;
    });
  }

  destroy(): undefined {
    this.#destroyed.abort(new DOMException("The session was destroyed.", "AbortError"));
  }

  /** Destroys the session when the signal aborts. @internal */
  destroyWith(signal: AbortSignal | undefined): void {
    const { signal: ended } = this.#destroyed;
    signal?.addEventListener("abort", () => this.#destroyed.abort(signal.reason), { once: true, signal: ended });
  }

  async #answer(
    input: PromptInput,
    options: PromptOptions,
    signal: AbortSignal,
    emit: (piece: string) => void,
  ): Promise<string> {
    const { format, instruction } = constraintOf(options);
    const checked = this.#check(input);
    const messages = withInstruction(checked.messages, instruction);
    const chat = this.#chat.clone();
    const answerOptions: AnswerOptions = {
      signal,
      ...(format && { responseFormat: format }),
      ...(checked.isPrefix && { continueFinalMessage: true }),
    };
    const count = chat.messages.length + messages.length;
    await chat.append(messages, { signal, evaluate: false });
    const stream = chat.regenerate(answerOptions);
    let isBegun = false;
    const begin = () => {
      if (!isBegun && chat.messages.length < count) this.#overflow();
      isBegun = true;
    };
    const work = async () => {
      for await (const piece of stream) {
        begin();
        emit(piece);
      }
      return stream;
    };
    const { text, finishReason } = await this.#orQuota(messages, signal, work());
    begin();
    if (finishReason === "abort") throw signal.reason;
    this.#chat = chat;
    return text;
  }

  #check(input: PromptInput): CheckedInput {
    return checkInput(input, this.#chat.messages.length === 0);
  }

  /** Replaces the error of a prompt that is too long by one with its size. */
  async #orQuota<T>(messages: CheckedInput["messages"], signal: AbortSignal, work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if ((error as { code?: unknown }).code !== "context-overflow") throw error;
      const requested = await this.#chat.countTokens(messages, { signal }).catch(() => this.contextWindow);
      throw quotaExceeded(Math.max(this.contextUsage + requested, this.contextWindow + 1), this.contextWindow);
    }
  }

  #overflow(): void {
    for (const [type, handler] of [
      ["contextoverflow", this.oncontextoverflow],
      ["quotaoverflow", this.onquotaoverflow],
    ] as const) {
      const event = new Event(type);
      handler?.call(this, event);
      this.dispatchEvent(event);
    }
  }

  /** Runs calls one after the other. */
  #inTurn<T>(
    signals: AbortSignal | undefined | readonly (AbortSignal | undefined)[],
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const before = this.#last;
    const result = this.#guarded(signals, async (signal) => {
      await Promise.race([before, aborted(signal)]);
      return work(signal);
    });
    this.#last = Promise.allSettled([before, result]);
    return result;
  }

  /** Runs a call that `destroy` and the signals abort, with their reason as the error. */
  async #guarded<T>(
    signals: AbortSignal | undefined | readonly (AbortSignal | undefined)[],
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const all = [...(Array.isArray(signals) ? (signals as readonly (AbortSignal | undefined)[]) : [signals])];
    const { signal, release } = anyOf([...all, this.#destroyed.signal] as (AbortSignal | undefined)[]);
    try {
      signal.throwIfAborted();
      return await work(signal);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw asException(error);
    } finally {
      release();
    }
  }
}

/** Rejects when the signal aborts. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    else signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
}

/** The same as AbortSignal.any, which browsers before 2024 lack. */
export function anyOf(signals: readonly (AbortSignal | undefined)[]): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  const removals = signals.map((signal) => {
    const onAbort = () => controller.abort(signal?.reason);
    if (signal?.aborted) onAbort();
    else signal?.addEventListener("abort", onAbort, { once: true });
    return () => signal?.removeEventListener("abort", onAbort);
  });
  return { signal: controller.signal, release: () => removals.forEach((remove) => remove()) };
}
