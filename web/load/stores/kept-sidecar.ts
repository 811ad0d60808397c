// Calibrations that the package keeps by itself, in the store of downloads: one sidecar for each model.
import type { FilePlatform, Location } from "../location.js";
import type { Sidecar } from "../sidecar.js";
import { maxSidecarBytes } from "../sizes.js";
import { readAll } from "../sources/read-all.js";
import { hashOf, keyOf } from "./entries.js";
import type { FileStore } from "./file-store.js";

/**
 * The name of a model's calibration in the store. It begins with the key of a download, so that it is removed with it.
 * Undefined for bytes and streams, which have no name. Whether a calibration belongs to a model is known from the
 * fingerprint in it, so it does not matter if another file has the same name.
 */
export async function calibrationName(
  location: Location,
  source: unknown,
  files: FilePlatform["files"],
): Promise<string | undefined> {
  const key = await calibrationKey(location, source, files);
  return key && `${key}.epdp`;
}

async function calibrationKey(
  location: Location,
  source: unknown,
  files: FilePlatform["files"],
): Promise<string | undefined> {
  switch (location.kind) {
    case "shards": {
      const [first] = location.files;
      return first && calibrationKey(first, Array.isArray(source) ? source[0] : undefined, files);
    }
    case "url":
      return keyOf(location.url, location.http);
    case "path":
      return files && hashOf(`path ${files.absolute(location.path)}`);
    case "caller": {
      const { name, size, lastModified } = (source ?? {}) as Partial<File>;
      return lastModified === undefined ? undefined : hashOf(`file ${JSON.stringify([name, size, lastModified])}`);
    }
  }
}

/** Errors: those of reading. */
export async function readCalibration(store: FileStore, name: string): Promise<Sidecar | undefined> {
  const source = await store.open(name);
  if (!source) return undefined;
  const bytes = await readAll(source, maxSidecarBytes, "a kept calibration");
  await store.touch?.(name).catch(() => {});
  return { bytes, name: "The calibration kept for this model", required: false };
}
