// The manifest of a release: which files belong together, and the hashes they must have.
import { CamelGPTError, describe, excerpt } from "../../errors.js";
import { fromHex } from "../../hex.js";
import type { PieceHashes } from "../integrity/file-check.js";
import { isSigned, sha256, type Signature } from "../integrity/web-crypto.js";
import { hashedPieceBytes } from "../sizes.js";
import { manifestName } from "./manifest-name.js";

/** The format that is written. Format 1 has no date, no key id, and signatures that do not say what they are for. */
export const manifestFormat = 2;

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
  format: 1 | 2;
  name: string;
  version: string;
  license: string;
  /** When it was made, for example "2026-11-30T12:00:00Z"; empty in format 1. */
  date: string;
  signature: SignatureState;
  /** The SHA-256 of the signed text. */
  signedHash: string;
  weights: ReleaseFile;
  sidecar: ReleaseFile | undefined;
  /** Hashes of blocks of the weights, see `blockSource`. */
  blocks: ReleaseFile | undefined;
}

const roles = ["weights", "sidecar", "blocks"] as const;
type Role = (typeof roles)[number];

const keysOfManifest = ["format", "name", "version", "license", "parameters", "files", "signature"];
const keysOfFile = ["role", "path", "bytes", "sha256", "pieceBytes", "pieces"];
const relativePath = /^\w[\w.-]*(\/\w[\w.-]*)*$/;
const isoDate = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
const isHash = (value: unknown): value is string => typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * Returns the text that is signed: the manifest as JSON without its signature and without white space. From format 2 on
 * a line before it says what the signature is for, so that it fits nothing else that the key signs.
 */
export function signedText({ signature, ...signed }: Record<string, unknown>): string {
  void signature;
  const text = JSON.stringify(signed);
  return signed["format"] === 1 ? text : `camelgpt release manifest, format ${String(signed["format"])}\n${text}`;
}

/** Returns the id of a key: the first 16 digits of the SHA-256 of the public key. */
export async function keyIdOf(publicKey: string): Promise<string> {
  return (await sha256(fromHex(publicKey))).slice(0, 16);
}

/** Errors: `bad-format`, and `integrity` if the signature is wrong. */
export async function parseManifest(bytes: Uint8Array): Promise<Release> {
  let manifest: unknown;
  try {
    manifest = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw badManifest(describe(error), error);
  }
  if (!isRecord(manifest)) throw badManifest("another JSON value than an object");
  const { format, date } = manifest;
  if (format !== 1 && format !== manifestFormat) throw badManifest(`format ${excerpt(String(format))}`);
  // Otherwise a manifest with a misspelt "signature" would count as unsigned.
  rejectUnknownKeys(manifest, format === 1 ? keysOfManifest : [...keysOfManifest, "date"]);
  const isDated = typeof date === "string" && isoDate.test(date) && !Number.isNaN(Date.parse(date));
  if (format !== 1 && !isDated) throw badManifest(`the date ${excerpt(String(date))}`);
  const textOf = (key: string) => {
    const value = manifest[key];
    if (typeof value === "string") return value;
    if (format === 1) return "";
    throw badManifest(`no ${key}`);
  };
  const signature = await checkSignature(manifest);
  return {
    format,
    name: textOf("name"),
    version: textOf("version"),
    license: textOf("license"),
    date: isDated ? date : "",
    signature,
    signedHash: await sha256(new TextEncoder().encode(signedText(manifest))),
    ...parseFiles(manifest["files"]),
  };
}

function rejectUnknownKeys(value: Record<string, unknown>, known: readonly string[]): void {
  const unknown = Object.keys(value).find((key) => !known.includes(key));
  if (unknown !== undefined) throw badManifest(`the key ${excerpt(unknown)}`);
}

function parseFiles(files: unknown): Pick<Release, Role> {
  if (!Array.isArray(files)) throw badManifest("no list of files");
  const found: Partial<Record<Role, ReleaseFile>> = {};
  for (const file of files as unknown[]) {
    if (!isRecord(file)) throw badManifest("a file that is not an object");
    rejectUnknownKeys(file, keysOfFile);
    const role = roles.find((each) => each === file["role"]);
    if (!role) throw badManifest(`the role ${excerpt(String(file["role"]))}`);
    if (found[role]) throw badManifest(`two files with the role ${role}`);
    const parsed = parseFile(file);
    if (Object.values(found).some(({ path }) => path === parsed.path)) {
      throw badManifest(`two roles for the file ${parsed.path}`);
    }
    found[role] = parsed;
  }
  const { weights, sidecar, blocks } = found;
  if (!weights) throw badManifest("no file with the role weights");
  return { weights, sidecar, blocks };
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
  if (sha256 !== undefined && !isHash(sha256)) throw badManifest(`no SHA-256 of ${path}`);
  return { path, check: { bytes, pieceBytes, pieces, ...(file["pieces"] !== undefined && { wholeSha256: sha256 }) } };
}

async function checkSignature(manifest: Record<string, unknown>): Promise<SignatureState> {
  const { signature } = manifest;
  if (signature === undefined) return "none";
  const { publicKey, value, keyId } = (isRecord(signature) ? signature : {}) as Partial<Signature>;
  if (!isRecord(signature) || !isHash(publicKey) || typeof value !== "string" || !/^[0-9a-f]{128}$/.test(value)) {
    throw badManifest("an invalid signature");
  }
  const hasKeyId = manifest["format"] !== 1;
  rejectUnknownKeys(signature, ["publicKey", "value", ...(hasKeyId ? ["keyId"] : [])]);
  if (hasKeyId && keyId !== (await keyIdOf(publicKey))) throw badManifest("a key id of another key");
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
    expected:
      `${manifestName} of format 1 or ${manifestFormat} with files that have a role of their own ` +
      `(${roles.join(", ")}), a path, bytes and hashes`,
    found,
    cause,
  });
}
