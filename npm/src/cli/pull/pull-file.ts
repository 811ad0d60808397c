// One file of a model → a copy in the store, compared with its hash. An interrupted download is continued, also by
// another process.
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";

import { CamelGPTError, describe, excerpt } from "../../../../web/errors.js";
import { isKept, type ModelFile } from "../../../../web/load/catalogue/find-model.js";
import { type FilePlatform, httpFor, type ResolveOptions } from "../../../../web/load/location.js";
import { fileName, originOf, shortUrl } from "../../../../web/load/names.js";
import { rejectOtherFiles } from "../../../../web/load/sniff.js";
import { hashedPieceBytes } from "../../../../web/load/sizes.js";
import { openUrl } from "../../../../web/load/sources/http.js";
import type { HttpOptions } from "../../../../web/load/sources/http-options.js";
import { type ByteSource, exactSizeOf } from "../../../../web/load/sources/source.js";
import { checkId, type Entry, keyOf, newFileName, readEntry, writeEntry } from "../../../../web/load/stores/entries.js";
import type { FileStore } from "../../../../web/load/stores/file-store.js";
import { tidyStore, useDownloads } from "../../../../web/load/stores/tidy.js";
import { cacheFolder } from "../../entry/node-files.js";
import { requirePermission } from "../../entry/permissions.js";
import { FileHasher } from "./file-hasher.js";
import { PartialFile, removePartial, writeFailed } from "./partial-file.js";
import { FileLock } from "../file-lock.js";
import { megabytes } from "./units.js";

/** The ending of an incomplete download. The name before it is the key of the store. */
export const partialEnding = ".pull";

const readBytes = 1 << 20;
/** Bytes that are downloaded again to recognise a file without a known hash. */
const overlapBytes = 64 << 10;
const maxPartialAge = 30 * 24 * 3600 * 1000;
const progressInterval = 100;

export interface FileProgress {
  url: string;
  received: number;
  /** Undefined if the server does not tell it. */
  total: number | undefined;
  /** Bytes that an earlier attempt has left. */
  resumedFrom: number;
}

export interface PulledFile {
  url: string;
  bytes: number;
  /** SHA-256 in hexadecimal; undefined for a file that was kept without one. */
  sha256: string | undefined;
  /** Whether the hash is the expected one, of the hub, the catalogue or the caller. */
  isVerified: boolean;
  /** Whether the store had the file already. */
  wasKept: boolean;
}

export interface PullFileOptions {
  resolve: ResolveOptions;
  platform: FilePlatform;
  signal: AbortSignal | undefined;
  onProgress(progress: FileProgress): void;
  onWait: ((url: string) => void) | undefined;
}

/**
 * Errors: those of `openUrl`, `integrity`, `not-a-model`, `write-failed`, `aborted`. The bytes that have arrived
 * remain for the next attempt, unless they are wrong.
 */
export async function pullFile(file: ModelFile, options: PullFileOptions): Promise<PulledFile> {
  const { resolve, platform } = options;
  const http = httpFor(file.url, resolve.http, originOf(file.url));
  const key = await keyOf(file.url, http);
  const folder = cacheFolder("downloads", resolve.keep.folder);
  requirePermission({ name: "write", path: folder });
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    throw writeFailed(join(folder, "model"), error);
  });
  const lock = new FileLock(join(folder, `${key}${partialEnding}.lock`));
  const store = (await platform.openStore?.()) as FileStore;
  try {
    await lock.acquire(options.signal, () => options.onWait?.(shortUrl(file.url)));
    const entry = await readEntry(store, key);
    if (entry && ((await isKept(file, resolve, platform)) || (await adopt(file, entry, key, store)))) {
      await store.touch?.(`${key}.json`).catch(() => {});
      return fromStore(file, entry);
    }
    const partial = join(folder, `${key}${partialEnding}`);
    const pulled = await download(file, http, partial, options);
    if (!(await lock.isHeld())) throw takenOver(file.url);
    const { sha256, pieces, bytes } = pulled;
    const previous = entry?.file;
    const name = newFileName(key);
    await pulled.file.finish(join(folder, name));
    await writeEntry(store, key, {
      format: 2,
      url: shortUrl(file.url),
      file: name,
      bytes,
      pieceBytes: hashedPieceBytes,
      pieces,
      check: await checkId(file.sha256 === undefined ? undefined : { sha256 }),
    });
    if (previous !== undefined) await store.remove(previous);
    await tidy(store, key, folder);
    return { url: file.url, bytes, sha256, isVerified: file.sha256 !== undefined, wasKept: false };
  } catch (error) {
    throw error instanceof CamelGPTError ? error : writeFailed(join(folder, "model"), error);
  } finally {
    await lock.release();
  }
}

/** Whether a copy that was kept without a hash is the file. If so, its entry gets the hash. */
async function adopt(file: ModelFile, entry: Entry, key: string, store: FileStore): Promise<boolean> {
  const { sha256, bytes = entry.bytes } = file;
  if (sha256 === undefined || entry.bytes !== bytes) return false;
  const source = await store.open(entry.file);
  if (!source) return false;
  try {
    const hasher = new FileHasher();
    const buffer = new Uint8Array(readBytes);
    for (let count = -1; count !== 0; hasher.add(buffer.subarray(0, count))) count = await source.read(buffer);
    if (hasher.digest().sha256 !== sha256) return false;
  } finally {
    await source.close();
  }
  await writeEntry(store, key, { ...entry, check: await checkId({ sha256 }) });
  return true;
}

function fromStore({ url, sha256 }: ModelFile, { bytes }: Entry): PulledFile {
  return { url, bytes, sha256, isVerified: sha256 !== undefined, wasKept: true };
}

interface Downloaded {
  file: PartialFile;
  bytes: number;
  sha256: string;
  pieces: readonly string[];
}

async function download(
  file: ModelFile,
  http: HttpOptions,
  path: string,
  options: PullFileOptions,
): Promise<Downloaded> {
  const { url, bytes, sha256 } = file;
  const partial = await PartialFile.open(path, { format: 1, url: shortUrl(url), bytes, sha256 });
  const resumedFrom = partial.bytes;
  try {
    if (bytes === undefined || resumedFrom < bytes) await fetchRest(file, http, partial, options);
    const found = partial.hasher.digest();
    if (sha256 === undefined || found.sha256 === sha256) return { file: partial, bytes: partial.bytes, ...found };
    await partial.close();
    await removePartial(path);
    // The earlier bytes may be of another version.
    if (resumedFrom > 0) return await download(file, http, path, options);
    throw new CamelGPTError("integrity", `${fileName(url, true)} is not the file that was asked for.`, {
      expected: `SHA-256 ${sha256}`,
      found: found.sha256,
      hint: "It was damaged or changed in transit, or the hub has a newer version: run the command again.",
    });
  } catch (error) {
    await partial.close();
    throw resumable(error, partial.bytes);
  }
}

/** Adds what to do to the error of an interrupted download. */
function resumable(error: unknown, received: number): unknown {
  if (!(error instanceof CamelGPTError) || received === 0) return error;
  if (!/^(network|http-error|aborted|write-failed)$/.test(error.code)) return error;
  const { code, message, expected, found, hint, cause } = error;
  const kept = `${megabytes(received)} are kept: the same command continues there.`;
  return new CamelGPTError(code, message, {
    expected,
    found,
    hint: code === "aborted" || hint === undefined ? kept : `${hint} ${kept}`,
    cause,
  });
}

async function fetchRest(file: ModelFile, http: HttpOptions, partial: PartialFile, options: PullFileOptions) {
  const { url, sha256 } = file;
  const { resolve, platform, signal, onProgress } = options;
  const { fetch = platform.fetch } = resolve;
  platform.requireAccess?.(url);
  const source = await openUrl(url, {
    ...http,
    fetch,
    signal,
    ranges: partial.bytes > 0,
    verified: sha256 !== undefined,
  });
  try {
    const total = file.bytes ?? source.size;
    requireSize(file, source);
    await continueAt(partial, source, sha256 !== undefined);
    await partial.requireRoom(total);
    const resumedFrom = partial.bytes;
    const buffer = new Uint8Array(readBytes);
    let reported = 0;
    const report = () => onProgress({ url, received: partial.bytes, total, resumedFrom });
    report();
    for (;;) {
      const count = await source.read(buffer);
      if (count === 0) break;
      if (partial.bytes === 0) requireModel(buffer.subarray(0, count), url);
      await partial.write(buffer.subarray(0, count));
      if (file.bytes !== undefined && partial.bytes > file.bytes) throw otherSize(file, `more than ${file.bytes}`);
      if (performance.now() - reported < progressInterval) continue;
      reported = performance.now();
      report();
    }
    report();
    if (file.bytes !== undefined && partial.bytes !== file.bytes) throw otherSize(file, String(partial.bytes));
  } finally {
    await source.close();
  }
}

/** Positions the source after the stored bytes; begins again if they are not the beginning of this file. */
async function continueAt(partial: PartialFile, source: ByteSource, isVerified: boolean): Promise<void> {
  const { ranges, size = 0 } = source;
  if (partial.bytes === 0) return;
  const overlap = isVerified ? new Uint8Array(0) : await partial.tail(overlapBytes);
  if (!ranges || partial.bytes > size) return partial.clear();
  await ranges.seek(partial.bytes - overlap.length, size);
  const found = new Uint8Array(overlap.length);
  for (let filled = 0; filled < found.length; ) {
    const count = await source.read(found.subarray(filled));
    if (count === 0) break;
    filled += count;
  }
  if (overlap.every((byte, i) => byte === found[i])) return;
  await partial.clear();
  await ranges.seek(0, size);
}

function requireSize(file: ModelFile, source: ByteSource): void {
  const size = exactSizeOf(source);
  if (file.bytes !== undefined && size !== undefined && size !== file.bytes) throw otherSize(file, String(size));
}

function otherSize({ url, bytes }: ModelFile, found: string): CamelGPTError {
  return new CamelGPTError("integrity", `${fileName(url, true)} has another size than the hub's list says.`, {
    expected: `${bytes} bytes`,
    found: `${found} bytes`,
    hint: "The hub may have a newer version: run the command again.",
  });
}

/** Errors: `not-a-model`. A sidecar is no model, but has its own hash. */
function requireModel(bytes: Uint8Array, url: string): void {
  const name = fileName(url, true);
  rejectOtherFiles(bytes, name);
  const isModel = bytes[0] === 0x47 && bytes[1] === 0x47;
  if (isModel || !/\.gguf$/i.test(new URL(url).pathname)) return;
  throw new CamelGPTError("not-a-model", `${name} is not a model.`, {
    expected: 'a GGUF file, which begins with "GGUF"',
    found: excerpt(new TextDecoder().decode(bytes.subarray(0, 20))),
  });
}

function takenOver(url: string): CamelGPTError {
  return new CamelGPTError("write-failed", `Another process has taken over the download of ${shortUrl(url)}.`, {
    hint: "Run the command again: it waits for the other one.",
  });
}

/** Keeps the store within its quota, and removes downloads that were given up long ago. */
async function tidy(store: FileStore, key: string, folder: string): Promise<void> {
  const release = useDownloads([key]);
  try {
    await tidyStore(store, undefined);
    for (const name of (await readdir(folder)).filter((each) => each.endsWith(partialEnding))) {
      const path = join(folder, name);
      const status = await stat(path).catch(() => undefined);
      if (status && Date.now() - status.mtimeMs > maxPartialAge) {
        await removePartial(path);
        await rm(`${path}.lock`, { force: true });
      }
    }
  } catch (error) {
    void describe(error); // the model is kept nevertheless
  } finally {
    release();
  }
}
