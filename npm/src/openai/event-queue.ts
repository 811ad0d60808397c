// Events between the model, which does not wait, and their one reader.

/** An asynchronous queue. Leaving a loop over it calls `cancel`. */
export class EventQueue<T> implements AsyncIterable<T> {
  /** Settles when the model has begun: with the first event, the end or the error. */
  readonly begun: Promise<void>;
  /** Resolves when the last event has been pushed. */
  readonly ended: Promise<void>;
  readonly #events: T[] = [];
  readonly #cancel: () => void;
  #resolveBegun: () => void = () => {};
  #rejectBegun: (error: unknown) => void = () => {};
  #resolveEnded: () => void = () => {};
  #end: { error?: unknown } | undefined;
  #wake: (() => void) | undefined;

  constructor(cancel: () => void) {
    this.#cancel = cancel;
    this.begun = new Promise((resolve, reject) => {
      this.#resolveBegun = resolve;
      this.#rejectBegun = reject;
    });
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.begun.catch(() => {}); // the loop throws the error too
  }

  push(event: T): void {
    this.#events.push(event);
    this.begin();
    this.#wake?.();
  }

  /** Says that the model has begun, before there is an event. */
  begin(): void {
    this.#resolveBegun();
  }

  end(): void {
    this.#end ??= {};
    this.begin();
    this.#resolveEnded();
    this.#wake?.();
  }

  fail(error: unknown): void {
    this.#end ??= { error };
    this.#rejectBegun(error);
    this.#resolveEnded();
    this.#wake?.();
  }

  /** Stops the model, whether or not the reader waits for an event. */
  cancel(): void {
    this.#cancel();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    let isComplete = false;
    try {
      for (;;) {
        const event = this.#events.shift();
        if (event !== undefined) {
          yield event;
        } else if (this.#end) {
          isComplete = true;
          if ("error" in this.#end) throw this.#end.error;
          return;
        } else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
      }
    } finally {
      if (!isComplete) this.#cancel();
    }
  }
}
