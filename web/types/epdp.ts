// Dynamic pruning (EPDP): its settings, and what it reports.

/** How much dynamic pruning leaves out. */
export type EpdpMode = "off" | "exact" | "balanced" | "aggressive";

/** Dynamic pruning with explicit limits instead of a mode. */
export interface EpdpNumbers {
  /** Rows of the output head that a step scores exactly; 0: all. */
  headRows?: number;
  /**
   * A step scores all rows if its best logit exceeds that of the best unselected row by less than this, in nats; 0:
   * never.
   */
  margin?: number;
  /** Positions of the context that attention reads for a token, in pages of 32; 0: all. */
  kvTokens?: number;
  /**
   * Fraction of the neurons of each feed-forward network that compute an answer, above 0 and at most 1 (all): those
   * that contributed most during prefill. It costs little only in models that were trained for it; `report()` gives the
   * measured cost.
   */
  ffn?: number;
  /** Whether to evaluate a likely continuation, found earlier in the text, together with the last token. Lossless. */
  drafts?: boolean;
  /** Mean divergence from the dense model, in nats per token, above which less is left out; 0: not checked. */
  maxKl?: number;
}

/** The cost of a mode, measured during calibration. */
export interface EpdpCost {
  headRows: number;
  /** Mean divergence from the dense model, in nats per token. */
  kl: number;
  /** Fraction of the tokens, 0 to 1, for which both models rank the same token first. */
  top1: number;
}

export type EpdpCosts = Record<Exclude<EpdpMode, "off">, EpdpCost>;

/** What dynamic pruning has done since the last generation began. */
export interface PruneNumbers {
  /** Whether a sidecar or a calibration has told what can be left out. Until then all steps are dense. */
  calibrated: boolean;
  /** Rows of the output head that are scored exactly for a token. */
  headRows: number;
  /** Positions that attention could read in the last step. */
  kvTokens: number;
  /** Fraction of the feed-forward neurons that were computed, 0 to 1. */
  ffnKept: number;
  /** Mean multiply-adds in matrices for one token of the last generation. */
  macsPerToken: number;
  macsPerTokenDense: number;
  /** How often the pruned step was compared with the dense one in the last generation, and how often it had drifted. */
  driftChecks: number;
  driftEvents: number;
  /** Mean divergence from the dense model in those checks, in nats per token; null without a check. */
  meanKl: number | null;
  /** Draft tokens that were evaluated, and how many of them were accepted. */
  drafted: number;
  accepted: number;
  /** The cost of each mode, measured during calibration. */
  costs: EpdpCosts | null;
}

/** The result of a calibration. */
export interface Calibration {
  /** Contents of a sidecar: a file with the extension .epdp next to the model. */
  sidecar: Uint8Array;
  /** Null if the output head is too small to be pruned. */
  costs: EpdpCosts | null;
}
