// An official release: a folder or URL whose manifest says which files belong together, and what they have to be.
import { CamelGPTError, describe, excerpt } from "../../errors.js";
import { isSigned, type PieceCheck, type Signature } from "../integrity/checked-source.js";
import { readAll } from "../sources/read-all.js";
import type { ByteSource } from "../sources/source.js";

export const manifestName = "camelgpt.json";

/** Bytes of a piece that has a hash of its own. */
export const pieceBytes = 1 << 20;

export interface ReleaseFile {
  /** Relative to the manifest. */
  path: string;
  check: PieceCheck;
}

/** The public key of whoever signed the manifest, as hexadecimal digits; or nobody did, or this environment cannot check it. */
export type SignatureState = { by: string } | "none" | "unchecked";

/** What a manifest says. */
export interface Release {
  name: string;
  version: string;
  license: string;
  signature: SignatureState;
  weights: ReleaseFile;
  sidecar: ReleaseFile | undefined;
  /** Hashes of the weights by which parts of them can be checked, see `blocks.ts`. */
  blocks: ReleaseFile | undefined;
}

/** What has more bytes is no manifest. */
export const largestManifest = 16 << 20;
const keys = new Set(["format", "name", "version", "license", "parameters", "files", "signature"]);
const relativePath = /^\w[\w.-]*(\/\w[\w.-]*)*$/;
const isHash = (value: unknown): value is string => typeof value === "string" && /^[0-9a-f]{64}$/.test(value);

/** What is signed: the manifest without its signature, without white space. */
export function signedText({ signature, ...rest }: Record<string, unknown>): string {
  void signature;
  return JSON.stringify(rest);
}

/** Closes the source. Errors: `bad-format`, `integrity` where the signature is wrong, and those of reading. */
export async function readRelease(source: ByteSource): Promise<Release> {
  const text = new TextDecoder().decode(await readAll(source, largestManifest, "the manifest of a release"));
  let manifest: Record<string, unknown>;
  try {
    manifest = JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    throw badManifest(describe(error), error);
  }
  if (manifest?.["format"] !== 1) throw badManifest(`format ${excerpt(String(manifest?.["format"]))}`);
  // A signature under another name would be no signature.
  const unknown = Object.keys(manifest).find((key) => !keys.has(key));
  if (unknown !== undefined) throw badManifest(`the key ${excerpt(unknown)}`);
  const signature = await signatureOf(manifest);
  const files = manifest["files"];
  if (!Array.isArray(files)) throw badManifest("no list of files");
  const fileOf = (role: string) => {
    const file = (files as Record<string, unknown>[]).find((each) => each?.["role"] === role);
    return file && releaseFile(file);
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

function releaseFile({
  path,
  bytes,
  sha256,
  pieceBytes: size = pieceBytes,
  pieces,
}: Record<string, unknown>): ReleaseFile {
  if (typeof path !== "string" || !relativePath.test(path)) throw badManifest(`the path ${excerpt(String(path))}`);
  const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0;
  const hashes: unknown = pieces ?? [sha256];
  const isWhole =
    isCount(bytes) &&
    isCount(size) &&
    size <= pieceBytes &&
    Array.isArray(hashes) &&
    hashes.length === Math.ceil(bytes / size);
  if (!isWhole || !hashes.every(isHash)) throw badManifest(`no hash for each piece of ${path}`);
  return { path, check: { bytes, pieceBytes: size, pieces: hashes } };
}

async function signatureOf(manifest: Record<string, unknown>): Promise<SignatureState> {
  const signature = manifest["signature"] as Partial<Signature> | undefined;
  if (signature === undefined) return "none";
  const { publicKey, value } = signature ?? {};
  if (!isHash(publicKey) || typeof value !== "string" || !/^[0-9a-f]{128}$/.test(value))
    throw badManifest("a signature that is none");
  const isRight = await isSigned(signedText(manifest), { publicKey, value });
  if (isRight === undefined) return "unchecked";
  if (isRight) return { by: publicKey };
  throw new CamelGPTError("integrity", "The manifest of the release was changed after it was signed.", {
    expected: `a manifest signed by ${publicKey}`,
    found: "another text, or another signature",
    hint: "It was damaged or changed on the way: load it again, or ask whoever published the release.",
  });
}

function badManifest(found: string, cause?: unknown): CamelGPTError {
  return new CamelGPTError("bad-format", "The manifest of the release cannot be used.", {
    expected: `${manifestName} of format 1 with files that have a role (weights, sidecar), a path below it, bytes and hashes`,
    found,
    cause,
  });
}
