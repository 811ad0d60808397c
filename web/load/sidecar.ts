// The sidecar of a model: named by the user, or the file beside the model.
import type { SidecarParams } from "../protocol.js";
import { type HttpOptions, openUrl } from "./http.js";
import { checkedSource, type FileCheck } from "./integrity.js";
import { readAll } from "./read-all.js";
import type { FoundSidecar, Location, ResolveMeans } from "./resolve.js";
import type { ByteSource } from "./source.js";

// docs/formats.md
const version = 2;
const headerBytes = 80;
const ffnAt = 76;

/** What has more bytes is no sidecar. */
const largest = 64 << 20;

/** The part of the neurons that a model was trained to answer with, as its sidecar says: memory depends on it. The engine checks the rest. */
export function trainedFfn(sidecar: SidecarParams | undefined): number {
  const { bytes } = sidecar ?? {};
  if (!bytes || bytes.length < headerBytes) return 1;
  const view = new DataView(bytes.buffer, bytes.byteOffset, headerBytes);
  const ffn = view.getUint32(4, true) === version ? view.getFloat32(ffnAt, true) : 0;
  return ffn > 0 && ffn < 1 ? ffn : 1;
}

/** `found`: where the model's release has one. Errors: those of reading, for one that was named or is in a release. */
export async function readSidecar(
  sidecar: string | URL | Uint8Array | undefined,
  found: FoundSidecar | undefined,
  model: Location,
  http: HttpOptions,
  { files, baseUrl }: ResolveMeans,
): Promise<SidecarParams | undefined> {
  if (sidecar === undefined && found === undefined) {
    if (model.kind !== "path" || !files) return undefined;
    const path = model.path.replace(/(\.gguf)?$/i, ".epdp");
    if ((await files.kindOf(path)) !== "file") return undefined;
    return { ...(await readFrom(await files.open(path))), named: false };
  }
  if (sidecar !== undefined && typeof sidecar !== "string" && !("href" in sidecar)) return fromBytes(sidecar);
  const { name, bytes, check }: FoundSidecar = sidecar === undefined && found ? found : { name: String(sidecar) };
  if (bytes) return fromBytes(bytes);
  if (files && /^file:/i.test(name)) return readFrom(await files.open(files.fromUrl(new URL(name))), check);
  if (files && !/^(https?|blob|data):/i.test(name)) return readFrom(await files.open(name), check);
  return readFrom(await openUrl(new URL(name, baseUrl()).href, http), check);
}

function fromBytes(bytes: Uint8Array): SidecarParams {
  return { bytes, name: "the sidecar", named: true };
}

async function readFrom(file: ByteSource, check?: FileCheck): Promise<SidecarParams> {
  const source = checkedSource(file, check);
  return { bytes: await readAll(source, largest, "an EPDP sidecar"), name: source.name, named: true };
}
