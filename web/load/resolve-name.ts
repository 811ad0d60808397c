// The name of a model → its location: a URL, a path, a release, or a file on the model hub.
import { CamelGPTError, excerpt } from "../errors.js";
import type { FileCheck } from "./integrity/file-check.js";
import {
  cacheUse,
  type FilePlace,
  type FilePlatform,
  type FoundSidecar,
  httpFor,
  type ResolvedSource,
  type ResolveOptions,
} from "./location.js";
import { fileName, originOf } from "./names.js";
import { absoluteUrl, isUrl, placeOf } from "./place.js";
import { findRelease } from "./releases/find-release.js";
import { knownReleases } from "./releases/known-releases.js";
import { manifestName } from "./releases/manifest-name.js";
import type { FoundRelease } from "./releases/open-release.js";
import { wantsRelease } from "./releases/wants-release.js";
import { maxWholeHashBytes } from "./sizes.js";
import { bytesSource } from "./sources/memory.js";
import type { ByteSource } from "./sources/source.js";

const releaseName = /^[a-z0-9][a-z0-9._-]*$/i;
const hubFile = /^[\w.-]+\/[\w.-]+\/.+\.gguf$/i;

export async function resolveName(
  name: string,
  options: ResolveOptions,
  platform: FilePlatform,
): Promise<ResolvedSource> {
  const { files } = platform;
  const found = await findRelease(name, options, platform);
  if (found) return fromRelease(found, options);
  if (isUrl(name)) return fromPlace(placeOf(name, platform), options);
  const kind = await files?.kindOf(name);
  if (kind === "file") return fromPlace({ kind: "path", path: name }, options);
  if (releaseName.test(name) && !/\.gguf$/i.test(name)) return resolveRelease(name, options, platform);
  const [owner = "", repository, ...path] = name.split("/");
  // Below a folder that exists, a misspelt path is a path; the hub is not asked.
  // Without a file system the name may be a relative URL with a query.
  const isHubFile = hubFile.test(name) && !name.startsWith(".") && (files !== undefined || !/[?#]/.test(name));
  if (isHubFile && (await files?.kindOf(owner)) !== "folder") {
    const file = `${owner}/${repository}/resolve/main/${path.map(encodeURIComponent).join("/")}`;
    return fromPlace({ kind: "url", url: joinUrl(options.hub, file) }, options);
  }
  if (kind === "denied") return fromPlace({ kind: "path", path: name }, options); // opening it says why
  if (files) {
    throw new CamelGPTError("not-found", `There is no file ${excerpt(name)}.`, {
      expected:
        "the path of a GGUF file or of a release's folder, a URL, owner/repo/file.gguf, or the name of a release",
      found: kind === "folder" ? `a folder without ${manifestName}` : "no such file",
      hint: `Check the path. Releases: ${knownReleases.join(", ")}.`,
    });
  }
  const url = absoluteUrl(name, platform);
  return /^https?:/.test(url) ? resolveName(url, options, platform) : fromPlace({ kind: "url", url }, options);
}

/** Looks for a named release in the user's cache, in the package, and below the base URL of the option `releases`. */
async function resolveRelease(name: string, options: ResolveOptions, platform: FilePlatform): Promise<ResolvedSource> {
  const { files } = platform;
  if (wantsRelease(options.trust)) {
    const { openPackaged } = await import("./releases/packaged-release.js");
    const found = await openPackaged(name, options, platform);
    if (found) return "location" in found ? found : fromRelease(found, options);
  }
  const cached = files?.cachedRelease(name);
  if (files && cached !== undefined && (await files.kindOf(cached)) === "file") {
    return fromPlace({ kind: "path", path: cached }, options);
  }
  const packaged = await platform.packaged[name]?.();
  if (packaged) {
    const { weights, sidecar } = packaged;
    const found: FoundSidecar =
      "href" in sidecar ? { place: placeOf(sidecar.href, platform) } : { bytes: new Uint8Array(sidecar) };
    const model =
      "href" in weights
        ? fromPlace(placeOf(weights.href, platform), options)
        : fromCaller("bytes", async () => bytesSource(new Uint8Array(weights)));
    return { ...model, sidecar: found };
  }
  if (options.releases) {
    return fromPlace({ kind: "url", url: joinUrl(options.releases, `${name}.gguf`) }, options);
  }
  if (!knownReleases.includes(name)) {
    throw new CamelGPTError("unknown-release", `There is no release named ${excerpt(name)}.`, {
      expected: `one of ${knownReleases.join(", ")}, a path, or a URL`,
      found: excerpt(name),
      hint: "Give the path or URL of a GGUF file, or the base URL of your own releases with the option `releases`.",
    });
  }
  throw new CamelGPTError("not-found", `The release ${name} is not on this machine.`, {
    expected: cached ?? "the option `releases`, the base URL of named releases",
    found: "neither a cached file nor the option `releases`",
    hint: files
      ? "Give the option `releases` or the path or URL of a GGUF file, or run `npm start` in the repository."
      : "Give the option `releases`, or the URL of a GGUF file.",
  });
}

function fromRelease(found: FoundRelease, options: ResolveOptions): ResolvedSource {
  const { info, notes, placeOf: placeInRelease } = found;
  const { weights, sidecar, blocks } = found.release;
  const isWholeCompared = options.trust.requireSignature || weights.check.bytes <= maxWholeHashBytes;
  const blocksPlace = blocks && placeInRelease(blocks);
  const check = {
    ...weights.check,
    ...(!isWholeCompared && { wholeSha256: undefined }),
    ...(blocksPlace?.kind === "url" && { blocks: { url: blocksPlace.url, check: blocks!.check } }),
  };
  return {
    ...fromPlace(placeInRelease(weights), options, check),
    release: info,
    notes,
    sidecar: sidecar && { place: placeInRelease(sidecar), check: sidecar.check },
  };
}

function fromPlace(place: FilePlace, options: ResolveOptions, check?: FileCheck): ResolvedSource {
  if (place.kind === "path") return { location: { ...place, ...(check && { check }) } };
  const { url } = place;
  const { fetch } = options;
  const origin = originOf(url);
  const http = httpFor(url, options.http, options.origin ?? origin);
  if (!fetch) return { location: { ...place, http, cache: cacheUse(url, options), ...(check && { check }) }, origin };
  // A function cannot be posted to the engine's thread, so with the caller's own fetch this thread downloads.
  const open = async (signal: AbortSignal | undefined) => {
    const { checkedSource, openParallel } = await import("./caller-downloads.js");
    return checkedSource(await openParallel(url, { ...http, fetch, signal, verified: check !== undefined }), check);
  };
  return { ...fromCaller(fileName(url, true), open), origin };
}

export function fromCaller(
  name: string,
  open: (signal: AbortSignal | undefined) => Promise<ByteSource>,
): ResolvedSource {
  return { location: { kind: "caller", name }, open };
}

function joinUrl(base: string, path: string): string {
  return `${base.replace(/\/+$/, "")}/${path}`;
}
