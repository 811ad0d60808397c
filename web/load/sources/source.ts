// Where the bytes of a model come from: one small interface, and the sources that every runtime has.
import { CamelGPTError, describe } from "../../errors.js";

/** Bytes that can be read once, from beginning to end. */
export interface ByteSource {
  /** For people: a file name, without folders or query. */
  readonly name: string;
  /** Bytes in all, where known beforehand. */
  readonly size: number | undefined;
  /** Writes the next bytes to the beginning of `target` and says how many: at least 1, or 0 at the end. */
  read(target: Uint8Array): Promise<number>;
  /** Gives everything back. Safe to call twice, and in the middle. */
  close(): Promise<void>;
  /** Gives back what can be had again when `read` goes on. */
  pause?(): Promise<void>;
  /** Where bytes can be read in another order too. */
  readonly ranges?: Ranges | undefined;
}

/** A source of which any part can be read. Positions are bytes of the file, `to` is the one behind the last. */
export interface Ranges {
  /** `read` goes on from here, to `to` at most. */
  seek(from: number, to: number): Promise<void>;
  /** A part by itself, beside what `read` gives. */
  part(from: number, to: number): ByteSource;
}

/** The last part of a path or URL. */
export function fileName(path: string): string {
  const clean = path.split(/[?#]/, 1)[0] ?? path;
  return clean.split(/[\\/]/).filter(Boolean).pop() ?? path;
}

export function bytesSource(bytes: Uint8Array, name = "bytes"): ByteSource {
  let position = 0;
  return {
    name,
    size: bytes.length,
    async read(target) {
      const part = bytes.subarray(position, position + target.length);
      target.set(part);
      position += part.length;
      return part.length;
    },
    async close() {
      position = bytes.length;
    },
  };
}

/** Reads a Blob in slices, so that a large file is never in memory as a whole. */
export function blobSource(blob: Blob, name: string): ByteSource {
  let position = 0;
  return {
    name,
    size: blob.size,
    async read(target) {
      const end = Math.min(position + target.length, blob.size);
      if (end === position) return 0;
      let part: ArrayBuffer;
      try {
        part = await blob.slice(position, end).arrayBuffer();
      } catch (error) {
        // Browsers refuse to read a file that changed after it was chosen.
        throw new CamelGPTError("read-failed", `Reading ${name} failed: ${describe(error)}`, {
          hint: "Choose the file again: it may have been changed or moved.",
          cause: error,
        });
      }
      target.set(new Uint8Array(part));
      position = end;
      return part.byteLength;
    },
    async close() {
      position = blob.size;
    },
  };
}

const streamChunk = 1 << 20;

/**
 * Reads a stream: through one buffer of its own where the stream can fill it (a quarter of the chunks, half the time),
 * otherwise chunk by chunk. `onError` turns what the stream throws into what is thrown; it gets the bytes read so far.
 */
export function streamSource(
  stream: ReadableStream<Uint8Array>,
  name: string,
  size: number | undefined,
  onError: (error: unknown, received: number) => unknown,
): ByteSource {
  let received = 0;
  const reader = byobReader(stream);
  const fill = reader ? fillFromByob(reader) : fillFromChunks(stream.getReader());
  return {
    name,
    size,
    async read(target) {
      try {
        const count = await fill.read(target);
        received += count;
        return count;
      } catch (error) {
        throw onError(error, received);
      }
    },
    async close() {
      // A stream that failed already rejects again; there is nothing left to give back.
      await fill.cancel().catch(() => {});
    },
  };
}

interface Fill {
  read(target: Uint8Array): Promise<number>;
  cancel(): Promise<void>;
}

function byobReader(stream: ReadableStream<Uint8Array>): ReadableStreamBYOBReader | undefined {
  try {
    return stream.getReader({ mode: "byob" });
  } catch {
    return undefined; // not a byte stream, or a browser without this reader
  }
}

function fillFromByob(reader: ReadableStreamBYOBReader): Fill {
  let buffer: ArrayBufferLike = new ArrayBuffer(streamChunk);
  return {
    async read(target) {
      const view = new Uint8Array(buffer as ArrayBuffer, 0, Math.min(target.length, streamChunk));
      const { value, done } = await reader.read(view);
      if (value) buffer = value.buffer; // the same memory under a new name
      if (done || !value) return 0;
      target.set(value);
      return value.length;
    },
    cancel: () => reader.cancel(),
  };
}

function fillFromChunks(reader: ReadableStreamDefaultReader<Uint8Array>): Fill {
  let rest = new Uint8Array(0);
  return {
    async read(target) {
      while (rest.length === 0) {
        const { value, done } = await reader.read();
        if (done) return 0;
        if (!(value instanceof Uint8Array)) throw new TypeError("the stream holds something other than bytes");
        rest = value as Uint8Array<ArrayBuffer>;
      }
      const part = rest.subarray(0, target.length);
      target.set(part);
      rest = rest.subarray(part.length);
      return part.length;
    },
    cancel: () => reader.cancel(),
  };
}
