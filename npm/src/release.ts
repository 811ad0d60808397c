// Who signed a release, and whether its files are as published.
import type { ReleaseInfo } from "../../web/types.js";
import type { CallerPlatform } from "../../web/worker/platform.js";
import { checkSource, type LoadOptions, resolveOptions } from "./options.js";
import { requireAccess } from "./require-access.js";

/** The result of `verify`: all files are as published. */
export interface Verification extends ReleaseInfo {
  files: { path: string; bytes: number }[];
  /** A sentence about the signature; empty if it is trusted. */
  note: string;
}

export async function verifyRelease(
  name: string,
  options: LoadOptions,
  platform: CallerPlatform,
): Promise<Verification> {
  checkSource(name);
  requireAccess(name, options, platform);
  const { verifyFiles } = await import("../../web/load/releases/verify.js");
  const from = options.offline ? (await import("./offline.js")).withoutNetwork(platform) : platform;
  const { info, files, signatureNote } = await verifyFiles(name, resolveOptions(options), options.signal, from);
  return {
    ...info,
    files: files.map(({ path, check }) => ({ path, bytes: check.bytes })),
    note: signatureNote,
  };
}
