// Downloads that are kept: a file as it came, with the hash of each piece, so that a later load needs no network and takes no damaged copy.
import { CamelGPTError, describe, excerpt } from "../errors.js";
import { shortUrl } from "./http.js";
import { checkedSource, type FileCheck, sha256 } from "./integrity.js";
import { readAll } from "./read-all.js";
import { pieceBytes } from "./release.js";
import type { ByteSource } from "./source.js";

/** Files by name, whatever the runtime keeps them in. */
export interface FileStore {
  open(name: string): Promise<ByteSource | undefined>;
  create(name: string): Promise<FileWriter>;
  /** Of a file that may be missing. */
  remove(name: string): Promise<void>;
  names(): Promise<string[]>;
}

export interface FileWriter {
  write(bytes: Uint8Array): Promise<void>;
  /** The file is complete. Without this it may be there in parts. */
  close(): Promise<void>;
}

/** A download that is kept. */
export interface CachedFile {
  /** Where it came from, without query and credentials. */
  url: string;
  bytes: number;
}

/** What is written when all bytes are there: only then the file counts. */
interface Entry extends CachedFile, FileCheck {
  format: 1;
  file: string;
}

const largestEntry = 16 << 20;
const dayMilliseconds = 24 * 3600 * 1000;
/** What may be left of a file when its last tensor is read: padding. */
const largestRest = 1 << 12;

async function keyOf(url: string): Promise<string> {
  return sha256(new TextEncoder().encode(new URL(url).href.split("#", 1)[0]));
}

function isEntry(value: unknown): value is Entry {
  const { format, url, file, bytes, pieceBytes: size, pieces } = value as Partial<Entry>;
  const isCount = (number: unknown) => Number.isSafeInteger(number) && (number as number) > 0;
  return (
    format === 1 && typeof url === "string" && /^[0-9a-f]{64}-\d+-\w+\.bin$/.test(String(file)) && isCount(bytes) && isCount(size) && size! <= pieceBytes &&
    Array.isArray(pieces) && pieces.length === Math.ceil(bytes! / size!)
  );
}

async function entryOf(store: FileStore, key: string): Promise<Entry | undefined> {
  const source = await store.open(`${key}.json`);
  if (!source) return undefined;
  try {
    const entry = JSON.parse(new TextDecoder().decode(await readAll(source, largestEntry, "an entry of the cache"))) as unknown;
    if (isEntry(entry)) return entry;
  } catch {
    // Cut off while it was written, or not ours.
  }
  await store.remove(`${key}.json`);
  return undefined;
}

/** The kept file of an address; undefined where there is none, or one that is not what `check` says. */
export async function openCached(store: FileStore, url: string, check: FileCheck | undefined): Promise<ByteSource | undefined> {
  const key = await keyOf(url);
  const entry = await entryOf(store, key);
  if (!entry) return undefined;
  const isWanted = !check || (check.pieceBytes === entry.pieceBytes && String(check.pieces) === String(entry.pieces));
  const file = isWanted ? await store.open(entry.file) : undefined;
  const forget = () => store.remove(`${key}.json`).then(() => store.remove(entry.file));
  if (!file || file.size !== entry.bytes) {
    await file?.close();
    await forget();
    return undefined;
  }
  const source = checkedSource(file, entry);
  return {
    ...source,
    async read(target) {
      try {
        return await source.read(target);
      } catch (error) {
        await source.close();
        await forget();
        throw new CamelGPTError("integrity", `The kept copy of ${shortUrl(url)} is damaged: ${describe(error)}`, {
          hint: "It was removed: load the model again.",
          cause: error,
        });
      }
    },
  };
}

/**
 * Gives the bytes of `source` on and keeps them. They count as kept when the last one was read; a source that is closed before leaves nothing.
 * What goes wrong with the store is told to `warn`, and nothing else suffers.
 */
export function keptSource(source: ByteSource, store: FileStore, url: string, warn: (reason: string) => void): ByteSource {
  const { size } = source;
  if (size === undefined) return source;
  const piece = new Uint8Array(Math.min(pieceBytes, size));
  const pieces: string[] = [];
  let filled = 0;
  let received = 0;
  let isBroken = false;
  let writing: { writer: FileWriter; key: string; file: string; previous: string | undefined } | undefined;

  const begin = async () => {
    const key = await keyOf(url);
    const previous = (await entryOf(store, key))?.file;
    const file = `${key}-${Date.now()}-${Math.random().toString(36).slice(2)}.bin`;
    writing = { writer: await store.create(file), key, file, previous };
    return writing;
  };
  const flush = async () => {
    const { writer } = writing ?? (await begin());
    const part = piece.subarray(0, filled);
    pieces.push(await sha256(part));
    await writer.write(part);
    filled = 0;
  };
  const keep = async (bytes: Uint8Array) => {
    received += bytes.length;
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + piece.length - filled);
      piece.set(part, filled);
      [filled, at] = [filled + part.length, at + part.length];
      if (filled === piece.length) await flush();
    }
  };
  const drop = async (error: unknown) => {
    isBroken = true;
    warn(`The download of ${excerpt(source.name)} could not be kept: ${describe(error)}.`);
    await discard();
  };
  const discard = async () => {
    if (!writing) return;
    const { writer, file } = writing;
    writing = undefined;
    await writer.close().catch(() => {});
    await store.remove(file).catch(() => {});
  };
  const commit = async () => {
    if (filled > 0) await flush();
    if (!writing) return;
    const { writer, key, file, previous } = writing;
    await writer.close();
    const now = (await entryOf(store, key))?.file;
    if (now !== undefined && now !== previous) return discard(); // another page or process was first
    const entry: Entry = { format: 1, url: shortUrl(url), file, bytes: size, pieceBytes: piece.length, pieces };
    const text = await store.create(`${key}.json`);
    await text.write(new TextEncoder().encode(JSON.stringify(entry)));
    await text.close();
    writing = undefined;
    if (previous !== undefined) await store.remove(previous);
    await tidy(store);
  };
  return {
    name: source.name,
    size,
    async read(target) {
      const count = await source.read(target);
      if (!isBroken) await keep(target.subarray(0, count)).catch(drop);
      return count;
    },
    async close() {
      try {
        const rest = new Uint8Array(largestRest);
        while (!isBroken && received < size && received >= size - largestRest) {
          const count = await source.read(rest);
          if (count === 0) break;
          await keep(rest.subarray(0, count));
        }
        if (!isBroken && received === size) await commit();
      } catch (error) {
        await drop(error);
      } finally {
        isBroken = true;
        await discard();
        await source.close();
      }
    },
  };
}

export async function listCached(store: FileStore): Promise<CachedFile[]> {
  return (await entriesOf(store, await store.names())).map(({ url, bytes }) => ({ url, bytes }));
}

async function entriesOf(store: FileStore, names: readonly string[]): Promise<Entry[]> {
  const keys = names.flatMap((name) => /^([0-9a-f]{64})\.json$/.exec(name)?.[1] ?? []);
  return (await Promise.all(keys.map((key) => entryOf(store, key)))).filter((entry) => entry !== undefined);
}

/** Removes what loads left that were killed: files that no entry names and nobody can be writing any more. */
async function tidy(store: FileStore): Promise<void> {
  const names = await store.names();
  const used = new Set((await entriesOf(store, names)).map(({ file }) => file));
  for (const name of names) {
    const begun = Number(/^[0-9a-f]{64}-(\d+)-/.exec(name)?.[1]);
    if (Date.now() - begun > dayMilliseconds && !used.has(name)) await store.remove(name);
  }
}

/** Of one address, or all. */
export async function deleteCached(store: FileStore, url: string | undefined): Promise<void> {
  const key = url === undefined ? "" : await keyOf(url);
  for (const name of await store.names()) if (name.startsWith(key)) await store.remove(name);
}
