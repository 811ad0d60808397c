// Dynamic pruning (EPDP): its settings and statistics.
import type { MeasuredCost, PruneMode, PruneOptions, PruneReport } from "../engine/records.js";

/** How much dynamic pruning skips. */
export type EpdpMode = Exclude<PruneMode, "custom">;

/** Dynamic pruning with explicit limits instead of a mode. */
export type EpdpNumbers = Partial<Omit<PruneOptions, "mode">>;

/** The cost of a mode, measured during calibration. */
export type EpdpCost = MeasuredCost;

export type EpdpCosts = Record<Exclude<EpdpMode, "off">, EpdpCost>;

/** Statistics of dynamic pruning since the last generation began. */
export interface PruneNumbers extends Omit<PruneReport, "hasLargeHead" | "headReserved" | "costs"> {
  /** The cost of each mode, measured during calibration; null before, or if the output head is too small. */
  costs: EpdpCosts | null;
}

/** The result of a calibration. */
export interface Calibration {
  /** Contents of a sidecar: a file with the extension .epdp next to the model. */
  sidecar: Uint8Array;
  /** Null if the output head is too small to be pruned. */
  costs: EpdpCosts | null;
}
