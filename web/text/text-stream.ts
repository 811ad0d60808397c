// A text while it is generated: its pieces for a loop, and the complete result for an await.
import { CamelGPTError } from "../errors.js";
import type { AnswerPart, DeepPartial, GenerationResult } from "../types.js";

/** Passes on a piece of the text, or a part that is not text. */
export type Emit = (part: string | Exclude<AnswerPart, { type: "text" }>) => void;

/** Generates a text: calls `emit` with each piece, and stops when the signal aborts. */
export type Generate<T extends GenerationResult = GenerationResult> = (emit: Emit, signal: AbortSignal) => Promise<T>;

/**
 * The result of `stream` and `chat`. The generation starts immediately, whether or not anything reads the stream.
 *
 * ```ts
 * const stream = model.stream("Once upon a time,");
 * for await (const piece of stream) show(piece);
 * const { text, usage, finishReason } = await stream;
 * ```
 *
 * Leaving the loop cancels the generation. If it is aborted (by the signal, by `cancel` or by leaving the loop) before
 * the model begins, it rejects with the code `"aborted"`. If it is aborted later, the loop ends, and the awaited result
 * has the text so far and the finish reason `"abort"`. Any other error rejects the await and is thrown in the loop.
 */
export class TextStream<T extends GenerationResult = GenerationResult>
  implements AsyncIterable<string>, PromiseLike<T>
{
  readonly #parts: Parameters<Emit>[0][] = [];
  readonly #result: Promise<T>;
  readonly #abort = new AbortController();
  #ended = false;
  /** Wakes the loops that wait for a piece. */
  #wake: Array<() => void> = [];
  readonly #isJson: boolean;

  /** `isJson`: whether the text is to be JSON, of which `objectStream` reads the beginnings. */
  constructor(generate: Generate<T>, signal: AbortSignal | undefined, isJson = false) {
    this.#isJson = isJson;
    const onAbort = () => this.#abort.abort(signal?.reason);
    if (signal?.aborted) onAbort();
    else signal?.addEventListener("abort", onAbort, { once: true });
    const emit: Emit = (part) => {
      this.#parts.push(part);
      this.#wakeAll();
    };
    this.#result = generate(emit, this.#abort.signal).finally(() => {
      signal?.removeEventListener("abort", onAbort);
      this.#ended = true;
      this.#wakeAll();
    });
    // A loop throws the error itself. An unhandled rejection would end a Node process.
    this.#result.catch(() => {});
  }

  /** Stops the generation. The text generated so far remains. */
  cancel(): void {
    this.#abort.abort();
  }

  /** Each loop receives all pieces of the text from the beginning. */
  async *[Symbol.asyncIterator](): AsyncGenerator<string, void, undefined> {
    for await (const part of this.#all()) if (typeof part === "string") yield part;
  }

  /**
   * Returns all parts of the answer, from the beginning: pieces of its text, and for a chat pieces of the reasoning,
   * calls of tools and their results. Leaving the loop cancels the generation.
   */
  async *parts(): AsyncGenerator<AnswerPart, void, undefined> {
    for await (const part of this.#all()) yield typeof part === "string" ? { type: "text", text: part } : part;
  }

  /**
   * Returns the object of an answer with `responseFormat: { type: "json" }` while it arrives, from the beginning. Each
   * value contains more than the one before: texts can be incomplete, and properties and elements can be missing at the
   * end. The last value is the complete `object` of the result; if the answer is cut off or not valid, the loop ends
   * without it, and `objectError` of the result says why. Values do not change after they are returned. Leaving the
   * loop cancels the generation. Errors: `bad-option` without that format.
   */
  async *objectStream(): AsyncGenerator<DeepPartial<Exclude<T["object"], undefined>>, void, undefined> {
    if (!this.#isJson) {
      throw new CamelGPTError("bad-option", "The answer has no object.", {
        expected: 'the option responseFormat: { type: "json" }',
      });
    }
    const { partialObjects } = await import("./partial-json.js");
    yield* partialObjects<DeepPartial<Exclude<T["object"], undefined>>>(this);
  }

  async *#all(): AsyncGenerator<Parameters<Emit>[0], void, undefined> {
    let position = 0;
    let complete = false;
    try {
      for (;;) {
        const part = this.#parts[position];
        if (part !== undefined) {
          position++;
          yield part;
        } else if (this.#ended) {
          complete = true;
          await this.#result; // throws its error
          return;
        } else {
          await new Promise<void>((resolve) => this.#wake.push(resolve));
        }
      }
    } finally {
      if (!complete) this.cancel();
    }
  }

  /**
   * Returns the pieces as a stream of the web platform, from the beginning. Cancelling it cancels the generation. A
   * slow reader does not slow the generation down: pieces wait in memory until they are read.
   */
  toReadableStream(): ReadableStream<string> {
    const pieces = this[Symbol.asyncIterator]();
    return new ReadableStream<string>(
      {
        async pull(controller) {
          const { done, value } = await pieces.next();
          if (done) controller.close();
          else controller.enqueue(value);
        },
        cancel: () => this.cancel(),
      },
      { highWaterMark: 0 },
    );
  }

  then<A = T, B = never>(
    onValue?: ((value: T) => A | PromiseLike<A>) | null,
    onError?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#result.then(onValue, onError);
  }

  catch<B = never>(onError?: ((error: unknown) => B | PromiseLike<B>) | null): Promise<T | B> {
    return this.#result.catch(onError);
  }

  finally(onEnd?: (() => void) | null): Promise<T> {
    return this.#result.finally(onEnd);
  }

  #wakeAll(): void {
    const waiting = this.#wake;
    this.#wake = [];
    for (const wake of waiting) wake();
  }
}

/** Returns only the text of a stream. Rejects after an abort, and for an incomplete or invalid object. */
export async function textOf(stream: TextStream, signal: AbortSignal | undefined): Promise<string> {
  const result = await stream;
  if (result.objectError) throw result.objectError;
  if (result.finishReason !== "abort") return result.text;
  throw new CamelGPTError("aborted", "The generation was aborted.", {
    cause: signal?.reason,
    hint: "Use stream() to keep the text that was generated before an abort.",
  });
}
