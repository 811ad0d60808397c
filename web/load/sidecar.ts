// The sidecar of a model: named by the user, or the file beside the model.
import type { SidecarParams } from "../worker/protocol.js";
import { openFile } from "./stores/cache.js";
import { checkedSource, type FileCheck } from "./integrity/checked-source.js";
import { readAll } from "./sources/read-all.js";
import { cacheUse, type FoundSidecar, type Location, type ResolveMeans, type ResolveOptions } from "./resolve.js";
import type { ByteSource } from "./sources/source.js";

// docs/formats.md
const version = 3;
const headerBytes = 96;
const dataPositionAt = 32;
const rankAt = 48;
const ffnAt = 92;

/** What has more bytes is no sidecar. */
const largest = 64 << 20;

/** What a sidecar says that has to be known before the model is loaded. The engine checks the rest. */
export interface SidecarFacts {
  /** The part of the neurons that the model was trained to answer with: memory depends on it. */
  ffn: number;
  /** Where it holds a pruned head, with which steps need some rows of the whole one: as many bytes as the header of the model's file should have. */
  headerBytes: number | undefined;
}

export function sidecarFacts(sidecar: SidecarParams | undefined): SidecarFacts {
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

/** `found`: where the model's release has one. Errors: those of reading, for one that was named or is in a release. */
export async function readSidecar(
  sidecar: string | URL | Uint8Array | undefined,
  found: FoundSidecar | undefined,
  model: Location,
  options: ResolveOptions,
  { files, baseUrl, openStore }: ResolveMeans,
): Promise<SidecarParams | undefined> {
  if (sidecar === undefined && found === undefined) {
    const first = model.kind === "shards" ? model.files[0] : model;
    if (first?.kind !== "path" || !files) return undefined;
    const path = first.path.replace(/(\.gguf)?$/i, ".epdp");
    if ((await files.kindOf(path)) !== "file") return undefined;
    return { ...(await readFrom(await files.open(path))), named: false };
  }
  if (sidecar !== undefined && typeof sidecar !== "string" && !("href" in sidecar)) return fromBytes(sidecar);
  const { name, bytes, check }: FoundSidecar = sidecar === undefined && found ? found : { name: String(sidecar) };
  if (bytes) return fromBytes(bytes);
  if (files && /^file:/i.test(name)) return readFrom(await files.open(files.fromUrl(new URL(name))), check);
  if (files && !/^(https?|blob|data):/i.test(name)) return readFrom(await files.open(name), check);
  const url = new URL(name, baseUrl()).href;
  const keeping = { cache: cacheUse(url, options), openStore, check, warn: () => {} }; // the engine's side says it of the weights
  return readFrom(await openFile(url, { ...options.http, fetch: options.fetch }, keeping));
}

function fromBytes(bytes: Uint8Array): SidecarParams {
  return { bytes, name: "the sidecar", named: true };
}

async function readFrom(file: ByteSource, check?: FileCheck): Promise<SidecarParams> {
  const source = checkedSource(file, check);
  return { bytes: await readAll(source, largest, "an EPDP sidecar"), name: source.name, named: true };
}
