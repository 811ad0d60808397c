// The name or URL of a model → its files in the store, downloaded and verified.
import { asCamelGPTError, CamelGPTError } from "../../../../web/errors.js";
import { type CatalogueEntry, catalogueEntry } from "../../../../web/load/catalogue/catalogue.js";
import {
  findKeptModel,
  findModel,
  type FoundModel,
  isKept,
  type ModelFile,
} from "../../../../web/load/catalogue/find-model.js";
import type { FilePlatform, ResolveOptions } from "../../../../web/load/location.js";
import { fileName, originOf } from "../../../../web/load/names.js";
import { isUrl } from "../../../../web/load/place.js";
import { shardNames } from "../../../../web/load/sources/shard-names.js";
import { followingFetch } from "../../../../web/load/sources/redirects.js";
import { withHeaderKey } from "../../../../web/load/stores/header-key.js";
import { nodeFiles } from "../../entry/node-files.js";
import { openStore } from "../../entry/node-store.js";
import { requireConnection } from "../../entry/permissions.js";
import { checkLoadOptions, checkSource, defaultHub, type LoadOptions, resolveOptions } from "../../options.js";
import { type FileProgress, type PulledFile, pullFile } from "./pull-file.js";

export interface PullOptions
  extends Pick<LoadOptions, "hub" | "headers" | "cacheFolder" | "sha256" | "signal" | "retries" | "timeout"> {
  /** The hub's token. It is sent only to the hub, and only after the hub has refused a request without it. */
  token?: string | undefined;
  /** Called before the first byte is downloaded. */
  onStart?: (start: PullStart) => void;
  onProgress?: (progress: PullProgress) => void;
  /** Called while another process downloads the same file. */
  onWait?: (url: string) => void;
}

/** The model that is about to be downloaded. */
export interface PullStart extends FoundModel {
  /** Bytes of all files that are not kept yet; undefined if the server has not told them. */
  bytes: number | undefined;
}

/** Of all files of the model together. */
export interface PullProgress extends FileProgress {
  /** Counted from 1. */
  file: number;
  files: number;
}

export interface PulledModel {
  name: string;
  entry: CatalogueEntry | undefined;
  files: PulledFile[];
  notes: readonly string[];
  /** The headers with which the copy is found; undefined if none are needed. */
  headers: Record<string, string> | undefined;
}

/** The services of Node for the code that finds models. */
export function pullPlatform(cacheFolder: string | undefined): FilePlatform {
  return {
    files: { ...nodeFiles, cachedRelease: (name) => nodeFiles.cachedRelease(name, cacheFolder) },
    packaged: {},
    baseUrl: () => undefined,
    openStore: (warn) => openStore(warn, cacheFolder),
    fetch: followingFetch,
    requireAccess: requireConnection,
  };
}

/**
 * Downloads what the store lacks, and continues interrupted downloads. Errors: those of `findModel` and `pullFile`.
 */
export async function pullModel(name: string, options: PullOptions): Promise<PulledModel> {
  return withToken(name, options, async (resolve, platform) => {
    const found = await find(name, resolve, platform, options);
    const files = found.sidecar ? [...found.files, found.sidecar] : found.files;
    const missing = files.filter((file) => !file.isKept);
    const sizes = missing.map(({ bytes }) => bytes);
    if (missing.length > 0) options.onStart?.({ ...found, bytes: sizes.includes(undefined) ? undefined : sum(sizes) });
    const pulled: PulledFile[] = [];
    for (const [i, file] of files.entries()) {
      const onProgress = (progress: FileProgress) =>
        options.onProgress?.({ ...progress, file: i + 1, files: files.length });
      pulled.push(
        await pullFile(file, { resolve, platform, signal: options.signal, onProgress, onWait: options.onWait }),
      );
    }
    const { headers } = resolve.http;
    return {
      name,
      entry: found.entry,
      files: pulled,
      notes: found.notes,
      headers: Object.keys(headers).length > 0 ? headers : undefined,
    };
  });
}

/** The headers with which the store finds all files of a model; undefined if it lacks one. Asks no server. */
export async function keptHeaders(name: string, options: PullOptions): Promise<Record<string, string> | undefined> {
  for (const headers of requestHeaders(name, options)) {
    const { resolve, platform } = await settings({ ...options, headers });
    const isHere = isUrl(name)
      ? (await urlFiles(name, resolve, platform)).every((file) => file.isKept)
      : await findKeptModel(name, resolve, platform);
    if (isHere) return headers;
  }
  return undefined;
}

type Resolve = { resolve: ResolveOptions; platform: FilePlatform };

async function settings({ hub, headers, cacheFolder, retries, timeout, sha256 }: PullOptions): Promise<Resolve> {
  const given = checkLoadOptions({ hub, headers, cacheFolder, retries, timeout, sha256, cache: true });
  const platform = pullPlatform(cacheFolder);
  const resolve = resolveOptions(given);
  const hasHeaders = Object.keys(resolve.http.headers).length > 0;
  return { resolve: hasHeaders ? await withHeaderKey(resolve, platform.openStore) : resolve, platform };
}

/** Calls `work` with the caller's headers or without any, and then with the token if the hub has refused that. */
async function withToken<T>(
  name: string,
  options: PullOptions,
  work: (resolve: ResolveOptions, platform: FilePlatform) => Promise<T>,
): Promise<T> {
  let refusal: CamelGPTError | undefined;
  for (const headers of requestHeaders(name, options)) {
    const { resolve, platform } = await settings({ ...options, headers });
    try {
      return await work(resolve, platform);
    } catch (error) {
      const known = asCamelGPTError(error);
      const isRefused = known.code === "not-found" || (known.code === "http-error" && /40[13]/.test(known.found ?? ""));
      if (!isRefused) throw known;
      refusal = known;
    }
  }
  throw refusal!;
}

function requestHeaders(name: string, { headers = {}, token, hub }: PullOptions): Record<string, string>[] {
  const isOfHub = !isUrl(name) || originOf(name) === originOf(hub ?? defaultHub);
  const usesToken = token !== undefined && isOfHub && Object.keys(headers).length === 0;
  return usesToken ? [headers, { Authorization: `Bearer ${token}` }] : [headers];
}

async function find(
  name: string,
  resolve: ResolveOptions,
  platform: FilePlatform,
  { signal, sha256 }: PullOptions,
): Promise<FoundModel> {
  if (isUrl(name)) {
    checkSource(name);
    return { files: withHash(await urlFiles(name, resolve, platform), sha256), notes: [] };
  }
  try {
    const found = await findModel(name, resolve, platform, { refresh: true, signal });
    return { ...found, files: withHash(found.files, sha256) };
  } catch (error) {
    // Without a network a kept copy has to do.
    const kept = asCamelGPTError(error).code === "network" && (await findKeptModel(name, resolve, platform));
    if (!kept) throw error;
    return { ...kept, notes: ["The hub could not be asked whether it has a newer version."] };
  }
}

async function urlFiles(url: string, resolve: ResolveOptions, platform: FilePlatform): Promise<ModelFile[]> {
  const urls = shardNames(url, true) ?? [url];
  return Promise.all(urls.map(async (each) => ({ url: each, isKept: await isKept({ url: each }, resolve, platform) })));
}

/** Adds the caller's hash, which only a model in one file can have. Errors: `integrity` if the hub tells another. */
function withHash(files: readonly ModelFile[], sha256: string | undefined): ModelFile[] {
  const [file] = files;
  if (sha256 === undefined || files.length !== 1 || !file) return [...files];
  if (file.sha256 !== undefined && file.sha256 !== sha256) {
    throw new CamelGPTError("integrity", `${fileName(file.url, true)} is not the file that was asked for.`, {
      expected: `SHA-256 ${sha256}`,
      found: `${file.sha256}, according to the hub`,
    });
  }
  return [{ ...file, sha256, isKept: file.isKept && file.sha256 === sha256 }];
}

const sum = (sizes: readonly (number | undefined)[]) => sizes.reduce<number>((total, size) => total + (size ?? 0), 0);

/** Whether the catalogue has a model of this name that is downloaded. */
export const isCatalogued = (name: string): boolean => catalogueEntry(name)?.repository !== undefined;
