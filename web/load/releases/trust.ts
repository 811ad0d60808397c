// Whether a release may be used: who signed its manifest, and whether it is the release that the caller expects.
import { CamelGPTError, excerpt } from "../../errors.js";
import type { ReleaseInfo } from "../../types.js";
import type { Release } from "./manifest.js";
import { firstReleases, type OfficialKey, officialKeys, revokedKeys } from "./official-keys.js";
import { compareVersions } from "./version.js";
import type { TrustOptions } from "./wants-release.js";

/** The keys that judge a signature. */
export interface KnownKeys {
  official: readonly OfficialKey[];
  revoked: readonly string[];
  first: readonly string[];
}

const knownKeys: KnownKeys = { official: officialKeys, revoked: revokedKeys, first: firstReleases };

export interface Judgement {
  info: ReleaseInfo;
  /** A sentence about a signature that is not trusted; empty if it is trusted. */
  note: string;
}

/**
 * Errors: `integrity` if the release is not one that the caller accepts, `unsupported-environment` if a required
 * signature cannot be checked here.
 */
export function judgeRelease(release: Release, trust: TrustOptions, keys: KnownKeys = knownKeys): Judgement {
  const { name, version, license, signature } = release;
  const note = signatureNote(release, trust.trustedKeys, keys);
  if (note && trust.requireSignature) {
    throw new CamelGPTError(signature === "unchecked" ? "unsupported-environment" : "integrity", note, {
      expected: "a release signed by a trusted key",
      hint: "The options requireSignature and trustedKeys decide which releases load.",
    });
  }
  checkExpectation(release, trust.expect);
  const signedBy = typeof signature === "object" ? signature.by : null;
  return { info: { name, version, license, signedBy, trusted: note === "" }, note };
}

function signatureNote(
  { format, date, signature, signedHash }: Release,
  trustedKeys: readonly string[],
  { official, revoked, first }: KnownKeys,
): string {
  if (signature === "none") return "The release is not signed.";
  if (signature === "unchecked") return "The release's signature cannot be checked: this runtime has no Ed25519.";
  const { by } = signature;
  const key = official.find(({ publicKey }) => publicKey === by);
  if (key && first.includes(signedHash)) return "";
  if (revoked.includes(by)) return `The release is signed by a key that was revoked: ${by}.`;
  const isTrusted = trustedKeys.includes(by);
  if (!key && !isTrusted) return `The release is signed by a key that is not trusted: ${by}.`;
  if (format === 1) return "The release's signature is of format 1, which does not say what it is for: sign it again.";
  if (isTrusted || !key) return "";
  const day = date.slice(0, 10);
  if (day >= key.validFrom && day <= key.validUntil) return "";
  return `The release is of ${day}, but its key was valid from ${key.validFrom} to ${key.validUntil}: ${by}.`;
}

function checkExpectation({ name, version }: Release, expect: TrustOptions["expect"]): void {
  if (expect?.name !== undefined && expect.name !== name) {
    throw new CamelGPTError("integrity", "The release has another name.", {
      expected: excerpt(expect.name),
      found: excerpt(name),
    });
  }
  if (expect?.minVersion === undefined) return;
  const order = compareVersions(version, expect.minVersion);
  if (order !== undefined && order >= 0) return;
  throw new CamelGPTError(
    "integrity",
    order === undefined ? "The release's version cannot be compared." : "The release is older than required.",
    { expected: `version ${expect.minVersion} or later`, found: excerpt(version) },
  );
}

/** The error for a source that has no manifest, if the caller's conditions are about one. */
export function notARelease(name: string): CamelGPTError {
  return new CamelGPTError("integrity", `${excerpt(name)} is not a release, so nothing says who published it.`, {
    expected: "a folder, or a URL that ends with /, with camelgpt.json in it",
    hint: "The options requireSignature, trustedKeys and expect are for releases. For a file there is sha256.",
  });
}
