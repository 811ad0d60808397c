// The place of a single file: a path or a URL, decided from its name, and opened on the caller's thread.
import { CamelGPTError, excerpt } from "../errors.js";
import { type AllowedPlaces, pathNotAllowed, requireAllowedUrl } from "./allow.js";
import type { FileCheck } from "./integrity/file-check.js";
import type { FilePlace, FilePlatform } from "./location.js";
import type { HttpOptions } from "./sources/http-options.js";
import type { ByteSource } from "./sources/source.js";
import type { CacheUse } from "./stores/cache.js";

/** Whether a name is an absolute URL of a scheme that can be loaded. Windows paths (`C:\…`) are not. */
export const isUrl = (name: string) => /^(https?|blob|data|file):/i.test(name);

/**
 * Absolute URLs are unchanged, except file: URLs, which become paths. Any other name is a path if there is a file
 * system, and otherwise a relative URL. Errors: `unsupported-environment` for a file: URL without a file system,
 * `bad-option` for an invalid URL, `not-allowed` for a file: URL if `allow` has no such scheme.
 */
export function placeOf(name: string, platform: FilePlatform, allow?: AllowedPlaces): FilePlace {
  const { files } = platform;
  if (/^file:/i.test(name)) {
    if (!files) throw noFileSystem(name);
    if (allow && !allow.fileUrls) throw pathNotAllowed(name);
    return { kind: "path", path: files.fromUrl(new URL(absoluteUrl(name, platform))) };
  }
  if (isUrl(name)) return { kind: "url", url: name };
  return files ? { kind: "path", path: name } : { kind: "url", url: absoluteUrl(name, platform) };
}

/** Errors: `bad-option`. */
export function absoluteUrl(name: string, platform: FilePlatform): string {
  try {
    return new URL(name, platform.baseUrl()).href;
  } catch (error) {
    throw new CamelGPTError("bad-option", `${excerpt(name)} is not an address.`, {
      expected: "a URL, owner/repo/file.gguf, or the name of a release",
      found: excerpt(name),
      cause: error,
    });
  }
}

/** Whether a path may be opened. It is not looked at if it may not. */
export async function isAllowedPath(
  path: string,
  allow: AllowedPlaces | undefined,
  { files }: FilePlatform,
): Promise<boolean> {
  return files !== undefined && (!allow || (await files.isInside(path, allow.folders)));
}

/** Checks a place before it is opened. Errors: `not-allowed`. */
export async function requireAllowedPlace(
  place: FilePlace,
  allow: AllowedPlaces | undefined,
  platform: FilePlatform,
): Promise<void> {
  if (place.kind === "url") return requireAllowedUrl(place.url, allow);
  if (!(await isAllowedPath(place.path, allow, platform))) throw pathNotAllowed(place.path);
}

/** Opens a file and compares it with `check`. Errors: those of opening, `not-allowed`, `integrity`. */
export async function openPlace(
  place: FilePlace,
  check: FileCheck | undefined,
  { http, cache }: { http: HttpOptions; cache: CacheUse },
  platform: FilePlatform,
): Promise<ByteSource> {
  const { files, openStore, fetch } = platform;
  const { allow } = http;
  if (place.kind === "url") requireAllowedUrl(place.url, allow);
  const { checkedSource, openCachedUrl } = await import("./caller-downloads.js");
  if (place.kind === "url") {
    const options = { ...http, fetch: http.fetch ?? fetch };
    return openCachedUrl(place.url, options, { cache, openStore, check, warn: () => {} });
  }
  if (!files) throw noFileSystem(place.path);
  return checkedSource(await files.open(place.path, allow?.folders), check);
}

function noFileSystem(name: string): CamelGPTError {
  return new CamelGPTError("unsupported-environment", `${excerpt(name)} cannot be opened: there is no file system.`, {
    expected: "a URL, a Blob or bytes",
    found: "a file: URL",
    hint: 'Let the user choose the file with <input type="file"> and pass the File.',
  });
}
