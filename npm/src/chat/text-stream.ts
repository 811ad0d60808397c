// A text while it is being written: pieces for a loop, and the whole for an await.
import { CamelGPTError } from "../../../web/errors.js";
import type { GenerationResult } from "../../../web/types.js";
import { isSignal } from "../check-options.js";

/** Makes the text: calls `emit` for each piece, stops when the signal aborts. */
export type Generate = (emit: (piece: string) => void, signal: AbortSignal) => Promise<GenerationResult>;

/**
 * What `stream` and `chat` return. The generation starts at once, whether or not anybody listens.
 *
 * ```ts
 * const stream = model.stream("Once upon a time,");
 * for await (const piece of stream) show(piece);
 * const { text, usage, finishReason } = await stream;
 * ```
 *
 * Leaving the loop cancels the generation. An abort (by the signal, by `cancel` or by leaving the loop) before the model begins
 * rejects with the code `"aborted"`; after that the loop just ends, and the awaited result holds the text so far and the finish
 * reason `"abort"`. Any other failure rejects the await and is thrown in the loop.
 */
export class TextStream implements AsyncIterable<string>, PromiseLike<GenerationResult> {
  readonly #pieces: string[] = [];
  readonly #result: Promise<GenerationResult>;
  readonly #abort = new AbortController();
  #ended = false;
  #wake: Array<() => void> = [];

  /** @param given The caller's signal, not checked yet: that is for `generate` to do, so that the error comes as all others. */
  constructor(generate: Generate, given: unknown) {
    const signal = isSignal(given) ? given : undefined;
    const onAbort = () => this.#abort.abort(signal?.reason);
    if (signal?.aborted) onAbort();
    else signal?.addEventListener("abort", onAbort, { once: true });
    const emit = (piece: string) => {
      this.#pieces.push(piece);
      this.#wakeAll();
    };
    this.#result = generate(emit, this.#abort.signal).finally(() => {
      signal?.removeEventListener("abort", onAbort);
      this.#ended = true;
      this.#wakeAll();
    });
    // Who only loops hears of a failure in the loop; an unhandled rejection beside it would end a Node process.
    this.#result.catch(() => {});
  }

  /** Ends the generation. What was made so far stays. */
  cancel(): void {
    this.#abort.abort();
  }

  /** The pieces from the first on; each loop gets all of them. */
  async *[Symbol.asyncIterator](): AsyncGenerator<string, void, undefined> {
    let position = 0;
    let complete = false;
    try {
      for (;;) {
        const piece = this.#pieces[position];
        if (piece !== undefined) {
          position++;
          yield piece;
        } else if (this.#ended) {
          complete = true;
          await this.#result; // throws what went wrong
          return;
        } else {
          await new Promise<void>((resolve) => this.#wake.push(resolve));
        }
      }
    } finally {
      if (!complete) this.cancel();
    }
  }

  then<A = GenerationResult, B = never>(
    onValue?: ((value: GenerationResult) => A | PromiseLike<A>) | null,
    onError?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#result.then(onValue, onError);
  }

  catch<B = never>(onError?: ((error: unknown) => B | PromiseLike<B>) | null): Promise<GenerationResult | B> {
    return this.#result.catch(onError);
  }

  finally(onEnd?: (() => void) | null): Promise<GenerationResult> {
    return this.#result.finally(onEnd);
  }

  #wakeAll(): void {
    const waiting = this.#wake;
    this.#wake = [];
    for (const wake of waiting) wake();
  }
}

/** The text of a stream, for those who asked for nothing but the text: an abort is an error to them. */
export async function textOf(stream: TextStream, signal: AbortSignal | undefined): Promise<string> {
  const result = await stream;
  if (result.finishReason !== "abort") return result.text;
  throw new CamelGPTError("aborted", "The generation was aborted.", {
    cause: signal?.reason,
    hint: "Use stream() to keep the text that was made before an abort.",
  });
}
