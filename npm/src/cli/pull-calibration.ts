// The calibration of a pulled model: with it, dynamic pruning is on from the first use.
import { asCamelGPTError } from "../../../web/errors.js";
import type { CamelGPTInference } from "../entry/node.js";
import type { Flags } from "./command.js";
import { withModel } from "./model.js";
import { calibrationProgress } from "./calibrate.js";
import { printNote, showProgressLine } from "./output.js";

/** Models with more parameters are calibrated only by `camelgpt calibrate`: it takes minutes. */
const maxParameters = 1e9;

/**
 * Calibrates the model unless it is calibrated already, and keeps the result in the cache. Returns whether it is
 * calibrated. A failure becomes a note: the model itself is there. Errors: `aborted`.
 */
export async function calibratePulled(name: string, flags: Flags, signal: AbortSignal): Promise<boolean> {
  try {
    const options = { source: name, epdp: "balanced", contextLength: 512 } as const;
    return await withModel(flags, signal, (model) => calibrate(model, flags, signal), options);
  } catch (error) {
    const known = asCamelGPTError(error);
    if (known.code === "aborted") throw known;
    printNote(`[${name} is not calibrated for dynamic pruning: ${known.message}]`);
    return false;
  }
}

async function calibrate(model: CamelGPTInference, flags: Flags, signal: AbortSignal): Promise<boolean> {
  const { kind, parameters } = await model.info();
  if ((await model.report()).calibrated) return true;
  if (kind !== "causal" || parameters > maxParameters) return false;
  const onProgress = calibrationProgress(flags);
  if (!onProgress && !flags.json) printNote("calibrating dynamic pruning, once for this model");
  try {
    await model.calibrate({ keep: true, signal, onProgress });
    return true;
  } catch (error) {
    if (asCamelGPTError(error).code === "bad-input") return false; // there is nothing to prune
    throw error;
  } finally {
    if (onProgress) showProgressLine();
  }
}
