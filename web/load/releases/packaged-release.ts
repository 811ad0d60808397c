// The release in the package, with its manifest: for callers who require a signature or expect a version.
import manifest from "../../../models/camelgpt-mini/camelgpt.json" with { type: "json" };
import { checkedSource } from "../caller-downloads.js";
import type { FilePlatform, ResolvedSource, ResolveOptions } from "../location.js";
import { placeOf } from "../place.js";
import { maxSidecarBytes } from "../sizes.js";
import { bytesSource } from "../sources/memory.js";
import { readAll } from "../sources/read-all.js";
import { packagedRelease } from "./known-releases.js";
import type { ReleaseFile } from "./manifest.js";
import { type FoundRelease, judged } from "./open-release.js";

/**
 * Returns undefined if the package has no release of that name. Its bytes are compared with the manifest, even those
 * that are part of a bundle. Errors: those of `judgeRelease`.
 */
export async function openPackaged(
  name: string,
  options: ResolveOptions,
  platform: FilePlatform,
): Promise<FoundRelease | ResolvedSource | undefined> {
  const packaged = name === packagedRelease ? await platform.packaged[name]?.() : undefined;
  if (!packaged) return undefined;
  const { weights, sidecar } = packaged;
  const addressOf = (file: URL | ArrayBuffer) => ("href" in file ? file.href : "");
  const bytes = new TextEncoder().encode(JSON.stringify(manifest));
  const found = await judged(
    bytes,
    (file) => placeOf(addressOf(file === found.release.weights ? weights : sidecar), platform),
    options,
  );
  if ("href" in weights || "href" in sidecar) return found;
  const { info, notes, release } = found;
  const checked = (bytes: ArrayBuffer, file: ReleaseFile | undefined) =>
    checkedSource(bytesSource(new Uint8Array(bytes)), file?.check);
  return {
    location: { kind: "caller", name: packagedRelease },
    open: async () => checked(weights, release.weights),
    release: info,
    notes,
    sidecar: { bytes: await readAll(checked(sidecar, release.sidecar), maxSidecarBytes, "an EPDP sidecar") },
  };
}
