// The conditions that a caller sets for releases, and whether a source without a manifest can meet them.

/** The conditions that a caller sets for a release. */
export interface TrustOptions {
  /** Whether only a release that is signed by a trusted key may be used. */
  requireSignature: boolean;
  /** Keys that are trusted in addition to those of this project. */
  trustedKeys: readonly string[];
  expect: { name?: string | undefined; minVersion?: string | undefined } | undefined;
}

/** Whether only a release can meet the conditions. */
export const wantsRelease = ({ requireSignature, expect }: TrustOptions): boolean =>
  requireSignature || expect?.name !== undefined || expect?.minVersion !== undefined;
