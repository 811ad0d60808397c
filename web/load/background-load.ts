// The rest of an eager load: the remaining weights arrive while the model answers, and rows that a step needs are
// fetched first.
import type { Engine, FileRange } from "../engine/engine.js";
import { disposedError } from "../errors.js";
import { pause } from "../pause.js";
import type { Progress } from "./progress.js";
import { backgroundReadBytes } from "./sizes.js";
import type { ByteSource, Ranges } from "./sources/source.js";

/**
 * Simultaneous requests for rows. Over HTTP/1 browsers open six connections to a server, one of which reads the
 * remaining weights.
 */
const maxRequests = 5;
/** Milliseconds that a request adds, assumed so that the choice of requests does not depend on a measurement. */
const requestTime = 10;

export class BackgroundLoad {
  readonly #engine: Engine;
  readonly #source: ByteSource;
  readonly #ranges: Ranges;
  readonly #progress: Progress;
  /** The rows that are being fetched. */
  readonly #rows = new Set<ByteSource>();
  /** Settles when the requested rows have arrived: the remaining weights wait for them. */
  #fetching: Promise<unknown> | undefined;
  #finishing: Promise<void> | undefined;
  #isCancelled = false;

  constructor(engine: Engine, source: ByteSource, ranges: Ranges, progress: Progress) {
    this.#engine = engine;
    this.#source = source;
    this.#ranges = ranges;
    this.#progress = progress;
  }

  /**
   * Reads all remaining weights, or waits for the read in progress. Errors: those of reading, `disposed` after
   * `cancel`.
   */
  finish(): Promise<void> {
    if (!this.#finishing) {
      this.#finishing = this.#orCancelled(this.#readRemaining());
      this.#finishing.catch(() => {}); // every call that needs the weights gets the error
    }
    return this.#finishing;
  }

  /** Fetches what the last call of the engine lacked. Errors: those of `finish`. */
  async fetchMissing(): Promise<void> {
    const ranges = this.#engine.requestRows(requestTime * this.#progress.bytesPerMs());
    if (ranges.length === 0) return this.finish();
    const next = ranges.values();
    const fetchSome = async () => {
      for (const range of next) await this.#fetchRows(range);
    };
    const fetching = Promise.all(Array.from({ length: maxRequests }, fetchSome));
    this.#fetching = fetching
      .catch(() => {})
      .finally(() => {
        this.#fetching = undefined;
      });
    await this.#orCancelled(fetching);
  }

  async cancel(): Promise<void> {
    this.#isCancelled = true;
    await Promise.all([this.#source, ...this.#rows].map((source) => source.close()));
  }

  /** Replaces the error of a source that was closed during a read. */
  async #orCancelled(work: Promise<unknown>): Promise<void> {
    try {
      await work;
    } catch (error) {
      throw this.#isCancelled ? disposedError() : error;
    }
    if (this.#isCancelled) throw disposedError();
  }

  async #readRemaining(): Promise<void> {
    const buffer = new Uint8Array(backgroundReadBytes);
    try {
      let position: number | undefined;
      for (let wanted = this.#engine.wanted(); wanted && !this.#isCancelled; wanted = this.#engine.wanted()) {
        if (wanted.from !== position) await this.#ranges.seek(wanted.from, wanted.to);
        const count = await this.#source.read(buffer.subarray(0, wanted.to - wanted.from));
        if (this.#isCancelled) return;
        this.#engine.staging().set(buffer.subarray(0, count));
        this.#engine.feed(count);
        this.#progress.addBytes(count);
        position = wanted.from + count;
        await pause();
        if (this.#fetching) {
          await this.#source.pause?.(); // a server may send one response at a time
          await this.#fetching;
        }
      }
      if (!this.#isCancelled) this.#progress.report("done");
    } finally {
      await this.#source.close();
    }
  }

  async #fetchRows({ from, to }: FileRange): Promise<void> {
    const source = this.#ranges.part(from, to);
    this.#rows.add(source);
    try {
      const buffer = new Uint8Array(Math.min(to - from, backgroundReadBytes));
      for (let filled = 0; from < to && !this.#isCancelled; ) {
        const size = Math.min(buffer.length, to - from);
        const count = await source.read(buffer.subarray(filled, size));
        this.#progress.addBytes(count);
        filled += count;
        if (filled < size || this.#isCancelled) continue;
        const used = this.#engine.feedRows(from, buffer.subarray(0, size));
        buffer.copyWithin(0, used, size);
        from += used;
        filled -= used;
      }
    } finally {
      this.#rows.delete(source);
      await source.close();
    }
  }
}
