// The files of a split model → one source: the headers of all files in order, then the data after each header.
import { CamelGPTError } from "../../errors.js";
import { type ByteSource, exactSizeOf, type FileSequence } from "./source.js";

/** Files that stay open while the headers of others are read: browsers open six connections to an HTTP/1 server. */
const maxOpenFiles = 4;

const noBytes = new Uint8Array(0);

interface OpenFile {
  source: ByteSource;
  /** Bytes after the header that were read together with it. */
  tail: Uint8Array;
  /** Bytes of data that are still to be read; Infinity until the header is complete. */
  remaining: number;
  /** Bytes that have been read. */
  position: number;
}

/** Errors: `truncated` if a file ends before its last tensor does, and those of opening and reading. */
export class Shards implements ByteSource {
  readonly size = undefined;
  readonly files: FileSequence;
  readonly #openers: readonly (() => Promise<ByteSource>)[];
  readonly #open: OpenFile[] = [];
  #current = 0;

  private constructor(openers: readonly (() => Promise<ByteSource>)[]) {
    this.#openers = openers;
    this.files = {
      count: openers.length,
      endHeader: (tail, dataBytes) => this.#endHeader(tail, dataBytes),
    };
  }

  /** Opens the first file. Each other file is opened when the header before its own is complete. */
  static async open(openers: readonly (() => Promise<ByteSource>)[]): Promise<Shards> {
    const shards = new Shards(openers);
    await shards.#openNext();
    return shards;
  }

  /** The name of the file that is being read. */
  get name(): string {
    return (this.#open[this.#current] ?? this.#open[0])?.source.name ?? "";
  }

  /** Of the file that is being read. */
  get exactSize(): number | undefined {
    const file = this.#open[this.#current];
    return file && exactSizeOf(file.source);
  }

  /** The same as for any source, but while headers are read the end of a file counts as the end. */
  async read(target: Uint8Array): Promise<number> {
    for (; this.#current < this.#open.length; this.#current++) {
      const file = this.#open[this.#current] as OpenFile;
      if (file.remaining === 0) {
        await file.source.close();
        continue;
      }
      const part = file.tail.subarray(0, target.length);
      target.set(part);
      file.tail = file.tail.subarray(part.length);
      const count =
        part.length || (await file.source.read(target.subarray(0, Math.min(target.length, file.remaining))));
      if (part.length === 0) file.position += count;
      if (count === 0 && file.remaining < Infinity) throw fileCutOff(this.name);
      file.remaining -= count;
      return count;
    }
    return 0;
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.map(({ source }) => source.close()));
  }

  async #endHeader(tail: Uint8Array, dataBytes: number): Promise<void> {
    const file = this.#open[this.#current];
    if (!file) return;
    file.tail = tail.subarray(0, dataBytes);
    file.remaining = dataBytes;
    file.source.expect?.(file.position - tail.length + dataBytes);
    if (++this.#current === this.#openers.length) {
      this.#current = 0;
      return;
    }
    if (this.#openers.length > maxOpenFiles) await file.source.pause?.();
    await this.#openNext();
  }

  async #openNext(): Promise<void> {
    const source = await this.#openers[this.#current]?.();
    if (source) this.#open.push({ source, tail: noBytes, remaining: Infinity, position: 0 });
  }
}

/** The error for one file of a split model that ends too early. */
export function fileCutOff(name: string, { expected, found }: Partial<CamelGPTError> = {}): CamelGPTError {
  return new CamelGPTError("truncated", `${name} is cut off.`, { expected, found, hint: "Download this file again." });
}
