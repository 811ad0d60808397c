// A model that is split into several files → one source: the headers of all, in order, then what follows the header of each.
import { CamelGPTError } from "../../errors.js";
import type { ByteSource } from "./source.js";

/** Files that stay open while the headers of others are read: browsers have six connections to a server of HTTP/1. */
const mostOpen = 4;

const none = new Uint8Array(0);

interface OpenFile {
  source: ByteSource;
  /** What was read with the header and lies behind it. */
  tail: Uint8Array;
  /** Bytes that are still to come; not known before the header is complete. */
  left: number;
}

/** Errors: `truncated` where a file ends before its last tensor does, and those of opening and reading. */
export class Shards implements ByteSource {
  readonly size = undefined;
  readonly #openers: readonly (() => Promise<ByteSource>)[];
  readonly #files: OpenFile[] = [];
  #at = 0;

  private constructor(openers: readonly (() => Promise<ByteSource>)[]) {
    this.#openers = openers;
  }

  /** Opens the first file. The others are opened when the header before theirs is complete. */
  static async open(openers: readonly (() => Promise<ByteSource>)[]): Promise<Shards> {
    const shards = new Shards(openers);
    await shards.#openNext();
    return shards;
  }

  /** Of the file that is being read. */
  get name(): string {
    return (this.#files[this.#at] ?? this.#files[0])?.source.name ?? "";
  }

  get count(): number {
    return this.#openers.length;
  }

  /** The header of a file is complete. `tail` was read behind it, and `bytes` follow it that are wanted, the tail's among them. */
  async endHeader(tail: Uint8Array, bytes: number): Promise<void> {
    const file = this.#files[this.#at];
    if (!file) return;
    file.tail = tail.subarray(0, bytes);
    file.left = bytes;
    if (++this.#at === this.count) {
      this.#at = 0;
      return;
    }
    if (this.count > mostOpen) await file.source.pause?.();
    await this.#openNext();
  }

  /** As of any source; but the end of a file ends its header. */
  async read(target: Uint8Array): Promise<number> {
    for (; this.#at < this.#files.length; this.#at++) {
      const file = this.#files[this.#at] as OpenFile;
      if (file.left === 0) {
        await file.source.close();
        continue;
      }
      const part = file.tail.subarray(0, target.length);
      target.set(part);
      file.tail = file.tail.subarray(part.length);
      const count = part.length || (await file.source.read(target.subarray(0, Math.min(target.length, file.left))));
      if (count === 0 && file.left < Infinity) throw this.cutOff();
      file.left -= count;
      return count;
    }
    return 0;
  }

  /** What to say of a file that ends too early. */
  cutOff(): CamelGPTError {
    return new CamelGPTError("truncated", `${this.name} is cut off.`, { hint: "Download this file again." });
  }

  async close(): Promise<void> {
    await Promise.all(this.#files.map(({ source }) => source.close()));
  }

  async #openNext(): Promise<void> {
    const source = await this.#openers[this.#at]?.();
    if (source) this.#files.push({ source, tail: none, left: Infinity });
  }
}
