// A source → the same bytes, which are also written to the store.
import { type CamelGPTError, describe, excerpt } from "../../errors.js";
import { checksum } from "../integrity/checksum.js";
import type { FileCheck } from "../integrity/file-check.js";
import { shortUrl } from "../names.js";
import { hashedPieceBytes } from "../sizes.js";
import { type ByteSource, exactSizeOf, type Ranges } from "../sources/source.js";
import { checkId, newFileName, readEntry, writeEntry } from "./entries.js";
import type { FileStore, FileWriter } from "./file-store.js";

/** Bytes after the last tensor (padding, a signature) that `close` reads to complete the copy. */
const maxPaddingBytes = 1 << 20;
/** The buffer for these bytes. */
const paddingReadBytes = 1 << 14;

/** A download that is being written. */
interface Writing {
  writer: FileWriter;
  key: string;
  file: string;
  /** The file of the entry that existed before. */
  previous: string | undefined;
}

/** Bytes [from, to) of the file. */
interface Span {
  from: number;
  to: number;
}

/** An incomplete piece. */
interface Piece {
  bytes: Uint8Array;
  filled: number;
}

export interface CachingOptions {
  store: FileStore;
  url: string;
  /** See `keyOf`. */
  key: string;
  /** A file that is larger is not kept. */
  maxBytes: number | undefined;
  /** The hashes with which `source` has been compared. */
  check: FileCheck | undefined;
  /** Called if the copy cannot be written. The bytes are returned nevertheless. */
  warn(reason: string): void;
}

/**
 * Accepts the bytes in any order, or in order if the size is unknown. The copy is committed by `close` if all bytes
 * have been read, up to the end of the source, and are right: compared with hashes, or announced by `expect`. Otherwise
 * `close` removes it.
 */
export class CachingSource implements ByteSource {
  readonly name: string;
  readonly size: number | undefined;
  readonly ranges: Ranges | undefined;
  readonly #source: ByteSource;
  readonly #options: CachingOptions;
  readonly #pieceBytes: number;
  /** Checksums by piece. */
  readonly #checksums: string[] = [];
  readonly #incomplete = new Map<number, Piece>();
  /** The ranges that have been read. */
  readonly #read: Span[] = [];
  /** The range that `read` continues. */
  #current = this.#begin(0);
  /** The buffer of a completed piece, for reuse. */
  #spare: Uint8Array | undefined;
  /** Bytes received, each counted once. */
  #received = 0;
  /** Minimum number of bytes of a whole file. */
  #expected = Infinity;
  #hasEnded = false;
  #hasFailed = false;
  /** Parts can be read at the same time, but are stored one after the other. */
  #storing = Promise.resolve();
  #writing: Writing | undefined;

  constructor(source: ByteSource, options: CachingOptions) {
    this.#source = source;
    this.#options = options;
    this.name = source.name;
    this.size = source.size;
    this.#pieceBytes = Math.min(hashedPieceBytes, source.size ?? Infinity);
    if (options.check) this.#expected = 0;
    const { ranges } = source;
    this.ranges = ranges && {
      part: (from, to) => {
        const part = ranges.part(from, to);
        const span = this.#begin(from);
        return {
          name: this.name,
          size: this.size,
          read: async (target) => this.#keep(span, target, await part.read(target)),
          close: () => part.close(),
        };
      },
      seek: (from, to) => {
        this.#current = this.#begin(from);
        return ranges.seek(from, to);
      },
    };
  }

  get exactSize(): number | undefined {
    return exactSizeOf(this.#source);
  }

  async read(target: Uint8Array): Promise<number> {
    let count: number;
    try {
      count = await this.#source.read(target);
    } catch (error) {
      this.#hasFailed = true; // all bytes may have arrived, with a wrong hash
      throw error;
    }
    this.#hasEnded ||= count === 0 && this.#read.length === 1; // otherwise it is the end of a range
    return this.#keep(this.#current, target, count);
  }

  expect(bytes: number): void {
    if (!this.#options.check) this.#expected = bytes;
  }

  async pause(): Promise<void> {
    await this.#source.pause?.();
  }

  async close(): Promise<void> {
    try {
      const { size = this.#expected } = this;
      // Otherwise the load was aborted, or it has failed.
      const isLoaded = this.#received >= this.#expected && this.#received + maxPaddingBytes >= size;
      if (!this.#hasFailed && isLoaded) await this.#finish();
    } catch (error) {
      // The end of one file of a split model is only read here.
      if ((error as CamelGPTError).code === "integrity") throw error;
      await this.#fail(error);
    } finally {
      this.#hasFailed = true;
      await this.#storing; // a file that is being created is removed too
      await this.#discard();
      await this.#source.close();
    }
  }

  async #finish(): Promise<void> {
    const padding = new Uint8Array(paddingReadBytes);
    const end = Math.max(...this.#read.map(({ to }) => to));
    if (this.size !== undefined && end < this.size && this.#read.length > 1) await this.ranges?.seek(end, this.size);
    const { check } = this.#options;
    // The one hash of a file is compared at its end.
    const isWhole = () => this.#hasEnded || (this.#received === this.size && !(check && "sha256" in check));
    const limit = this.#received + maxPaddingBytes;
    while (!this.#hasFailed && !isWhole() && this.#received <= limit && (await this.read(padding)) > 0);
    if (this.#hasFailed) return;
    if (!isWhole()) throw new Error(`more than ${maxPaddingBytes} bytes follow the model`);
    await this.#commit();
  }

  #begin(from: number): Span {
    const span = { from, to: from };
    this.#read.push(span);
    return span;
  }

  /** Stores `count` bytes that follow a range, and returns their number. */
  async #keep(span: Span, target: Uint8Array, count: number): Promise<number> {
    this.#storing = this.#storing.then(async () => {
      if (!this.#hasFailed)
        await this.#store(span, target.subarray(0, count)).catch((error: unknown) => this.#fail(error));
    });
    await this.#storing;
    return count;
  }

  /** Takes the bytes that follow a range, without those that were read before. */
  async #store(current: Span, bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const at = current.to;
      const earlier = this.#read.find(({ from, to }) => from <= at && at < to);
      const index = Math.floor(at / this.#pieceBytes);
      const later = this.#read.filter(({ from, to }) => at < from && from < to).map(({ from }) => from);
      const end = earlier?.to ?? Math.min((index + 1) * this.#pieceBytes, ...later);
      const part = bytes.subarray(done, done + end - at);
      current.to += part.length;
      done += part.length;
      if (!earlier) await this.#addToPiece(index, at - index * this.#pieceBytes, part);
    }
  }

  /** Writes the piece once it is complete. */
  async #addToPiece(index: number, at: number, bytes: Uint8Array): Promise<void> {
    let piece = this.#incomplete.get(index);
    if (!piece) {
      piece = { bytes: this.#spare ?? new Uint8Array(this.#pieceBytes), filled: 0 };
      this.#spare = undefined;
      this.#incomplete.set(index, piece);
    }
    piece.bytes.set(bytes, at);
    piece.filled += bytes.length;
    this.#received += bytes.length;
    const { maxBytes = Infinity } = this.#options;
    if (Math.max(this.#received, this.size ?? 0) > maxBytes) throw new Error(`it is larger than ${maxBytes} bytes`);
    const size = Math.min(this.#pieceBytes, (this.size ?? Infinity) - index * this.#pieceBytes);
    if (piece.filled === size) await this.#writePiece(index, piece);
  }

  async #writePiece(index: number, piece: Piece): Promise<void> {
    this.#incomplete.delete(index);
    this.#spare = piece.bytes;
    const complete = piece.bytes.subarray(0, piece.filled);
    this.#checksums[index] = checksum(complete);
    const { writer } = this.#writing ?? (await this.#create());
    await writer.write(complete, index * this.#pieceBytes);
  }

  async #create(): Promise<Writing> {
    const { store, key } = this.#options;
    const previous = (await readEntry(store, key))?.file;
    const file = newFileName(key);
    this.#writing = { writer: await store.create(file), key, file, previous };
    return this.#writing;
  }

  async #commit(): Promise<void> {
    for (const [index, piece] of this.#incomplete) await this.#writePiece(index, piece); // the last piece
    if (!this.#writing) return;
    const { store, url, check } = this.#options;
    const { writer, key, file, previous } = this.#writing;
    await writer.close();
    const current = (await readEntry(store, key))?.file;
    if (current !== undefined && current !== previous) return this.#discard(); // another page or process was first
    await writeEntry(store, key, {
      format: 2,
      url: shortUrl(url),
      file,
      bytes: this.#received,
      pieceBytes: this.#pieceBytes,
      pieces: this.#checksums,
      check: await checkId(check),
    });
    this.#writing = undefined;
    if (previous !== undefined) await store.remove(previous);
  }

  async #fail(error: unknown): Promise<void> {
    this.#hasFailed = true;
    this.#options.warn(`The download of ${excerpt(this.name)} could not be kept: ${describe(error)}.`);
    await this.#discard();
  }

  async #discard(): Promise<void> {
    if (!this.#writing) return;
    const { writer, file } = this.#writing;
    this.#writing = undefined;
    await writer.close().catch(() => {});
    await this.#options.store.remove(file).catch(() => {});
  }
}
