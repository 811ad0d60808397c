// The name of a model → its location: a URL, a path, a release, or a file on the model hub.
import { CamelGPTError, excerpt } from "../errors.js";
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
import { knownReleases } from "./releases/known-releases.js";
import { manifestName } from "./releases/manifest-name.js";
import type { FoundRelease } from "./releases/open-release.js";
import { wantsRelease } from "./releases/wants-release.js";
import { maxWholeHashBytes } from "./sizes.js";
import { bytesSource } from "./sources/memory.js";
import type { ByteSource } from "./sources/source.js";

const releaseName = /^[a-z0-9][a-z0-9._-]*$/i;
const hubFile = /^[\w.-]+\/[\w.-]+\/.+\.gguf$/is;

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
  // Below a folder that exists, a misspelt path is a path; the hub is not asked.
  // Without a file system the name may be a relative URL with a query.
  const isHubFile = hubFile.test(name) && !name.startsWith(".") && (files !== undefined || !/[?#]/.test(name));
  if (isHubFile && !(isPath && (await files?.kindOf(name.split("/", 1)[0]!)) === "folder")) {
    return fromPlace({ kind: "url", url: joinUrl(options.hub, hubPath(name)) }, options, platform);
  }
  if (kind === "denied") return fromPlace({ kind: "path", path: name }, options, platform); // opening it says why
  if (files && !isPath) throw pathNotAllowed(name);
  if (files) {
    throw new CamelGPTError("not-found", `There is no file ${excerpt(name)}.`, {
      expected:
        "the path of a GGUF file or of a release's folder, a URL, owner/repo/file.gguf, or the name of a release",
      found: kind === "folder" ? `a folder without ${manifestName}` : "no such file",
      hint: `Check the path. Releases: ${knownReleases.join(", ")}.`,
    });
  }
  const url = absoluteUrl(name, platform);
  return /^https?:/.test(url)
    ? resolveName(url, options, platform)
    : fromPlace({ kind: "url", url }, options, platform);
}

/** Returns the path of owner/repo/file.gguf below the hub's base URL. Errors: `bad-option`. */
function hubPath(name: string): string {
  const segments = name.split("/");
  const isOdd = (segment: string) => /^\.{0,2}$|[\\\0-\x1f\x7f]|%[0-9a-f]{2}/i.test(segment) || !isWellFormed(segment);
  const odd = segments.find(isOdd);
  if (odd !== undefined) {
    throw new CamelGPTError("bad-option", `${excerpt(name)} is not the name of a file on a hub.`, {
      expected: "owner/repo/file.gguf, without empty segments, `.`, `..`, `\\` and percent-encoded characters",
      found: `the segment ${excerpt(odd)}`,
      hint: "Write the names of the owner, the repository and the file as the hub shows them.",
    });
  }
  const [owner, repository, ...path] = segments;
  return `${owner}/${repository}/resolve/main/${path.map(encodeURIComponent).join("/")}`;
}

/** Whether the text has a form in UTF-8, which encodeURIComponent requires. */
const isWellFormed = (text: string) => !/[\ud800-\udfff]/u.test(text);

/** Looks for a named release in the user's cache, in the package, and below the base URL of the option `releases`. */
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
    return fromPlace({ kind: "path", path: cached }, options, platform);
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

function joinUrl(base: string, path: string): string {
  return `${base.replace(/\/+$/, "")}/${path}`;
}
