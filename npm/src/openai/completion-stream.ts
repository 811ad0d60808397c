// The chunks of an answer, with the methods of the `Stream` of the `openai` package.
import type { EventQueue } from "./event-queue.js";

/**
 * The chunks of an answer. It can be read once. Leaving the loop stops the generation, and so does
 * `controller.abort()`, which ends the loop without an error.
 */
export class CompletionStream<Chunk> implements AsyncIterable<Chunk> {
  readonly controller: AbortController;
  readonly #queue: EventQueue<Chunk>;
  #isRead = false;

  /** @internal */
  constructor(queue: EventQueue<Chunk>, controller: AbortController) {
    this.#queue = queue;
    this.controller = controller;
  }

  [Symbol.asyncIterator](): AsyncGenerator<Chunk, void, undefined> {
    if (this.#isRead) throw new Error("The stream has been read already.");
    this.#isRead = true;
    return this.#queue[Symbol.asyncIterator]();
  }

  /** Returns the chunks as lines of JSON, for `ChatCompletionStream.fromReadableStream` of the `openai` package. */
  toReadableStream(): ReadableStream<Uint8Array> {
    const lines = (chunk: Chunk) => `${JSON.stringify(chunk)}\n`;
    return encode(this[Symbol.asyncIterator](), lines, () => this.#queue.cancel());
  }
}

/** The texts of events as bytes. Cancelling the stream calls `onCancel`, also while an event is awaited. */
export function encode<T>(
  events: AsyncGenerator<T, void, undefined>,
  text: (event: T) => string,
  onCancel: () => void,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await events.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(text(value)));
    },
    async cancel() {
      onCancel();
      await events.return();
    },
  });
}
