// The interface through which the bytes of a model are read.

/** Bytes that can be read once, from beginning to end. */
export interface ByteSource {
  /** A file name for messages, without folders or query. */
  readonly name: string;
  /** Size in bytes, if known in advance. */
  readonly size: number | undefined;
  /** Size in bytes of the current file, if the file cannot have more bytes: a header that declares more is an error. */
  readonly exactSize?: number | undefined;
  /** Writes the next bytes to the beginning of `target` and returns their number: at least 1, or 0 at the end. */
  read(target: Uint8Array): Promise<number>;
  /** Releases all resources. Safe to call twice and before the end. */
  close(): Promise<void>;
  /** Releases the connection; the next `read` reopens it. */
  pause?(): Promise<void>;
  /** For a part: resolves once it can be read. Rejects if it cannot, or only together with all bytes before it. */
  opened?(): Promise<void>;
  /**
   * Announces that the first `bytes` bytes are right, once they have been read: up to the position that the header of a
   * file tells, or to the end. Without this call, a source that keeps a copy does not keep it.
   */
  expect?(bytes: number): void;
  /** Present if the bytes can also be read in another order. */
  readonly ranges?: Ranges | undefined;
  /** Present if the source is a sequence of files, the files of a split model. */
  readonly files?: FileSequence | undefined;
}

/** Random access to a source. A range is [from, to), in bytes of the file. */
export interface Ranges {
  /** `read` continues at `from` and ends at `to`. */
  seek(from: number, to: number): Promise<void>;
  /** Returns a range as a source of its own, independent of `read`. */
  part(from: number, to: number): ByteSource;
}

/** The files of a split model, read as one source: first all headers, then the data of each file. */
export interface FileSequence {
  readonly count: number;
  /**
   * Ends the header of the current file. `tail` are the bytes that were already read after the header; `dataBytes` of
   * data follow the header, including the tail.
   */
  endHeader(tail: Uint8Array, dataBytes: number): Promise<void>;
}

/**
 * The exact size of the current file. A server's size is exact if ranges were compared; otherwise it can be that of
 * compressed bytes.
 */
export function exactSizeOf({ exactSize, ranges, size }: ByteSource): number | undefined {
  return exactSize ?? (ranges ? size : undefined);
}
