// The sidecar of a model: named by the user, or the file beside the model.
import { CamelGPTError, excerpt } from "../errors.js";
import type { SidecarParams } from "../protocol.js";
import { type Fetch, openUrl } from "./http.js";
import type { Location, ResolveMeans } from "./resolve.js";
import { type ByteSource, fileName } from "./source.js";

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

/** Errors: those of reading, for one that was named. */
export async function readSidecar(
  sidecar: string | URL | Uint8Array | undefined,
  model: Location,
  options: { headers: Record<string, string>; fetch: Fetch | undefined },
  { files, baseUrl }: ResolveMeans,
): Promise<SidecarParams | undefined> {
  if (sidecar === undefined) {
    if (model.kind !== "path" || !files) return undefined;
    const path = model.path.replace(/(\.gguf)?$/i, ".epdp");
    if ((await files.kindOf(path)) !== "file") return undefined;
    return { bytes: await readAll(await files.open(path)), name: fileName(path), named: false };
  }
  if (typeof sidecar !== "string" && !("href" in sidecar)) return { bytes: sidecar, name: "the sidecar", named: true };
  const name = String(sidecar);
  if (files && /^file:/i.test(name)) return named(await files.open(files.fromUrl(new URL(name))));
  if (files && !/^(https?|blob|data):/i.test(name)) return named(await files.open(name));
  return named(await openUrl(new URL(name, baseUrl()).href, options));
}

async function named(source: ByteSource): Promise<SidecarParams> {
  return { bytes: await readAll(source), name: source.name, named: true };
}

async function readAll(source: ByteSource): Promise<Uint8Array> {
  try {
    let bytes = new Uint8Array(source.size ? Math.min(source.size, largest) + 1 : 1 << 20);
    let filled = 0;
    for (;;) {
      const count = await source.read(bytes.subarray(filled));
      if (count === 0) return bytes.subarray(0, filled);
      filled += count;
      if (filled > largest) {
        throw new CamelGPTError("bad-format", `${excerpt(source.name)} is no EPDP sidecar.`, {
          expected: `at most ${largest} bytes`,
          found: `more than ${largest}`,
        });
      }
      if (filled < bytes.length) continue;
      const grown = new Uint8Array(2 * bytes.length);
      grown.set(bytes);
      bytes = grown;
    }
  } finally {
    await source.close();
  }
}
