// The entries of the store. A download is two files: its bytes, and an entry that names them. The entry is written
// last, so a download exists once it is complete.
import { hashedPieceBytes, maxManifestBytes } from "../sizes.js";
import type { FileCheck } from "../integrity/file-check.js";
import type { HttpSettings } from "../sources/http-options.js";
import { sha256 } from "../integrity/web-crypto.js";
import { readAll } from "../sources/read-all.js";
import type { FileStore } from "./file-store.js";

/** A download in the store. */
export interface CachedFile {
  /** Where it came from, without query and credentials. */
  url: string;
  bytes: number;
}

/** The JSON of an entry. */
export interface Entry extends CachedFile {
  format: 2;
  /** Name of the file with the bytes. */
  file: string;
  pieceBytes: number;
  /** The `checksum` of each piece. */
  pieces: readonly string[];
  /** Identifies the hashes that the download was compared with, see {@link checkId}. */
  check?: string | undefined;
}

/** The file with the key of the digests of headers. */
export const secretName = "secret";

export const hashOf = (text: string) => sha256(new TextEncoder().encode(text));

/** Length of the part of a key that tells the URL. The rest tells the headers of the request. */
const urlKeyLength = 32;

/**
 * The common part of the names of a URL's files. A download that was requested with headers, such as a token, is
 * found only by a request with the same ones. Rejects if there are headers and no digest of them.
 */
export async function keyOf(
  url: string,
  { headers, headerKey }: Pick<HttpSettings, "headers" | "headerKey">,
): Promise<string> {
  const address = new URL(url).href.split("#", 1)[0] ?? "";
  const key = await hashOf(address);
  if (Object.keys(headers).length === 0) return key;
  if (!headerKey) throw new Error("there is no key for the headers of the request");
  return key.slice(0, urlKeyLength) + (await hashOf(`${address}\n${headerKey}`)).slice(urlKeyLength);
}

export const checkId = async (check: FileCheck | undefined) =>
  check && hashOf(JSON.stringify({ ...check, wholeSha256: undefined, isTrustedIfKept: undefined }));

/** A name that no other download uses. It begins with the time, so that sorted names are in the order of downloads. */
export const newFileName = (key: string) => `${Date.now()}-${Math.random().toString(36).slice(2)}-${key}.bin`;

function isEntry(value: unknown): value is Entry {
  const { format, url, file, bytes, pieceBytes, pieces } = value as Partial<Entry>;
  const isCount = (number: unknown) => Number.isSafeInteger(number) && (number as number) > 0;
  return (
    format === 2 &&
    typeof url === "string" &&
    /^\d+-\w+-[0-9a-f]{64}\.bin$/.test(String(file)) &&
    isCount(bytes) &&
    isCount(pieceBytes) &&
    pieceBytes! <= hashedPieceBytes &&
    Array.isArray(pieces) &&
    pieces.length === Math.ceil(bytes! / pieceBytes!)
  );
}

/** Removes the entry and its files and returns undefined if it is not valid. */
export async function readEntry(store: FileStore, key: string): Promise<Entry | undefined> {
  const source = await store.open(`${key}.json`);
  if (!source) return undefined;
  try {
    const text = new TextDecoder().decode(await readAll(source, maxManifestBytes, "an entry of the store"));
    const entry = JSON.parse(text) as unknown;
    if (isEntry(entry)) return entry;
  } catch {
    // Cut off while it was written, or not an entry.
  }
  await removeFiles(store, key);
  return undefined;
}

export async function writeEntry(store: FileStore, key: string, entry: Entry): Promise<void> {
  await writeWhole(store, `${key}.json`, new TextEncoder().encode(JSON.stringify(entry)));
}

/** Writes a small file. */
export async function writeWhole(store: FileStore, name: string, bytes: Uint8Array): Promise<void> {
  const writer = await store.create(name);
  await writer.write(bytes, 0);
  await writer.close();
}

export async function listCached(store: FileStore): Promise<CachedFile[]> {
  return (await readEntries(store, await store.names())).map(([, { url, bytes }]) => ({ url, bytes }));
}

/** Removes the download of one URL, or all downloads. */
export async function deleteCached(store: FileStore, url: string | undefined): Promise<void> {
  await removeFiles(store, url === undefined ? "" : (await keyOf(url, { headers: {} })).slice(0, urlKeyLength));
  const isEmpty = (await store.names()).every((name) => name === secretName);
  if (isEmpty) await store.remove(secretName);
}

/** Removes the files whose names contain `key`. */
async function removeFiles(store: FileStore, key: string): Promise<void> {
  for (const name of await store.names()) if (name.includes(key)) await store.remove(name);
}

/** Returns all entries with their keys. */
export async function readEntries(store: FileStore, names: readonly string[]): Promise<[string, Entry][]> {
  const keys = names.flatMap((name) => /^([0-9a-f]{64})\.json$/.exec(name)?.[1] ?? []);
  const entries = await Promise.all(keys.map(async (key) => [key, await readEntry(store, key)] as const));
  return entries.flatMap(([key, entry]) => (entry ? [[key, entry]] : []));
}
