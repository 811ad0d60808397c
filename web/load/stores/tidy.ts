// Keeps a store within its quota: removes the least recently used downloads, and what interrupted ones have left.
import type { Location } from "../location.js";
import { type Entry, keyOf, readEntries } from "./entries.js";
import type { FileStore } from "./file-store.js";

const dayMilliseconds = 24 * 3600 * 1000;
/** Days without use after which a kept calibration is removed. */
const calibrationDays = 90;

/** The keys of downloads that models of this process use, each with the number of models. */
const used = new Map<string, number>();

/** Returns the keys of a location's downloads. */
export async function keysOf(location: Location): Promise<string[]> {
  if (location.kind === "shards") return (await Promise.all(location.files.map(keysOf))).flat();
  return location.kind === "url" && location.cache !== "off" ? [await keyOf(location.url, location.http)] : [];
}

/** Protects downloads from removal until the returned function is called. */
export function useDownloads(keys: readonly string[]): () => void {
  const add = (key: string, count: number) => {
    const sum = (used.get(key) ?? 0) + count;
    if (sum > 0) used.set(key, sum);
    else used.delete(key);
  };
  for (const key of keys) add(key, 1);
  return () => {
    for (const key of keys) add(key, -1);
  };
}

/** Notes that the downloads with these keys are used now. */
export async function touchDownloads(store: FileStore, keys: readonly string[]): Promise<void> {
  await Promise.all(keys.map((key) => store.touch?.(`${key}.json`).catch(() => {})));
}

/** `quota` is in bytes; undefined: that of the store. */
export async function tidyStore(store: FileStore, quota: number | undefined): Promise<void> {
  const names = await store.names();
  const entries = await readEntries(store, names);
  await removeAbandoned(store, names, entries);
  await removeOldCalibrations(store, names);
  const limit = quota ?? (await store.quota?.()) ?? Infinity;
  let total = entries.reduce((sum, [, { bytes }]) => sum + bytes, 0);
  if (total <= limit) return;
  const dated = await Promise.all(
    entries.map(async ([key, entry]) => ({
      key,
      entry,
      at: (await store.usedAt?.(`${key}.json`)) ?? madeAt(entry.file),
    })),
  );
  for (const { key, entry } of dated.sort((a, b) => a.at - b.at)) {
    if (total <= limit) return;
    if (used.has(key)) continue;
    try {
      await store.remove(entry.file); // fails in browsers while another page reads it
      await store.remove(`${key}.json`);
      total -= entry.bytes;
    } catch {
      // Remains.
    }
  }
}

/** Names of files begin with the time of the download. */
const madeAt = (name: string) => Number(/^(\d+)-\w+-[0-9a-f]{64}\./.exec(name)?.[1]);

/** Removes files without an entry that are older than a day. */
async function removeAbandoned(
  store: FileStore,
  names: readonly string[],
  entries: readonly (readonly [string, Entry])[],
): Promise<void> {
  const kept = new Set(entries.map(([, { file }]) => file));
  for (const name of names)
    if (Date.now() - madeAt(name) > dayMilliseconds && !kept.has(name)) await store.remove(name);
}

/** Calibrations are small, but those of files do not go with a download. */
async function removeOldCalibrations(store: FileStore, names: readonly string[]): Promise<void> {
  for (const name of names) {
    if (!name.endsWith(".epdp")) continue;
    const at = await store.usedAt?.(name);
    if (at !== undefined && Date.now() - at > calibrationDays * dayMilliseconds) await store.remove(name);
  }
}
