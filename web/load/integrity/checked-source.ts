// Whether bytes are those that a release's manifest promised: SHA-256 of each piece before it is used, Ed25519 of the manifest. Or those that the
// caller wants: SHA-256 of the whole file, before the model is used.
import { CamelGPTError } from "../../errors.js";
import { Sha256 } from "./sha256.js";
import type { ByteSource } from "../sources/source.js";

/** What a file has to be. */
export type FileCheck = PieceCheck | WholeCheck;

/** Of weights at a URL: where the hashes are by which parts of them are checked. */
export interface BlocksAt {
  url: string;
  check: PieceCheck;
}

/** SHA-256 of all bytes, as hexadecimal digits: whether they are right is known at the end. */
export interface WholeCheck {
  sha256: string;
}

/** By SHA-256 or another hash. */
export interface PieceCheck {
  bytes: number;
  /** All pieces but the last have as many bytes. */
  pieceBytes: number;
  /** The hash of each piece; SHA-256 as hexadecimal digits. */
  pieces: readonly string[];
  blocks?: BlocksAt | undefined;
}

export interface Signature {
  /** Ed25519, as hexadecimal digits. */
  publicKey: string;
  value: string;
}

/**
 * Gives the bytes of `source` on, piece by piece, as soon as each is known to be right, or up to an end that has to be read; without a check
 * as they come. Closing it closes `source`. Errors: `integrity`, and those of reading.
 */
export function checkedSource(source: ByteSource, check: FileCheck | undefined): ByteSource {
  if (!check) return source;
  return "sha256" in check ? wholeSource(source, check.sha256) : pieceSource(source, check, sha256);
}

function wholeSource(source: ByteSource, expected: string): ByteSource {
  const hash = new Sha256();
  let found: string | undefined;
  return {
    name: source.name,
    size: source.size,
    async read(target) {
      const count = await source.read(target);
      hash.add(target.subarray(0, count));
      if (count === 0) found ??= hash.digest();
      if (count === 0 && found !== expected)
        throw differs(source.name, "the file that was asked for", `SHA-256 ${expected}`, found!);
      return count;
    },
    close: () => source.close(),
  };
}

/** As {@link checkedSource}, by any hash. */
export function pieceSource(
  source: ByteSource,
  check: PieceCheck,
  hash: (bytes: Uint8Array) => string | Promise<string>,
): ByteSource {
  if (source.size !== undefined && source.size !== check.bytes) {
    void source.close(); // nobody else will: this function takes it over
    throw differs(source.name, ofRelease, `${check.bytes} bytes`, `${source.size} bytes`);
  }
  // While one piece is given on the next one is read and hashed.
  const none = new Uint8Array(0);
  const buffers = [none, none];
  let piece = 0;
  let ahead: Promise<Uint8Array> | undefined;
  let rest: Uint8Array = none;
  const nextPiece = async (): Promise<Uint8Array> => {
    const expected = check.pieces[piece];
    const at = piece * check.pieceBytes;
    const wanted = Math.min(check.pieceBytes, check.bytes - at);
    if (expected === undefined || wanted <= 0) return none;
    const which = piece++ % 2;
    const buffer = buffers[which]?.length ? buffers[which] : new Uint8Array(wanted);
    buffers[which] = buffer;
    for (let filled = 0; filled < wanted; ) {
      const count = await source.read(buffer.subarray(filled, wanted));
      if (count === 0) throw differs(source.name, ofRelease, `${check.bytes} bytes`, `${at + filled} bytes`);
      filled += count;
    }
    const bytes = buffer.subarray(0, wanted);
    const found = await hash(bytes);
    if (found !== expected)
      throw differs(source.name, ofRelease, `the hash ${expected} of piece ${at / check.pieceBytes + 1}`, found);
    return bytes;
  };
  return {
    name: source.name,
    size: check.bytes,
    async read(target) {
      if (rest.length === 0) {
        rest = await (ahead ?? nextPiece());
        ahead = nextPiece();
        ahead.catch(() => {}); // whoever reads on hears of it
      }
      const part = rest.subarray(0, target.length);
      target.set(part);
      rest = rest.subarray(part.length);
      return part.length;
    },
    async close() {
      await source.close();
      await ahead?.catch(() => {});
    },
  };
}

/** Whether the signature of its public key fits the text. Undefined where this environment cannot tell. */
export async function isSigned(text: string, { publicKey, value }: Signature): Promise<boolean | undefined> {
  let key: CryptoKey;
  try {
    key = await subtle().importKey("raw", fromHex(publicKey), "Ed25519", false, ["verify"]);
  } catch (error) {
    // The digits that are no key are known only where there is Ed25519.
    return (error as Error).name === "DataError" ? false : undefined;
  }
  return subtle().verify("Ed25519", key, fromHex(value), new TextEncoder().encode(text));
}

/** Errors: `unsupported-environment`. */
export function subtle(): SubtleCrypto {
  const found = globalThis.crypto?.subtle as SubtleCrypto | undefined;
  if (found) return found;
  throw new CamelGPTError("unsupported-environment", "The files of a release cannot be verified here.", {
    expected: "crypto.subtle, which pages have on https: and localhost",
    hint: "Serve the page over https, or load the .gguf file by its own address, unverified.",
  });
}

export const ofRelease = "the file of its release";

export function differs(name: string, what: string, expected: string, found: string): CamelGPTError {
  return new CamelGPTError("integrity", `${name} is not ${what}.`, {
    expected,
    found,
    hint: "It was damaged or changed on the way: load it again, or ask whoever published it.",
  });
}

/** As hexadecimal digits. Errors: `unsupported-environment`. */
export async function sha256(bytes: Uint8Array): Promise<string> {
  const hash = new Uint8Array(await subtle().digest("SHA-256", bytes as Uint8Array<ArrayBuffer>));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function fromHex(digits: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}
