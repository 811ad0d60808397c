// The place of a manifest → the release, if it meets the caller's conditions. Loaded on demand, since most models are
// single files.
import { asCamelGPTError } from "../../errors.js";
import type { ReleaseInfo } from "../../types.js";
import { cacheBytes, openUrl, readCachedBytes } from "../caller-downloads.js";
import { cacheUse, type FilePlace, type FilePlatform, httpFor, type ResolveOptions } from "../location.js";
import { originOf } from "../names.js";
import { openPlace } from "../place.js";
import { maxManifestBytes } from "../sizes.js";
import { readAll } from "../sources/read-all.js";
import type { ByteSource } from "../sources/source.js";
import { parseManifest, type Release, type ReleaseFile } from "./manifest.js";
import { judgeRelease } from "./trust.js";

export interface FoundRelease {
  release: Release;
  info: ReleaseInfo;
  /** A sentence about the signature; empty if it is trusted. */
  signatureNote: string;
  /** Sentences for the user, that about the signature among them. */
  notes: string[];
  placeOf(file: ReleaseFile): FilePlace;
}

/** Errors: those of reading, of {@link parseManifest} and of {@link judgeRelease}. */
export async function openRelease(
  manifest: FilePlace,
  placeOf: FoundRelease["placeOf"],
  options: ResolveOptions,
  platform: FilePlatform,
): Promise<FoundRelease> {
  if (manifest.kind === "url") {
    const { bytes, isStale, keep } = await fetchManifest(manifest.url, options, platform);
    const found = await judged(bytes, placeOf, options, isStale);
    await keep(); // a refused manifest does not replace an earlier one
    return found;
  }
  const source = await openPlace(manifest, undefined, { http: options.http, cache: "off" }, platform);
  return judged(await readManifest(source), placeOf, options);
}

/** Returns a release whose manifest the caller has. */
export async function judged(
  bytes: Uint8Array,
  placeOf: FoundRelease["placeOf"],
  { trust }: ResolveOptions,
  isStale = false,
): Promise<FoundRelease> {
  const release = await parseManifest(bytes);
  const { info, note } = judgeRelease(release, trust);
  const notes = note ? [note] : [];
  if (isStale) {
    notes.push(
      "The release's manifest could not be fetched, so that of an earlier load is used; there may be a newer one.",
    );
  }
  return { release, info, signatureNote: note, notes, placeOf };
}

/**
 * Fetches the manifest each time, since it names the current version. Without a network, uses the copy in the store.
 */
async function fetchManifest(
  url: string,
  options: ResolveOptions,
  platform: FilePlatform,
): Promise<{ bytes: Uint8Array; isStale: boolean; keep(): Promise<void> }> {
  const { openStore } = platform;
  const { fetch = platform.fetch } = options;
  const http = httpFor(url, options.http, options.origin ?? originOf(url));
  const usesStore = cacheUse(url, options) !== "off";
  const stored = usesStore ? await readCachedBytes(url, http, openStore) : undefined;
  let bytes: Uint8Array;
  try {
    bytes = await readManifest(await openUrl(url, { ...http, retries: stored ? 0 : http.retries, fetch }));
  } catch (error) {
    if (stored && /^(network|offline)$/.test(asCamelGPTError(error).code)) {
      return { bytes: stored, isStale: true, keep: async () => {} };
    }
    throw error;
  }
  const keep = async () => {
    if (usesStore && String(bytes) !== String(stored)) await cacheBytes(url, http, bytes, openStore);
  };
  return { bytes, isStale: false, keep };
}

const readManifest = (source: ByteSource) => readAll(source, maxManifestBytes, "the manifest of a release");
