// What a release's manifest says, for people, and whether its files are what it says.
import { CamelGPTError, excerpt, throwIfAborted } from "../../web/errors.js";
import { openUrl } from "../../web/load/sources/http.js";
import { checkedSource } from "../../web/load/integrity/checked-source.js";
import type { Release } from "../../web/load/releases/manifest.js";
import { findRelease } from "../../web/load/resolve.js";
import type { CallerMeans } from "../../web/worker/platform.js";
import type { ReleaseInfo } from "../../web/types.js";
import { httpSettings, type LoadOptions, resolveOptions } from "./options.js";

/** Signs the releases of this project (Ed25519). */
const officialKey = "234ece44af55aa99e1861fa56626d14b09dfd9772bb0bb102d2396870b9053be";

/** What `verify` found: all files are as published. */
export interface Verification extends ReleaseInfo {
  files: { path: string; bytes: number }[];
  /** What there is to say about the signature; empty where it is a trusted one. */
  note: string;
}

export function releaseInfo(
  { name, version, license, signature }: Release,
  trustedKeys: readonly string[] = [],
): ReleaseInfo {
  const signedBy = typeof signature === "object" ? signature.by : null;
  const trusted = signedBy !== null && (signedBy === officialKey || trustedKeys.includes(signedBy));
  return { name, version, license, signedBy, trusted };
}

export function signatureNote({ signature }: Release, { trusted, signedBy }: ReleaseInfo): string {
  if (trusted) return "";
  if (signature === "unchecked") return "The release's signature cannot be checked here: this runtime has no Ed25519.";
  return signedBy === null
    ? "The release is not signed."
    : `The release is signed by a key that is not known here: ${signedBy}.`;
}

export async function verifyRelease(name: string, options: LoadOptions, means: CallerMeans): Promise<Verification> {
  const { fetch, signal, trustedKeys } = options;
  // What is there, and not what was there when it was kept.
  const found = await findRelease(
    means.files ? name : absolute(name, means.baseUrl()),
    { ...resolveOptions(options), cache: "off" },
    means,
  );
  if (!found) {
    throw new CamelGPTError("bad-input", `${excerpt(name)} is no release.`, {
      expected: "a folder, or a URL that ends with /, with camelgpt.json in it",
      hint: "A GGUF file alone says nothing of what it should be.",
    });
  }
  const { release } = found;
  const files = [release.weights, release.sidecar, release.blocks].filter((file) => file !== undefined);
  const scratch = new Uint8Array(1 << 16);
  for (const file of files) {
    const address = found.nameOf(file);
    const source = found.isUrl
      ? await openUrl(address, { ...httpSettings(options), fetch, signal })
      : await means.files?.open(address);
    if (!source) throw new CamelGPTError("internal", "A release in a folder, without a file system.");
    const checked = checkedSource(source, file.check);
    try {
      while ((await checked.read(scratch)) > 0) throwIfAborted(signal);
    } finally {
      await checked.close();
    }
  }
  const info = releaseInfo(release, trustedKeys);
  return {
    ...info,
    files: files.map(({ path, check }) => ({ path, bytes: check.bytes })),
    note: signatureNote(release, info),
  };
}

function absolute(address: string, base: string | undefined): string {
  try {
    return new URL(address, base).href;
  } catch {
    return address; // is no release either
  }
}
