// What dynamic pruning did, in the form of the CLI's JSON.
import type { EpdpCost, EpdpMode, EpdpNumbers, ModelInfo, PruneNumbers } from "../../web/types.js";

/** All numbers describe the dense model where `mode` is `"off"` or the model is not calibrated. */
export interface EpdpReport {
  mode: EpdpMode | "custom";
  /** Whether it is known what can be left out: from a sidecar or a calibration. Until then all steps are dense. */
  calibrated: boolean;
  /** Rows of the output head that are scored exactly for a token. */
  headRows: number;
  /** Share of the FFN's neurons that are computed, 0 to 1. */
  ffnKept: number;
  /** Tokens of the context that attention looked at last. */
  kvTokens: number;
  /** Multiply-adds of a token in matrices, mean of the last generation. */
  macsPerToken: number;
  macsPerTokenDense: number;
  /** How often the pruned step was compared with the dense one, and how often it had drifted away, in the last generation. */
  driftChecks: number;
  driftEvents: number;
  /** What the checks found: mean divergence from the dense model, nats a token; null where there was none. */
  meanKl: number | null;
  /** Tokens that were evaluated as drafts, and those of them that were chosen. */
  drafted: number;
  accepted: number;
  /** What each mode was measured to cost when the model was calibrated. */
  costs: Record<Exclude<EpdpMode, "off">, EpdpCost> | null;
}

export function epdpReport(epdp: EpdpMode | EpdpNumbers, numbers: PruneNumbers, info: ModelInfo): EpdpReport {
  const { macsPerTokenDense, ...rest } = numbers;
  return {
    mode: typeof epdp === "string" ? epdp : "custom",
    ...rest,
    macsPerTokenDense: macsPerTokenDense || info.macsPerToken,
  };
}
