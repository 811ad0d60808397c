// Bytes in memory and Blobs as sources.
import { CamelGPTError, describe } from "../../errors.js";
import type { ByteSource } from "./source.js";

export function bytesSource(bytes: Uint8Array, name = "bytes"): ByteSource {
  let position = 0;
  return {
    name,
    size: bytes.length,
    exactSize: bytes.length,
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

/** Reads a Blob in slices, so that a large file is never in memory as a whole. Errors: `read-failed`. */
export function blobSource(blob: Blob, name: string): ByteSource {
  let position = 0;
  return {
    name,
    size: blob.size,
    exactSize: blob.size,
    async read(target) {
      const end = Math.min(position + target.length, blob.size);
      if (end === position) return 0;
      let part: ArrayBuffer;
      try {
        part = await blob.slice(position, end).arrayBuffer();
      } catch (error) {
        // Browsers refuse to read a file that has changed since it was chosen.
        throw new CamelGPTError("read-failed", `Reading ${name} failed: ${describe(error)}`, {
          hint: "Choose the file again: it may have changed.",
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
