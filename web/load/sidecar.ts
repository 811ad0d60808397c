// The sidecar of a model: named by the user, or the file beside the model.
import type { SidecarParams } from "../protocol.js";
import { openFile } from "./cache.js";
import { checkedSource, type FileCheck } from "./integrity.js";
import { readAll } from "./read-all.js";
import { cacheUse, type FoundSidecar, type Location, type ResolveMeans, type ResolveOptions } from "./resolve.js";
import type { ByteSource } from "./source.js";

/** What has more bytes is no sidecar. */
const largest = 64 << 20;

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
