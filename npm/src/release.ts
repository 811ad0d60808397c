// Who signed a release, and whether its files are as published.
import type { Release } from "../../web/load/releases/manifest.js";
import { verifyFiles } from "../../web/load/releases/verify.js";
import type { ReleaseInfo } from "../../web/types.js";
import type { CallerPlatform } from "../../web/worker/platform.js";
import { checkSource, type LoadOptions, resolveOptions } from "./options.js";
import { requireAccess } from "./require-access.js";

/** The Ed25519 public key that signs the releases of this project. */
const officialKey = "234ece44af55aa99e1861fa56626d14b09dfd9772bb0bb102d2396870b9053be";

/** The result of `verify`: all files are as published. */
export interface Verification extends ReleaseInfo {
  files: { path: string; bytes: number }[];
  /** A sentence about the signature; empty if it is trusted. */
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

/** Returns a sentence about a signature that is not trusted; empty if it is trusted. */
export function signatureNote({ signature }: Release, { trusted, signedBy }: ReleaseInfo): string {
  if (trusted) return "";
  if (signature === "unchecked") return "The release's signature cannot be checked: this runtime has no Ed25519.";
  return signedBy === null
    ? "The release is not signed."
    : `The release is signed by a key that is not trusted: ${signedBy}.`;
}

export async function verifyRelease(
  name: string,
  options: LoadOptions,
  platform: CallerPlatform,
): Promise<Verification> {
  checkSource(name);
  requireAccess(name, options, platform);
  const { release, files } = await verifyFiles(name, resolveOptions(options), options.signal, platform);
  const info = releaseInfo(release, options.trustedKeys);
  return {
    ...info,
    files: files.map(({ path, check }) => ({ path, bytes: check.bytes })),
    note: signatureNote(release, info),
  };
}
