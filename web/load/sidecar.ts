// The sidecar of a model: named by the user, part of a release, or the file next to the model.
import type { FileCheck } from "./integrity/file-check.js";
import {
  cacheUse,
  type FilePlace,
  type FilePlatform,
  type FoundSidecar,
  httpFor,
  packageOptions,
  type Location,
  type ResolvedSource,
  type ResolveOptions,
} from "./location.js";
import { openPlace, placeOf } from "./place.js";
import { maxSidecarBytes } from "./sizes.js";
import { readAll } from "./sources/read-all.js";
import { replaceDamaged } from "./stores/damaged-copy.js";

/** The result of an earlier calibration of a model. */
export interface Sidecar {
  bytes: Uint8Array;
  /** The name of the file, for messages. */
  name: string;
  /** The path of a sidecar that was found next to the model. */
  path?: string;
  /** Whether an unusable sidecar is an error, because the user or a release names it, or otherwise a note. */
  required: boolean;
}

/**
 * Reads the sidecar that the user named, or else the one of the release, or else the one next to the model. Errors:
 * those of reading.
 */
export async function readSidecar(
  named: string | URL | Uint8Array | undefined,
  found: FoundSidecar | undefined,
  { location, origin }: Pick<ResolvedSource, "location" | "origin">,
  given: ResolveOptions,
  platform: FilePlatform,
): Promise<Sidecar | undefined> {
  const isPackaged = named === undefined && found !== undefined && "isPackaged" in found;
  const options = isPackaged ? packageOptions(given) : given;
  const read = async (place: FilePlace, check: FileCheck | undefined, required: boolean): Promise<Sidecar> => {
    const settings = place.kind === "url" ? httpFor(place.url, options.http, origin) : options.http;
    const http = { ...settings, fetch: options.fetch };
    const cache = place.kind === "url" ? cacheUse(place.url, options) : "off";
    const open = async () => {
      const source = await openPlace(place, check, { http, cache }, platform);
      return { bytes: await readAll(source, maxSidecarBytes, "an EPDP sidecar"), name: source.name, required };
    };
    return replaceDamaged(open, () => {});
  };
  if (named !== undefined) {
    const isBytes = typeof named !== "string" && !("href" in named);
    return isBytes ? fromBytes(named) : read(placeOf(String(named), platform, options.http.allow), undefined, true);
  }
  if (found) return "bytes" in found ? fromBytes(found.bytes) : read(found.place, found.check, true);
  const path = await pathNextTo(location, platform);
  return path === undefined ? undefined : { ...(await read({ kind: "path", path }, undefined, false)), path };
}

function fromBytes(bytes: Uint8Array): Sidecar {
  return { bytes, name: "the sidecar", required: true };
}

/**
 * Returns undefined if there is no such file, and for a model whose bytes are compared with hashes: nothing vouches for
 * a file that neither the release nor the caller names. For a split model the sidecar is next to the first file.
 */
async function pathNextTo(model: Location, { files }: FilePlatform): Promise<string | undefined> {
  const first = model.kind === "shards" ? model.files[0] : model;
  if (first?.kind !== "path" || first.check || !files) return undefined;
  const path = first.path.replace(/(\.gguf)?$/i, ".epdp");
  return (await files.kindOf(path)) === "file" ? path : undefined;
}
