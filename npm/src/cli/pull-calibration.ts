// The calibration of a pulled model: with it, dynamic pruning is on from the first use.
import { asCamelGPTError } from "../../../web/errors.js";
import { CamelGPTInference } from "../entry/node.js";
import type { Flags } from "./command.js";
import { getModel } from "./get-model.js";
import { loadOptions } from "./model.js";
import { printNote, showProgressLine, showsProgress } from "./output.js";

/** Models with more parameters are calibrated only by `camelgpt calibrate`: it takes minutes. */
const maxParameters = 1e9;

/**
 * Calibrates the model unless it is calibrated already, and keeps the result in the cache. Returns whether it is
 * calibrated. A failure becomes a note: the model itself is there. Errors: `aborted`.
 */
export async function calibratePulled(name: string, flags: Flags, signal: AbortSignal): Promise<boolean> {
  try {
    const options = { ...loadOptions(flags, signal), ...(await getModel(name, flags, signal)) };
    const model = await CamelGPTInference.load(name, { ...options, epdp: "balanced", contextLength: 512 });
    try {
      return await calibrate(model, flags, signal);
    } finally {
      await model.dispose();
    }
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
  const showsLine = showsProgress() && !flags.json;
  if (!showsLine && !flags.json) printNote("calibrating dynamic pruning, once for this model");
  const onProgress = (done: number) => showProgressLine(`calibrating dynamic pruning: ${(100 * done).toFixed(0)} %`);
  try {
    await model.calibrate({ keep: true, signal, ...(showsLine && { onProgress }) });
    return true;
  } catch (error) {
    if (asCamelGPTError(error).code === "bad-input") return false; // there is nothing to prune
    throw error;
  } finally {
    if (showsLine) showProgressLine();
  }
}
