// The weights that a model could answer without so far: they arrive while it is used, and rows of them that a step wants before come at once.
import type { Engine, FileRange } from "../engine/engine.js";
import { disposedError } from "../errors.js";
import { pause } from "../pause.js";
import type { ByteSource, Ranges } from "./source.js";

/** Requests at a time. Over HTTP/1 browsers make six of them wait for one another; later versions carry all on one connection. */
const requests = 32;
/** Bytes to feed at a time: steps come in between. */
const pieceBytes = 256 << 10;

/** Hears of so many bytes, or that all are in place. */
type OnProgress = (status: "progress" | "done", count?: number) => void;

export class Rest {
  readonly #engine: Engine;
  readonly #source: ByteSource;
  readonly #ranges: Ranges;
  readonly #progress: OnProgress;
  /** Rows that are being read. */
  readonly #parts = new Set<ByteSource>();
  #whole: Promise<void> | undefined;
  #isEnded = false;

  /** `progress` hears of what comes in its turn; rows that are fetched before come again then. */
  constructor(engine: Engine, source: ByteSource, ranges: Ranges, progress: OnProgress) {
    this.#engine = engine;
    this.#source = source;
    this.#ranges = ranges;
    this.#progress = progress;
  }

  /** Reads the rest, if that has not begun, and resolves when all is there. Errors: those of reading. */
  whole(): Promise<void> {
    if (!this.#whole) {
      this.#whole = this.#unlessEnded(this.#readAll());
      this.#whole.catch(() => {}); // whoever needs it hears of it
    }
    return this.#whole;
  }

  /** What the engine's last call waits for. Errors: those of reading. */
  async missing(): Promise<void> {
    const ranges = this.#engine.missing();
    if (ranges.length === 0) return this.whole();
    const next = ranges.values();
    const readSome = async () => {
      for (const range of next) await this.#readRows(range);
    };
    await this.#unlessEnded(Promise.all(Array.from({ length: requests }, readSome)));
  }

  async end(): Promise<void> {
    this.#isEnded = true;
    await Promise.all([this.#source, ...this.#parts].map((source) => source.close()));
  }

  /** What was closed while it was read has an error of its own, which nobody should see. */
  async #unlessEnded(work: Promise<unknown>): Promise<void> {
    try {
      await work;
    } catch (error) {
      throw this.#isEnded ? disposedError() : error;
    }
    if (this.#isEnded) throw disposedError();
  }

  async #readAll(): Promise<void> {
    const piece = new Uint8Array(pieceBytes);
    try {
      let position: number | undefined;
      for (let wanted = this.#engine.wanted(); wanted && !this.#isEnded; wanted = this.#engine.wanted()) {
        if (wanted.from !== position) await this.#ranges.seek(wanted.from, wanted.to);
        const count = await this.#source.read(piece.subarray(0, wanted.to - wanted.from));
        if (this.#isEnded) return;
        this.#engine.staging().set(piece.subarray(0, count));
        this.#engine.feed(count);
        this.#progress("progress", count);
        position = wanted.from + count;
        await pause();
      }
      if (!this.#isEnded) this.#progress("done");
    } finally {
      await this.#source.close();
    }
  }

  async #readRows({ from, to }: FileRange): Promise<void> {
    const source = this.#ranges.part(from, to);
    this.#parts.add(source);
    try {
      const bytes = new Uint8Array(to - from);
      for (let filled = 0; filled < bytes.length; ) filled += await source.read(bytes.subarray(filled));
      if (!this.#isEnded) this.#engine.feedRows(from, bytes);
    } finally {
      this.#parts.delete(source);
      await source.close();
    }
  }
}
