// The Ed25519 keys of this project, and how long each is good. docs/formats.md tells how a key is replaced.

export interface OfficialKey {
  publicKey: string;
  /** The first and the last day on which a trusted manifest can be dated, for example "2026-11-22". */
  validFrom: string;
  validUntil: string;
}

/** The keys overlap in time, so that releases signed by the next one load in packages that know both. */
export const officialKeys: readonly OfficialKey[] = [
  {
    publicKey: "234ece44af55aa99e1861fa56626d14b09dfd9772bb0bb102d2396870b9053be",
    validFrom: "2026-11-22",
    validUntil: "2028-12-31",
  },
];

/**
 * Public keys whose private half is no longer secret. A thief chooses the date of a manifest, so no signature of a
 * revoked key is trusted, however old its date, even if the key is among `trustedKeys`.
 */
export const revokedKeys: readonly string[] = [];

/**
 * The SHA-256 of the signed text of this project's releases of format 1. The signatures of that format do not say what
 * they are for, so only these are trusted. They stay trusted if their key is revoked.
 */
export const firstReleases: readonly string[] = [
  "cec22c6e4dc1bc1341a035ca6031bc457417c3f9f3e41de23fad46d7758a8eac", // camelgpt-mini 1.0.0
  "46630143dd72e8ce3693f29023ca0dd639f6f7085ac21260312397b05283001e", // stlm-tiny 1.0.0
];
