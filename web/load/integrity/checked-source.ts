// A source → the same bytes, compared with the hashes they should have before they are used.
import { CamelGPTError } from "../../errors.js";
import { type ByteSource, exactSizeOf } from "../sources/source.js";
import type { FileCheck, PieceHashes } from "./file-check.js";
import { Sha256 } from "./sha256.js";
import { sha256 } from "./web-crypto.js";

/**
 * With hashes of pieces, each piece is returned once it has been verified. With one hash of the file, the bytes are
 * returned as they come and the end must be read. Without a check, returns `source`. Closing the result closes
 * `source`.
 * Errors: `integrity`, and those of reading.
 */
export function checkedSource(source: ByteSource, check: FileCheck | undefined): ByteSource {
  if (!check) return source;
  return "sha256" in check ? hashedSource(source, check.sha256) : pieceSource(source, check, sha256);
}

function hashedSource(source: ByteSource, expected: string): ByteSource {
  const hash = new Sha256();
  let found: string | undefined;
  return {
    name: source.name,
    size: source.size,
    get exactSize() {
      return exactSizeOf(source);
    },
    async read(target) {
      const count = await source.read(target);
      hash.add(target.subarray(0, count));
      if (count === 0) found ??= hash.digest();
      if (count === 0 && found !== expected) {
        throw integrityError(source.name, "the file that was asked for", `SHA-256 ${expected}`, found!);
      }
      return count;
    },
    close: () => source.close(),
  };
}

/** The same as {@link checkedSource}, but with any hash function. */
export function pieceSource(
  source: ByteSource,
  check: PieceHashes,
  hash: (bytes: Uint8Array) => string | Promise<string>,
): ByteSource {
  if (source.size !== undefined && source.size !== check.bytes) {
    void source.close(); // this function owns the source
    throw notOfRelease(source.name, `${check.bytes} bytes`, `${source.size} bytes`);
  }
  // Two buffers: while one piece is returned, the next one is read and hashed.
  const noBytes = new Uint8Array(0);
  const buffers = [noBytes, noBytes];
  const whole = check.wholeSha256 === undefined ? undefined : new Sha256();
  let index = 0;
  let next: Promise<Uint8Array> | undefined;
  let verified: Uint8Array = noBytes;
  const readPiece = async (): Promise<Uint8Array> => {
    const expected = check.pieces[index];
    const at = index * check.pieceBytes;
    const size = Math.min(check.pieceBytes, check.bytes - at);
    if (expected === undefined || size <= 0) return noBytes;
    const which = index++ % 2;
    const buffer = buffers[which]?.length ? buffers[which] : new Uint8Array(size);
    buffers[which] = buffer;
    for (let filled = 0; filled < size; ) {
      const count = await source.read(buffer.subarray(filled, size));
      if (count === 0) throw notOfRelease(source.name, `${check.bytes} bytes`, `${at + filled} bytes`);
      filled += count;
    }
    const bytes = buffer.subarray(0, size);
    const found = await hash(bytes);
    if (found !== expected) {
      throw notOfRelease(source.name, `the hash ${expected} of piece ${at / check.pieceBytes + 1}`, found);
    }
    whole?.add(bytes);
    if (index === check.pieces.length) await checkEnd();
    return bytes;
  };
  const checkEnd = async (): Promise<void> => {
    const digest = whole?.digest();
    if (digest !== check.wholeSha256) throw notOfRelease(source.name, `SHA-256 ${check.wholeSha256}`, `${digest}`);
    if (source.size === undefined && (await source.read(new Uint8Array(1))) > 0) {
      throw notOfRelease(source.name, `${check.bytes} bytes`, "more");
    }
  };
  return {
    name: source.name,
    size: check.bytes,
    exactSize: check.bytes,
    async read(target) {
      if (verified.length === 0) {
        verified = await (next ?? readPiece());
        next = readPiece();
        next.catch(() => {}); // the next read throws it
      }
      const part = verified.subarray(0, target.length);
      target.set(part);
      verified = verified.subarray(part.length);
      return part.length;
    },
    async close() {
      await source.close();
      await next?.catch(() => {});
    },
  };
}

export function notOfRelease(name: string, expected: string, found: string): CamelGPTError {
  return integrityError(name, "the file of its release", expected, found);
}

function integrityError(name: string, what: string, expected: string, found: string): CamelGPTError {
  return new CamelGPTError("integrity", `${name} is not ${what}.`, {
    expected,
    found,
    hint: "It was damaged or changed in transit: load it again, or ask its publisher.",
  });
}
