// A URL → its bytes, from the store if it has them, otherwise from the network and into the store.
import { describe } from "../../errors.js";
import { checkedSource, pieceSource } from "../integrity/checked-source.js";
import { checksum } from "../integrity/checksum.js";
import type { FileCheck } from "../integrity/file-check.js";
import { shortUrl } from "../names.js";
import { hashReadBytes, maxManifestBytes } from "../sizes.js";
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

type RequestHeaders = Pick<HttpOptions, "headers" | "headerKey">;

export interface CacheOptions {
  cache: CacheUse;
  /** Missing if there is no store. */
  openStore?: OpenStore | undefined;
  /** The hashes with which the file is compared. */
  check?: FileCheck | undefined;
  /** The headers with which the file is requested, and their digest. */
  http?: RequestHeaders | undefined;
  /** A copy larger than this is not kept. */
  maxBytes?: number | undefined;
  signal?: AbortSignal | undefined;
  /** Called with a problem of the store. The file is opened nevertheless. */
  warn(note: string): void;
}

/** Opens a URL and compares its bytes with `check`. Errors: those of {@link openUrl}, `integrity`. */
export function openCachedUrl(
  url: string,
  http: HttpOptions,
  options: Omit<CacheOptions, "http">,
): Promise<ByteSource> {
  const { check } = options;
  const download = async () => checkedSource(await openUrl(url, { ...http, verified: check !== undefined }), check);
  return openCached(url, { ...options, http }, download);
}

/** The same as {@link openCachedUrl}, but `download` opens the file and compares its bytes. */
export async function openCached(
  url: string,
  { cache, openStore, check, http = { headers: {} }, maxBytes, signal, warn }: CacheOptions,
  download: () => Promise<ByteSource>,
): Promise<ByteSource> {
  let store: FileStore | undefined;
  let key = "";
  if (cache !== "off") {
    try {
      store = await openStore?.(warn);
      if (openStore && !store) warn(`The download of ${shortUrl(url)} is not kept: this environment has no store.`);
      if (store) key = await keyOf(url, http);
      const kept = store && cache === "use" ? await openFromStore(store, url, key, check, signal) : undefined;
      if (kept) return kept;
    } catch (error) {
      warn(`Kept downloads cannot be used: ${describe(error)}.`);
      store = undefined;
    }
  }
  const source = await download();
  return store
    ? new CachingSource(source, { store, url, key, check, maxBytes: maxBytes ?? (await store.quota?.()), warn })
    : source;
}

/** Reads a small file from the store; undefined if the store does not have it or does not work. */
export async function readCachedBytes(
  url: string,
  http: RequestHeaders,
  openStore: OpenStore | undefined,
): Promise<Uint8Array | undefined> {
  try {
    const store = await openStore?.();
    const kept = store && (await openFromStore(store, url, await keyOf(url, http), undefined));
    return kept && (await readAll(kept, maxManifestBytes, "a small file"));
  } catch {
    return undefined;
  }
}

/** Writes a small file to the store, if there is one that works. */
export async function cacheBytes(
  url: string,
  http: RequestHeaders,
  bytes: Uint8Array,
  openStore: OpenStore | undefined,
): Promise<void> {
  const options: CacheOptions = { cache: "reload", http, openStore, warn: () => {} };
  await readAll(await openCached(url, options, async () => bytesSource(bytes)), bytes.length, "a small file");
}

/** Returns undefined if the store has no copy, or one that was compared with something other than `check`. */
async function openFromStore(
  store: FileStore,
  url: string,
  key: string,
  check: FileCheck | undefined,
  signal?: AbortSignal,
): Promise<ByteSource | undefined> {
  const entry = await readEntry(store, key);
  if (!entry || damagedFiles.has(entry.file)) return undefined;
  const isWanted = !check || (await checkId(check)) === entry.check;
  const file = isWanted ? await store.open(entry.file) : undefined;
  const forget = () => store.remove(`${key}.json`).then(() => store.remove(entry.file));
  if (!file || file.size !== entry.bytes || !(await hasHash(() => store.open(entry.file), check, signal))) {
    await file?.close();
    await forget();
    return undefined;
  }
  await store.touch?.(`${key}.json`).catch(() => {});
  // Hashes from a manifest or from the caller are compared again. Without them the faster checksums show any damage.
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

/** Whether a file has the one hash of its bytes, which is known only at its end; true without one, or if aborted. */
async function hasHash(
  open: () => Promise<ByteSource | undefined>,
  check: FileCheck | undefined,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (!check || !("sha256" in check) || check.isTrustedIfKept) return true;
  const file = await open();
  try {
    const source = file && checkedSource(file, check);
    const scratch = new Uint8Array(hashReadBytes);
    while (source && !signal?.aborted && (await source.read(scratch)) > 0);
    return source !== undefined;
  } catch {
    return false;
  } finally {
    await file?.close();
  }
}
