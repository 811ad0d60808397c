// What dynamic pruning has to know about a model: learnt from a text, or read from a sidecar.
import type { Engine } from "./engine/engine.js";
import { asCamelGPTError, throwIfAborted } from "./errors.js";
import { pacer, pause } from "./pause.js";
import type { CalibrateParams, SidecarParams } from "./protocol.js";
import type { Calibration } from "./types.js";

export interface CalibrationContext {
  signal?: AbortSignal | undefined;
  /** How much is done, 0 to 1. */
  onProgress?: ((done: number) => void) | undefined;
}

/**
 * `ffn`: the part of its neurons that the model was trained to answer with; where the head is too small to be pruned, that is all there
 * is to say. Errors: `bad-input` where the text is too short or the model has nothing to prune, `bad-state` where there is no room.
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
    await finish(engine, context);
  }
  return { sidecar: engine.sidecar(), costs: engine.pruneReport().costs };
}

/** Calibrates in the time between calls. */
export class IdleCalibration {
  readonly #engine: Engine;
  readonly #text: string;
  #state: "to begin" | "begun" | "ended" = "to begin";
  #runs = false;

  constructor(engine: Engine, text: string) {
    this.#engine = engine;
    this.#text = text;
  }

  /** Goes on as long as nothing else is to be done. Never rejects: a model that cannot be calibrated stays dense. */
  async run(isIdle: () => boolean): Promise<void> {
    if (this.#runs || this.#state === "ended") return;
    this.#runs = true;
    try {
      for (;;) {
        await pause(); // calls come in here
        if (!isIdle()) return;
        if (this.#state === "to begin") {
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
      this.#runs = false;
    }
  }
}

/** One that nobody named and that does not fit becomes a note. */
export function useSidecar(engine: Engine, { bytes, name, named }: SidecarParams, notes: string[]): void {
  try {
    engine.useSidecar(bytes);
  } catch (error) {
    if (named) throw error;
    const { message, expected, found } = asCamelGPTError(error);
    notes.push(`${name} is not used: ${message} (expected ${expected}, found ${found})`);
  }
}

async function finish(engine: Engine, { signal, onProgress }: CalibrationContext): Promise<void> {
  const pace = pacer();
  let total = 0;
  for (let left = engine.calibrateContinue(); left > 0; left = engine.calibrateContinue()) {
    total ||= left + 1;
    onProgress?.(1 - left / total);
    await pace();
    throwIfAborted(signal);
  }
  onProgress?.(1);
}
