// The place of a single file: a path or a URL, decided from its name, and opened on the caller's thread.
import { CamelGPTError, excerpt } from "../errors.js";
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
 * `bad-option` for an invalid URL.
 */
export function placeOf(name: string, platform: FilePlatform): FilePlace {
  const { files } = platform;
  if (/^file:/i.test(name)) {
    if (!files) throw noFileSystem(name);
    return { kind: "path", path: files.fromUrl(new URL(name)) };
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

/** Opens a file and compares it with `check`. Errors: those of opening, `integrity`. */
export async function openPlace(
  place: FilePlace,
  check: FileCheck | undefined,
  { http, cache }: { http: HttpOptions; cache: CacheUse },
  { files, openStore, fetch }: FilePlatform,
): Promise<ByteSource> {
  const { checkedSource, openCachedUrl } = await import("./caller-downloads.js");
  if (place.kind === "url") {
    const options = { ...http, fetch: http.fetch ?? fetch };
    return openCachedUrl(place.url, options, { cache, openStore, check, warn: () => {} });
  }
  if (!files) throw noFileSystem(place.path);
  return checkedSource(await files.open(place.path), check);
}

function noFileSystem(name: string): CamelGPTError {
  return new CamelGPTError("unsupported-environment", `${excerpt(name)} cannot be opened: there is no file system.`, {
    expected: "a URL, a Blob or bytes",
    found: "a file: URL",
    hint: 'Let the user choose the file with <input type="file"> and pass the File.',
  });
}
