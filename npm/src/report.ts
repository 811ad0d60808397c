// The report about dynamic pruning, as `report()` and the CLI's JSON have it.
import type { EpdpMode, EpdpNumbers, ModelInfo, PruneNumbers } from "../../web/types.js";

/** All numbers describe the dense model if `mode` is `"off"` or the model is not calibrated. */
export interface EpdpReport extends PruneNumbers {
  mode: EpdpMode | "custom";
  /** Calls on the model that wait for their turn now. */
  queued: number;
}

export function epdpReport(
  epdp: EpdpMode | EpdpNumbers,
  numbers: PruneNumbers & { queued: number },
  info: ModelInfo,
): EpdpReport {
  return {
    mode: typeof epdp === "string" ? epdp : "custom",
    ...numbers,
    macsPerTokenDense: numbers.macsPerTokenDense || info.macsPerToken,
  };
}
