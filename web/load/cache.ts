// Downloads that are kept: a file as it came, with a checksum of each piece, so that a later load needs no network and takes no damaged copy.
import type { FileRange } from "../engine/engine.js";
import { CamelGPTError, describe, excerpt } from "../errors.js";
import { checksum } from "./checksum.js";
import { type HttpOptions, openUrl, shortUrl } from "./http.js";
import { checkedSource, type FileCheck, pieceSource, sha256 } from "./integrity.js";
import { readAll } from "./read-all.js";
import { pieceBytes } from "./release.js";
import type { CacheUse } from "./resolve.js";
import { bytesSource, type ByteSource, type Ranges } from "./source.js";

/** Files by name, whatever the runtime keeps them in. */
export interface FileStore {
  open(name: string): Promise<ByteSource | undefined>;
  create(name: string): Promise<FileWriter>;
  /** Of a file that may be missing. */
  remove(name: string): Promise<void>;
  names(): Promise<string[]>;
}

export interface FileWriter {
  write(bytes: Uint8Array, at: number): Promise<void>;
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
interface Entry extends CachedFile {
  format: 2;
  file: string;
  pieceBytes: number;
  /** {@link checksum} of each. */
  pieces: readonly string[];
  /** What it was checked against as it came: {@link identityOf} it. */
  check?: string | undefined;
}

/** What has more bytes is no entry and no manifest. */
const largestSmall = 16 << 20;
const dayMilliseconds = 24 * 3600 * 1000;
/** What may be left of a file when its last tensor is read: padding. */
const largestRest = 1 << 12;

const hashOf = (text: string) => sha256(new TextEncoder().encode(text));
const keyOf = (url: string) => hashOf(new URL(url).href.split("#", 1)[0] ?? "");
const identityOf = async (check: FileCheck | undefined) => check && hashOf(JSON.stringify(check));

function isEntry(value: unknown): value is Entry {
  const { format, url, file, bytes, pieceBytes: size, pieces } = value as Partial<Entry>;
  const isCount = (number: unknown) => Number.isSafeInteger(number) && (number as number) > 0;
  return (
    format === 2 &&
    typeof url === "string" &&
    /^[0-9a-f]{64}-\d+-\w+\.bin$/.test(String(file)) &&
    isCount(bytes) &&
    isCount(size) &&
    size! <= pieceBytes &&
    Array.isArray(pieces) &&
    pieces.length === Math.ceil(bytes! / size!)
  );
}

async function entryOf(store: FileStore, key: string): Promise<Entry | undefined> {
  const source = await store.open(`${key}.json`);
  if (!source) return undefined;
  try {
    const entry = JSON.parse(
      new TextDecoder().decode(await readAll(source, largestSmall, "an entry of the cache")),
    ) as unknown;
    if (isEntry(entry)) return entry;
  } catch {
    // Cut off while it was written, or not ours.
  }
  await store.remove(`${key}.json`);
  return undefined;
}

/** How a download is kept. */
export interface Keeping {
  cache: CacheUse;
  /** Missing where there is no store. */
  openStore?: (() => Promise<FileStore | undefined>) | undefined;
  /** What `download` compares its bytes with. */
  check?: FileCheck | undefined;
  /** Told what goes wrong with the store; nothing else suffers. */
  warn(note: string): void;
}

/** The kept file of an address, or what comes from there, compared with what it has to be and kept on the way. */
export function openFile(url: string, http: HttpOptions, keeping: Keeping): Promise<ByteSource> {
  return openKept(url, keeping, async () => checkedSource(await openUrl(url, http), keeping.check));
}

/** The same of what `download` opens. */
export async function openKept(
  url: string,
  { cache, openStore, check, warn }: Keeping,
  download: () => Promise<ByteSource>,
): Promise<ByteSource> {
  let store: FileStore | undefined;
  if (cache !== "off") {
    try {
      store = await openStore?.();
      const kept = store && cache === "use" ? await openCached(store, url, check) : undefined;
      if (kept) return kept;
    } catch (error) {
      warn(`Kept downloads cannot be used: ${describe(error)}.`);
      store = undefined;
    }
  }
  const source = await download();
  return store && source.size !== undefined ? new KeptSource(source, source.size, store, url, check, warn) : source;
}

/** All bytes of a small file that is kept; undefined where there is none, or no store that works. */
export async function keptBytes(url: string, openStore: Keeping["openStore"]): Promise<Uint8Array | undefined> {
  try {
    const store = await openStore?.();
    const kept = store && (await openCached(store, url, undefined));
    return kept && (await readAll(kept, largestSmall, "a small file"));
  } catch {
    return undefined;
  }
}

/** Keeps them, where there is a store that works. */
export async function keepBytes(url: string, bytes: Uint8Array, openStore: Keeping["openStore"]): Promise<void> {
  const source = await openKept(url, { cache: "reload", openStore, warn: () => {} }, async () => bytesSource(bytes));
  await readAll(source, bytes.length, "a small file");
}

/** The kept file of an address; undefined where there is none, or one that is not what `check` says. */
async function openCached(
  store: FileStore,
  url: string,
  check: FileCheck | undefined,
): Promise<ByteSource | undefined> {
  const key = await keyOf(url);
  const entry = await entryOf(store, key);
  if (!entry) return undefined;
  const isWanted = !check || (await identityOf(check)) === entry.check;
  const file = isWanted ? await store.open(entry.file) : undefined;
  const forget = () => store.remove(`${key}.json`).then(() => store.remove(entry.file));
  if (!file || file.size !== entry.bytes) {
    await file?.close();
    await forget();
    return undefined;
  }
  // A manifest's word on each piece is compared again; that on the whole would take longer than the checksums, which show the same damage.
  const source = check && "pieces" in check ? checkedSource(file, check) : pieceSource(file, entry, checksum);
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

interface Writing {
  writer: FileWriter;
  key: string;
  file: string;
  previous: string | undefined;
}

/**
 * Gives the bytes of `source`, which was checked against `check`, on and keeps them, in whatever order they come. They count as kept when all
 * were read; a source that is closed before leaves nothing.
 */
class KeptSource implements ByteSource {
  readonly name: string;
  readonly ranges: Ranges | undefined;
  readonly #pieceBytes: number;
  /** Checksums, by piece. */
  readonly #pieces: string[] = [];
  /** Pieces of which some bytes are there. */
  readonly #open = new Map<number, { bytes: Uint8Array; filled: number }>();
  /** What was read, one after the other; the last one goes on. */
  readonly #read: FileRange[] = [{ from: 0, to: 0 }];
  #spare: Uint8Array | undefined;
  #kept = 0;
  #isBroken = false;
  #writing: Writing | undefined;

  constructor(
    readonly source: ByteSource,
    readonly size: number,
    readonly store: FileStore,
    readonly url: string,
    readonly check: FileCheck | undefined,
    readonly warn: (reason: string) => void,
  ) {
    this.name = source.name;
    this.#pieceBytes = Math.min(pieceBytes, size);
    const { ranges } = source;
    this.ranges = ranges && {
      part: (from, to) => ranges.part(from, to),
      seek: (from, to) => {
        this.#read.push({ from, to: from });
        return ranges.seek(from, to);
      },
    };
  }

  async read(target: Uint8Array): Promise<number> {
    let count: number;
    try {
      count = await this.source.read(target);
    } catch (error) {
      this.#isBroken = true; // perhaps all bytes are there, and wrong
      throw error;
    }
    if (!this.#isBroken) await this.#keep(target.subarray(0, count)).catch((error: unknown) => this.#drop(error));
    return count;
  }

  async pause(): Promise<void> {
    await this.source.pause?.();
  }

  async close(): Promise<void> {
    try {
      if (!this.#isBroken && this.#kept >= this.size - largestRest) await this.#readRest();
      if (!this.#isBroken && this.#kept === this.size) await this.#commit();
    } catch (error) {
      await this.#drop(error);
    } finally {
      this.#isBroken = true;
      await this.#discard();
      await this.source.close();
    }
  }

  async #readRest(): Promise<void> {
    const rest = new Uint8Array(largestRest);
    const end = Math.max(...this.#read.map(({ to }) => to));
    if (end < this.size && this.#read.length > 1) await this.ranges?.seek(end, this.size);
    while (!this.#isBroken && this.#kept < this.size && (await this.read(rest)) > 0);
  }

  async #keep(bytes: Uint8Array): Promise<void> {
    const last = this.#read.at(-1) as FileRange;
    for (let done = 0; done < bytes.length; ) {
      const at = last.to;
      const before = this.#read.find(({ from, to }) => from <= at && at < to);
      const index = Math.floor(at / this.#pieceBytes);
      const part = bytes.subarray(done, done + (before?.to ?? (index + 1) * this.#pieceBytes) - at);
      last.to += part.length;
      done += part.length;
      if (!before) await this.#put(index, at - index * this.#pieceBytes, part);
    }
  }

  async #put(index: number, at: number, bytes: Uint8Array): Promise<void> {
    const piece = this.#open.get(index) ?? { bytes: this.#spare ?? new Uint8Array(this.#pieceBytes), filled: 0 };
    if (!this.#open.has(index)) this.#spare = undefined;
    this.#open.set(index, piece);
    piece.bytes.set(bytes, at);
    piece.filled += bytes.length;
    this.#kept += bytes.length;
    const size = Math.min(this.#pieceBytes, this.size - index * this.#pieceBytes);
    if (piece.filled < size) return;
    this.#open.delete(index);
    this.#spare = piece.bytes;
    const whole = piece.bytes.subarray(0, size);
    this.#pieces[index] = checksum(whole);
    const { writer } = this.#writing ?? (await this.#begin());
    await writer.write(whole, index * this.#pieceBytes);
  }

  async #begin(): Promise<Writing> {
    const key = await keyOf(this.url);
    const previous = (await entryOf(this.store, key))?.file;
    const file = `${key}-${Date.now()}-${Math.random().toString(36).slice(2)}.bin`;
    this.#writing = { writer: await this.store.create(file), key, file, previous };
    return this.#writing;
  }

  async #commit(): Promise<void> {
    if (!this.#writing) return;
    const { store } = this;
    const { writer, key, file, previous } = this.#writing;
    await writer.close();
    const now = (await entryOf(store, key))?.file;
    if (now !== undefined && now !== previous) return this.#discard(); // another page or process was first
    const entry: Entry = {
      format: 2,
      url: shortUrl(this.url),
      file,
      bytes: this.size,
      pieceBytes: this.#pieceBytes,
      pieces: this.#pieces,
      check: await identityOf(this.check),
    };
    const text = await store.create(`${key}.json`);
    await text.write(new TextEncoder().encode(JSON.stringify(entry)), 0);
    await text.close();
    this.#writing = undefined;
    if (previous !== undefined) await store.remove(previous);
    await tidy(store);
  }

  async #drop(error: unknown): Promise<void> {
    this.#isBroken = true;
    this.warn(`The download of ${excerpt(this.name)} could not be kept: ${describe(error)}.`);
    await this.#discard();
  }

  async #discard(): Promise<void> {
    if (!this.#writing) return;
    const { writer, file } = this.#writing;
    this.#writing = undefined;
    await writer.close().catch(() => {});
    await this.store.remove(file).catch(() => {});
  }
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
