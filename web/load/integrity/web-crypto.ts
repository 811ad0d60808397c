// SHA-256 and Ed25519 by WebCrypto.
import { CamelGPTError } from "../../errors.js";
import { fromHex, toHex } from "../../hex.js";

export interface Signature {
  /** Ed25519, in hexadecimal. */
  publicKey: string;
  /** From manifest format 2 on, see `keyIdOf`. */
  keyId?: string;
  value: string;
}

/** Returns the SHA-256 of the bytes in hexadecimal. Errors: `unsupported-environment`. */
export async function sha256(bytes: Uint8Array): Promise<string> {
  return toHex(await sha256Bytes(bytes));
}

/** Errors: `unsupported-environment`. */
export async function sha256Bytes(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await subtle().digest("SHA-256", bytes as Uint8Array<ArrayBuffer>));
}

/** Whether the signature fits the text and the public key; undefined if this environment cannot tell. */
export async function isSigned(text: string, { publicKey, value }: Signature): Promise<boolean | undefined> {
  let key: CryptoKey;
  try {
    key = await subtle().importKey("raw", fromHex(publicKey), "Ed25519", false, ["verify"]);
  } catch (error) {
    // DataError: Ed25519 is supported, but the digits are not a key.
    return (error as Error).name === "DataError" ? false : undefined;
  }
  return subtle().verify("Ed25519", key, fromHex(value), new TextEncoder().encode(text));
}

function subtle(): SubtleCrypto {
  const found = globalThis.crypto?.subtle as SubtleCrypto | undefined;
  if (found) return found;
  throw new CamelGPTError("unsupported-environment", "The files of a release cannot be verified here.", {
    expected: "crypto.subtle, which pages have on https: and localhost",
    hint: "Serve the page over https, or load the .gguf file by its own address, without verification.",
  });
}
