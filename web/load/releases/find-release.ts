// The name of a folder or URL → the release in it, if it is one.
import { asCamelGPTError } from "../../errors.js";
import { cacheUse, type FilePlace, type FilePlatform, httpFor, type ResolveOptions } from "../location.js";
import { originOf } from "../names.js";
import { absoluteUrl, isAllowedPath, isUrl, requireAllowedPlace } from "../place.js";
import { maxManifestBytes } from "../sizes.js";
import { readAll } from "../sources/read-all.js";
import type { ByteSource } from "../sources/source.js";
import { manifestName, parseManifest, type Release, type ReleaseFile } from "./manifest.js";

export interface FoundRelease {
  release: Release;
  placeOf(file: ReleaseFile): FilePlace;
}

/**
 * Returns undefined unless the name is that of a release's folder or manifest. Errors: those of reading and of {@link
 * parseManifest}.
 */
export async function findRelease(
  name: string,
  options: ResolveOptions,
  platform: FilePlatform,
): Promise<FoundRelease | undefined> {
  const { files } = platform;
  if (/^https?:.*\/(camelgpt\.json)?$/i.test(name)) {
    const manifest = new URL(manifestName, absoluteUrl(name, platform)).href;
    await requireAllowedPlace({ kind: "url", url: manifest }, options.http.allow, platform);
    const release = await fetchManifest(manifest, options, platform);
    return { release, placeOf: ({ path }) => ({ kind: "url", url: new URL(path, manifest).href }) };
  }
  const { allow } = options.http;
  if (!files || isUrl(name) || !(await isAllowedPath(name, allow, platform))) return undefined;
  const folder = name.endsWith(`/${manifestName}`) ? name.slice(0, -manifestName.length - 1) : name;
  const manifest = `${folder}/${manifestName}`;
  if ((await files.kindOf(folder)) !== "folder" || (await files.kindOf(manifest)) !== "file") return undefined;
  const release = await parseManifest(await readManifest(await files.open(manifest, allow?.folders)));
  return { release, placeOf: ({ path }) => ({ kind: "path", path: `${folder}/${path}` }) };
}

/**
 * Fetches the manifest each time, since it names the current version. Without a network, uses the copy in the store.
 */
async function fetchManifest(url: string, options: ResolveOptions, platform: FilePlatform): Promise<Release> {
  const { cacheBytes, openUrl, readCachedBytes } = await import("../caller-downloads.js");
  const { openStore } = platform;
  const { fetch = platform.fetch } = options;
  const http = httpFor(url, options.http, options.origin ?? originOf(url));
  const usesStore = cacheUse(url, options) !== "off";
  const stored = usesStore ? await readCachedBytes(url, http, openStore) : undefined;
  let bytes: Uint8Array;
  try {
    bytes = await readManifest(await openUrl(url, { ...http, retries: stored ? 0 : http.retries, fetch }));
  } catch (error) {
    if (stored && asCamelGPTError(error).code === "network") return parseManifest(stored);
    throw error;
  }
  const release = await parseManifest(bytes);
  if (usesStore && String(bytes) !== String(stored)) await cacheBytes(url, http, bytes, openStore);
  return release;
}

const readManifest = (source: ByteSource) => readAll(source, maxManifestBytes, "the manifest of a release");
