// The manifest of a release: which files belong together, and the hashes they must have.
import { CamelGPTError, describe, excerpt } from "../../errors.js";
import type { PieceHashes } from "../integrity/file-check.js";
import { isSigned, type Signature } from "../integrity/web-crypto.js";
import { hashedPieceBytes } from "../sizes.js";

export const manifestName = "camelgpt.json";

export interface ReleaseFile {
  /** Relative to the manifest. */
  path: string;
  check: PieceHashes;
}

/**
 * The signer's public key in hexadecimal; or the manifest is unsigned, or this environment cannot check the signature.
 */
export type SignatureState = { by: string } | "none" | "unchecked";

/** A valid manifest. */
export interface Release {
  name: string;
  version: string;
  license: string;
  signature: SignatureState;
  weights: ReleaseFile;
  sidecar: ReleaseFile | undefined;
  /** Hashes of blocks of the weights, see `blockSource`. */
  blocks: ReleaseFile | undefined;
}

const knownKeys = new Set(["format", "name", "version", "license", "parameters", "files", "signature"]);
const relativePath = /^\w[\w.-]*(\/\w[\w.-]*)*$/;
const isHash = (value: unknown): value is string => typeof value === "string" && /^[0-9a-f]{64}$/.test(value);

/** Returns the text that is signed: the manifest as JSON without its signature and without white space. */
export function signedText({ signature, ...signed }: Record<string, unknown>): string {
  void signature;
  return JSON.stringify(signed);
}

/** Errors: `bad-format`, and `integrity` if the signature is wrong. */
export async function parseManifest(bytes: Uint8Array): Promise<Release> {
  let manifest: Record<string, unknown>;
  try {
    manifest = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
  } catch (error) {
    throw badManifest(describe(error), error);
  }
  if (manifest?.["format"] !== 1) throw badManifest(`format ${excerpt(String(manifest?.["format"]))}`);
  // Otherwise a manifest with a misspelt "signature" would count as unsigned.
  const unknown = Object.keys(manifest).find((key) => !knownKeys.has(key));
  if (unknown !== undefined) throw badManifest(`the key ${excerpt(unknown)}`);
  const signature = await checkSignature(manifest);
  const files = manifest["files"];
  if (!Array.isArray(files)) throw badManifest("no list of files");
  const fileOf = (role: string) => {
    const file = (files as Record<string, unknown>[]).find((each) => each?.["role"] === role);
    return file && parseFile(file);
  };
  const weights = fileOf("weights");
  if (!weights) throw badManifest("no file with the role weights");
  const textOf = (key: string) => (typeof manifest[key] === "string" ? manifest[key] : "");
  return {
    name: textOf("name"),
    version: textOf("version"),
    license: textOf("license"),
    signature,
    weights,
    sidecar: fileOf("sidecar"),
    blocks: fileOf("blocks"),
  };
}

function parseFile(file: Record<string, unknown>): ReleaseFile {
  const { path, bytes, sha256, pieceBytes = hashedPieceBytes } = file;
  const pieces: unknown = file["pieces"] ?? [sha256];
  if (typeof path !== "string" || !relativePath.test(path)) throw badManifest(`the path ${excerpt(String(path))}`);
  const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0;
  const hasAllHashes =
    isCount(bytes) &&
    isCount(pieceBytes) &&
    pieceBytes <= hashedPieceBytes &&
    Array.isArray(pieces) &&
    pieces.length === Math.ceil(bytes / pieceBytes);
  if (!hasAllHashes || !pieces.every(isHash)) throw badManifest(`no hash for each piece of ${path}`);
  return { path, check: { bytes, pieceBytes, pieces } };
}

async function checkSignature(manifest: Record<string, unknown>): Promise<SignatureState> {
  const signature = manifest["signature"] as Partial<Signature> | undefined;
  if (signature === undefined) return "none";
  const { publicKey, value } = signature ?? {};
  if (!isHash(publicKey) || typeof value !== "string" || !/^[0-9a-f]{128}$/.test(value)) {
    throw badManifest("an invalid signature");
  }
  const isValid = await isSigned(signedText(manifest), { publicKey, value });
  if (isValid === undefined) return "unchecked";
  if (isValid) return { by: publicKey };
  throw new CamelGPTError("integrity", "The manifest of the release was changed after it was signed.", {
    expected: `a manifest signed by ${publicKey}`,
    found: "another text, or another signature",
    hint: "It was damaged or changed in transit: load it again, or ask the publisher of the release.",
  });
}

function badManifest(found: string, cause?: unknown): CamelGPTError {
  return new CamelGPTError("bad-format", "The manifest of the release cannot be used.", {
    expected: `${manifestName} of format 1 with files that have a role (weights, sidecar), a path, bytes and hashes`,
    found,
    cause,
  });
}
