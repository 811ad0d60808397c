// The name of a release → the release, after comparing all of its files with the manifest.
import { CamelGPTError, excerpt, throwIfAborted } from "../../errors.js";
import type { FilePlatform, ResolveOptions } from "../location.js";
import { absoluteUrl, isUrl, openPlace } from "../place.js";
import { findRelease } from "./find-release.js";
import type { Release, ReleaseFile } from "./manifest.js";

export interface VerifiedRelease {
  release: Release;
  files: ReleaseFile[];
}

/**
 * Reads all files from their place, not from the store. Errors: `bad-input` if there is no release, `integrity`, and
 * those of reading.
 */
export async function verifyFiles(
  name: string,
  options: ResolveOptions,
  signal: AbortSignal | undefined,
  platform: FilePlatform,
): Promise<VerifiedRelease> {
  const found = await findRelease(addressOf(name, platform), { ...options, cache: "off" }, platform);
  if (!found) {
    throw new CamelGPTError("bad-input", `${excerpt(name)} is not a release.`, {
      expected: "a folder, or a URL that ends with /, with camelgpt.json in it",
      hint: "For a single GGUF file there are no hashes to compare it with.",
    });
  }
  const { release } = found;
  const files = [release.weights, release.sidecar, release.blocks].filter((file) => file !== undefined);
  const http = { ...options.http, fetch: options.fetch, signal };
  const scratch = new Uint8Array(1 << 16);
  for (const file of files) {
    const source = await openPlace(found.placeOf(file), file.check, { http, cache: "off" }, platform);
    try {
      while ((await source.read(scratch)) > 0) throwIfAborted(signal);
    } finally {
      await source.close();
    }
  }
  return { release, files };
}

function addressOf(name: string, platform: FilePlatform): string {
  if (platform.files || isUrl(name)) return name;
  try {
    return absoluteUrl(name, platform);
  } catch {
    return name; // not a release either
  }
}
