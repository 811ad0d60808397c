// What dynamic pruning did, in the form of the CLI's JSON.
import type { ModelInfo } from "../../web/types.js";

/** See docs on EPDP for what the numbers mean. All of them describe the dense model where `mode` is `"off"`. */
export interface EpdpReport {
  mode: "off";
  /** Rows of the output head that are computed for a token. */
  headRows: number;
  /** Share of the FFN's neurons that are computed, 0 to 1. */
  ffnKept: number;
  /** Tokens of the context that attention looked at last. */
  kvTokens: number;
  /** Multiply-adds of a token in matrices. */
  macsPerToken: number;
  macsPerTokenDense: number;
  /** How often the pruned model was compared with the dense one, and how often it had drifted away. */
  driftChecks: number;
  driftEvents: number;
}

export function offReport(info: ModelInfo, kvTokens: number): EpdpReport {
  return {
    mode: "off",
    headRows: info.vocabulary,
    ffnKept: 1,
    kvTokens,
    macsPerToken: info.macsPerToken,
    macsPerTokenDense: info.macsPerToken,
    driftChecks: 0,
    driftEvents: 0,
  };
}
