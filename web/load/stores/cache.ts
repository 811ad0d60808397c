// A URL → its bytes, from the store if it has them, otherwise from the network and into the store.
import { describe } from "../../errors.js";
import { checkedSource, pieceSource } from "../integrity/checked-source.js";
import { checksum } from "../integrity/checksum.js";
import type { FileCheck } from "../integrity/file-check.js";
import { shortUrl } from "../names.js";
import { maxManifestBytes } from "../sizes.js";
import { openUrl } from "../sources/http.js";
import type { HttpOptions } from "../sources/http-options.js";
import { bytesSource } from "../sources/memory.js";
import { readAll } from "../sources/read-all.js";
import type { ByteSource } from "../sources/source.js";
import { CachingSource } from "./caching-source.js";
import { DamagedCopy, damagedFiles } from "./damaged-copy.js";
import { checkId, keyOf, readEntry } from "./entries.js";
import type { FileStore, OpenStore } from "./file-store.js";

/** `use`: an earlier download is used and a new one is stored. `reload`: only the latter. */
export type CacheUse = "use" | "reload" | "off";

export interface CacheOptions {
  cache: CacheUse;
  /** Missing if there is no store. */
  openStore?: OpenStore | undefined;
  /** The hashes with which the file is compared. */
  check?: FileCheck | undefined;
  /** The headers with which the file is requested. */
  headers?: Record<string, string> | undefined;
  /** Called with a problem of the store. The file is opened nevertheless. */
  warn(note: string): void;
}

/** Opens a URL and compares its bytes with `check`. Errors: those of {@link openUrl}, `integrity`. */
export function openCachedUrl(url: string, http: HttpOptions, options: CacheOptions): Promise<ByteSource> {
  const { check } = options;
  const { headers } = http;
  const download = async () => checkedSource(await openUrl(url, { ...http, verified: check !== undefined }), check);
  return openCached(url, { ...options, headers }, download);
}

/** The same as {@link openCachedUrl}, but `download` opens the file and compares its bytes. */
export async function openCached(
  url: string,
  { cache, openStore, check, headers = {}, warn }: CacheOptions,
  download: () => Promise<ByteSource>,
): Promise<ByteSource> {
  let store: FileStore | undefined;
  if (cache !== "off") {
    try {
      store = await openStore?.(warn);
      if (openStore && !store) warn(`The download of ${shortUrl(url)} is not kept: this environment has no store.`);
      const kept = store && cache === "use" ? await openFromStore(store, url, check, headers) : undefined;
      if (kept) return kept;
    } catch (error) {
      warn(`Kept downloads cannot be used: ${describe(error)}.`);
      store = undefined;
    }
  }
  const source = await download();
  return store ? new CachingSource(source, { store, url, headers, check, warn }) : source;
}

/** Reads a small file from the store; undefined if the store does not have it or does not work. */
export async function readCachedBytes(
  url: string,
  headers: Record<string, string>,
  openStore: OpenStore | undefined,
): Promise<Uint8Array | undefined> {
  try {
    const store = await openStore?.();
    const kept = store && (await openFromStore(store, url, undefined, headers));
    return kept && (await readAll(kept, maxManifestBytes, "a small file"));
  } catch {
    return undefined;
  }
}

/** Writes a small file to the store, if there is one that works. */
export async function cacheBytes(
  url: string,
  headers: Record<string, string>,
  bytes: Uint8Array,
  openStore: OpenStore | undefined,
): Promise<void> {
  const options: CacheOptions = { cache: "reload", headers, openStore, warn: () => {} };
  await readAll(await openCached(url, options, async () => bytesSource(bytes)), bytes.length, "a small file");
}

/** Returns undefined if the store has no copy, or one that was compared with something other than `check`. */
async function openFromStore(
  store: FileStore,
  url: string,
  check: FileCheck | undefined,
  headers: Record<string, string>,
): Promise<ByteSource | undefined> {
  const key = await keyOf(url, headers);
  const entry = await readEntry(store, key);
  if (!entry || damagedFiles.has(entry.file)) return undefined;
  const isWanted = !check || (await checkId(check)) === entry.check;
  const file = isWanted ? await store.open(entry.file) : undefined;
  const forget = () => store.remove(`${key}.json`).then(() => store.remove(entry.file));
  if (!file || file.size !== entry.bytes) {
    await file?.close();
    await forget();
    return undefined;
  }
  // Hashes of pieces from a manifest are compared again. Instead of one hash of the whole file, the faster checksums
  // show any damage.
  const source = check && "pieces" in check ? checkedSource(file, check) : pieceSource(file, entry, checksum);
  return {
    name: source.name,
    size: source.size,
    exactSize: source.size,
    async read(target) {
      try {
        return await source.read(target);
      } catch (error) {
        await source.close();
        await forget().catch(() => damagedFiles.add(entry.file));
        throw new DamagedCopy("integrity", `The kept copy of ${shortUrl(url)} was damaged.`, { cause: error });
      }
    },
    close: () => source.close(),
  };
}
