// Teaches dynamic pruning what it can leave out of a model: by a calibration text, or from a sidecar.
import type { Engine } from "../engine.js";
import { asCamelGPTError, throwIfAborted } from "../errors.js";
import type { Sidecar } from "../load/sidecar.js";
import { pacer, pause } from "../pause.js";
import type { Calibration } from "../types.js";
import type { CalibrateParams } from "./params.js";

export interface CalibrationContext {
  signal?: AbortSignal | undefined;
  /** Receives the completed fraction, 0 to 1. */
  onProgress?: ((done: number) => void) | undefined;
}

/**
 * `ffn` is the fraction of its neurons that the model was trained to answer with. If the output head is too small to be
 * pruned, the sidecar contains nothing else. Errors: `bad-input` if the text is too short or the model has nothing to
 * prune, `bad-state` if no memory was reserved for pruning.
 */
export async function calibrate(
  engine: Engine,
  { text, ffn }: CalibrateParams,
  context: CalibrationContext,
): Promise<Calibration> {
  throwIfAborted(context.signal);
  engine.setTrainedFfn(ffn === 1 ? 0 : ffn);
  if (ffn === 1 || engine.hasLargeHead()) {
    engine.calibrateBegin(engine.tokenize(text, true, true));
    await finishCalibration(engine, context);
  }
  return { sidecar: engine.sidecar(), costs: engine.pruneReport().costs };
}

/** Calibrates between calls. */
export class IdleCalibration {
  readonly #engine: Engine;
  readonly #text: string;
  #state: "new" | "begun" | "ended" = "new";
  #isRunning = false;

  constructor(engine: Engine, text: string) {
    this.#engine = engine;
    this.#text = text;
  }

  /** Continues until a call arrives. Never rejects: a model that cannot be calibrated stays dense. */
  async run(isIdle: () => boolean): Promise<void> {
    if (this.#isRunning || this.#state === "ended") return;
    this.#isRunning = true;
    try {
      for (;;) {
        await pause(); // lets calls arrive
        if (!isIdle()) return;
        if (this.#state === "new") {
          this.#state = "begun";
          this.#engine.calibrateBegin(this.#engine.tokenize(this.#text, true, true));
        } else if (this.#engine.calibrateContinue() === 0) {
          this.#state = "ended";
          return;
        }
      }
    } catch {
      this.#state = "ended";
    } finally {
      this.#isRunning = false;
    }
  }
}

/** An unusable sidecar is an error if it is required, and otherwise a note. */
export function useSidecar(engine: Engine, { bytes, name, required }: Sidecar, notes: string[]): void {
  try {
    engine.useSidecar(bytes);
  } catch (error) {
    if (required) throw error;
    const { message, expected, found } = asCamelGPTError(error);
    notes.push(`${name} is not used: ${message} (expected ${expected}, found ${found})`);
  }
}

async function finishCalibration(engine: Engine, { signal, onProgress }: CalibrationContext): Promise<void> {
  const pace = pacer();
  let total = 0;
  for (let remaining = engine.calibrateContinue(); remaining > 0; remaining = engine.calibrateContinue()) {
    total ||= remaining + 1;
    onProgress?.(1 - remaining / total);
    await pace();
    throwIfAborted(signal);
  }
  onProgress?.(1);
}
