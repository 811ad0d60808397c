// The name of a model → its location: a URL, a path, a release, or files on the model hub.
import { CamelGPTError } from "../errors.js";
import { pathNotAllowed } from "./allow.js";
import type { FileCheck } from "./integrity/file-check.js";
import {
  cacheUse,
  type FilePlace,
  type FilePlatform,
  type FoundSidecar,
  httpFor,
  packageOptions,
  type ResolvedSource,
  type ResolveOptions,
} from "./location.js";
import { fileName, originOf } from "./names.js";
import { absoluteUrl, isAllowedPath, isUrl, placeOf, requireAllowedPlace } from "./place.js";
import { findRelease } from "./releases/find-release.js";
import type { FoundRelease } from "./releases/open-release.js";
import { wantsRelease } from "./releases/wants-release.js";
import { maxWholeHashBytes } from "./sizes.js";
import { bytesSource } from "./sources/memory.js";
import type { ByteSource } from "./sources/source.js";

const releaseName = /^[a-z0-9][a-z0-9._-]*$/i;
/** owner/repo/file.gguf, also with a revision: owner/repo@revision/file.gguf. */
const hubFile = /^[\w.-]+\/[\w.-]+(@[^/]+)?\/.+\.gguf$/is;
/** owner/repo, also with a revision or a quantisation: owner/repo@revision:Q4_K_M. */
const hubRepository = /^[\w.-]+\/[\w.-]+(@[^:]+)?(:[\w.-]+)?$/i;
/** The end of a relative URL: the name of a file, and not that of a repository such as SmolLM2-1.7B. */
const fileExtension = /\.[a-z]{2,5}$/i;

export async function resolveName(
  name: string,
  options: ResolveOptions,
  platform: FilePlatform,
): Promise<ResolvedSource> {
  const { files } = platform;
  const { allow } = options.http;
  if (isUrl(name)) await requireAllowedPlace(placeOf(name, platform, allow), allow, platform);
  // A path that may not be opened is not looked at either: the error would tell whether it exists.
  const isPath = !isUrl(name) && (await isAllowedPath(name, allow, platform));
  const found = isUrl(name) || isPath ? await findRelease(name, options, platform) : undefined;
  if (found) return fromRelease(found, options, platform);
  if (isUrl(name)) return fromPlace(placeOf(name, platform), options, platform);
  const kind = isPath ? await files?.kindOf(name) : undefined;
  if (kind === "file" || kind === "other") return fromPlace({ kind: "path", path: name }, options, platform);
  if (releaseName.test(name) && !/\.gguf$/i.test(name)) return resolveRelease(name, options, platform);
  if (isOnHub(name, files !== undefined)) {
    // Below a folder that exists, a misspelt path is a path; the hub is not asked.
    if (!(isPath && (await files?.kindOf(name.split("/", 1)[0]!)) === "folder"))
      return (await hub()).resolveHubName(name, options, platform, { fromPlace, joinFiles });
  } else if (!files) {
    const url = absoluteUrl(name, platform);
    return /^https?:/.test(url)
      ? resolveName(url, options, platform)
      : fromPlace({ kind: "url", url }, options, platform);
  }
  if (kind === "denied") return fromPlace({ kind: "path", path: name }, options, platform); // opening it says why
  if (!isPath) throw pathNotAllowed(name);
  throw await (await hub()).missingFile(name, kind, options, platform);
}

const hub = () => import("./catalogue/resolve-hub.js");

/** Whether a name that is neither a file nor a URL is one of a model on the hub. */
export function isOnHub(name: string, hasFiles: boolean): boolean {
  if (name.startsWith(".")) return false;
  // Without a file system the name may be a relative URL, with a query.
  if (hubFile.test(name)) return hasFiles || !/[?#]/.test(name);
  return hubRepository.test(name) && !/\.gguf$/i.test(name) && (hasFiles || !fileExtension.test(name));
}

/**
 * Looks for a named release in the user's cache, in the package, below the base URL of the option `releases`, and in
 * the catalogue.
 */
async function resolveRelease(name: string, options: ResolveOptions, platform: FilePlatform): Promise<ResolvedSource> {
  const { files } = platform;
  const { allow } = options.http;
  if (wantsRelease(options.trust)) {
    const { openPackaged } = await import("./releases/packaged-release.js");
    const found = await openPackaged(name, options, platform);
    if (found) return "location" in found ? found : fromRelease(found, packageOptions(options), platform, true);
  }
  const cached = files?.cachedRelease(name);
  const mayOpen = cached !== undefined && (await isAllowedPath(cached, allow, platform));
  if (mayOpen && (await files?.kindOf(cached)) === "file") {
    return {
      ...(await fromPlace({ kind: "path", path: cached }, options, platform)),
      ...(await hub()).samplingOf(name),
    };
  }
  const packaged = await platform.packaged[name]?.();
  if (packaged) {
    const { weights, sidecar } = packaged;
    const found: FoundSidecar =
      "href" in sidecar
        ? { place: placeOf(sidecar.href, platform), isPackaged: true }
        : { bytes: new Uint8Array(sidecar) };
    const model =
      "href" in weights
        ? await fromPlace(placeOf(weights.href, platform), packageOptions(options), platform)
        : fromCaller("bytes", async () => bytesSource(new Uint8Array(weights)));
    return { ...model, origin: undefined, sidecar: found };
  }
  if (options.releases) {
    return fromPlace({ kind: "url", url: joinUrl(options.releases, `${name}.gguf`) }, options, platform);
  }
  return (await hub()).resolveCatalogued(name, options, platform, { fromPlace, joinFiles });
}

async function fromRelease(
  found: FoundRelease,
  options: ResolveOptions,
  platform: FilePlatform,
  isPackaged?: true,
): Promise<ResolvedSource> {
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
    ...(await fromPlace(placeInRelease(weights), options, platform, check)),
    release: info,
    notes,
    sidecar: sidecar && { place: placeInRelease(sidecar), check: sidecar.check, ...(isPackaged && { isPackaged }) },
  };
}

async function fromPlace(
  place: FilePlace,
  options: ResolveOptions,
  platform: FilePlatform,
  check?: FileCheck,
): Promise<ResolvedSource> {
  const { allow } = options.http;
  await requireAllowedPlace(place, allow, platform);
  if (place.kind === "path") {
    return { location: { ...place, ...(allow && { folders: allow.folders }), ...(check && { check }) } };
  }
  const { url } = place;
  const { fetch } = options;
  const origin = originOf(url);
  const http = httpFor(url, options.http, options.origin ?? origin);
  if (!fetch)
    return {
      location: { ...place, http, cache: cacheUse(url, options), keep: options.keep, ...(check && { check }) },
      origin,
    };
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

/** Joins the files of a split model, given in order. */
export function joinFiles(resolved: readonly ResolvedSource[]): ResolvedSource {
  return {
    origin: resolved[0]?.origin,
    location: {
      kind: "shards",
      files: resolved.map(({ location }, file) => (location.kind === "caller" ? { ...location, file } : location)),
    },
    open: async (signal, file = 0) => {
      const open = resolved[file]?.open;
      if (open) return open(signal);
      throw new CamelGPTError("internal", "The worker asked for an unknown file.");
    },
  };
}

function joinUrl(base: string, path: string): string {
  return `${base.replace(/\/+$/, "")}/${path}`;
}
