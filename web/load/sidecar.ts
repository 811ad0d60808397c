// The sidecar of a model: named by the user, part of a release, or the file next to the model.
import type { FileCheck } from "./integrity/file-check.js";
import {
  cacheUse,
  type FilePlace,
  type FilePlatform,
  type FoundSidecar,
  type Location,
  type ResolveOptions,
} from "./location.js";
import { openPlace, placeOf } from "./place.js";
import { maxSidecarBytes } from "./sizes.js";
import { readAll } from "./sources/read-all.js";

/** What an earlier calibration has learnt about a model. */
export interface Sidecar {
  bytes: Uint8Array;
  /** The name of the file, for messages. */
  name: string;
  /** Whether an unusable sidecar is an error, because the user or a release names it, or otherwise a note. */
  required: boolean;
}

// The header, see docs/formats.md.
const version = 3;
const headerBytes = 96;
const dataPositionAt = 32;
const rankAt = 48;
const ffnAt = 92;

/** The fields of a sidecar that are needed before the model is loaded. The engine checks everything else. */
export interface SidecarFacts {
  /** Fraction of the neurons that the model was trained to answer with. The memory plan depends on it. */
  ffn: number;
  /**
   * Size of the header of the model's file, if the sidecar contains a pruned output head: then steps need only some
   * rows of the head, and eager loading is possible.
   */
  headerBytes: number | undefined;
}

export function sidecarFacts(sidecar: Sidecar | undefined): SidecarFacts {
  const { bytes } = sidecar ?? {};
  const view =
    bytes && bytes.length >= headerBytes ? new DataView(bytes.buffer, bytes.byteOffset, headerBytes) : undefined;
  if (view?.getUint32(4, true) !== version) return { ffn: 1, headerBytes: undefined };
  const ffn = view.getFloat32(ffnAt, true);
  const hasHead = view.getUint32(rankAt, true) > 0;
  return {
    ffn: ffn > 0 && ffn < 1 ? ffn : 1,
    headerBytes: hasHead ? Number(view.getBigUint64(dataPositionAt, true)) : undefined,
  };
}

/**
 * Reads the sidecar that the user named, or else the one of the release, or else the one next to the model. Errors:
 * those of reading.
 */
export async function readSidecar(
  named: string | URL | Uint8Array | undefined,
  found: FoundSidecar | undefined,
  model: Location,
  options: ResolveOptions,
  platform: FilePlatform,
): Promise<Sidecar | undefined> {
  const read = async (place: FilePlace, check: FileCheck | undefined, required: boolean): Promise<Sidecar> => {
    const http = { ...options.http, fetch: options.fetch };
    const cache = place.kind === "url" ? cacheUse(place.url, options) : "off";
    const source = await openPlace(place, check, { http, cache }, platform);
    return { bytes: await readAll(source, maxSidecarBytes, "an EPDP sidecar"), name: source.name, required };
  };
  if (named !== undefined) {
    const isBytes = typeof named !== "string" && !("href" in named);
    return isBytes ? fromBytes(named) : read(placeOf(String(named), platform), undefined, true);
  }
  if (found) return "bytes" in found ? fromBytes(found.bytes) : read(found.place, found.check, true);
  const path = await pathNextTo(model, platform);
  return path === undefined ? undefined : read({ kind: "path", path }, undefined, false);
}

function fromBytes(bytes: Uint8Array): Sidecar {
  return { bytes, name: "the sidecar", required: true };
}

/** Returns undefined if there is no such file. For a split model the sidecar is next to the first file. */
async function pathNextTo(model: Location, { files }: FilePlatform): Promise<string | undefined> {
  const first = model.kind === "shards" ? model.files[0] : model;
  if (first?.kind !== "path" || !files) return undefined;
  const path = first.path.replace(/(\.gguf)?$/i, ".epdp");
  return (await files.kindOf(path)) === "file" ? path : undefined;
}
