// Prepares a model for dynamic pruning, with a calibration text or with a sidecar.
import type { Engine } from "../engine/engine.js";
import { asCamelGPTError, throwIfAborted } from "../errors.js";
import type { Sidecar } from "../load/sidecar.js";
import { pause } from "../pause.js";
import type { Calibration } from "../types.js";
import { runActivity } from "./activity.js";
import type { CalibrateParams } from "./params.js";
import { tokenizeText } from "./tokenizing.js";

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
    engine.calibrate(await tokenizeText(engine, context.signal, text, true, true));
    const total = engine.remaining;
    await runActivity(engine, context.signal, (remaining) => context.onProgress?.(1 - remaining / total));
  }
  return { sidecar: engine.sidecar(), costs: engine.pruneReport().costs };
}

/** Calibrates a model while no call is pending. */
export class IdleCalibration {
  readonly #engine: Engine;
  readonly #text: string;
  readonly #onEnd: (sidecar: Uint8Array) => void;
  #state: "new" | "begun" | "ended" = "new";
  #isRunning = false;
  #isInterrupted = false;

  constructor(engine: Engine, text: string, onEnd: (sidecar: Uint8Array) => void) {
    this.#engine = engine;
    this.#text = text;
    this.#onEnd = onEnd;
  }

  /** Another call uses the engine: the calibration in progress must be taken up again. */
  interrupt(): void {
    this.#isInterrupted = true;
  }

  /** Continues until a call arrives. Never rejects: a model that cannot be calibrated stays dense. */
  async run(isIdle: () => boolean): Promise<void> {
    if (this.#isRunning || this.#state === "ended") return;
    this.#isRunning = true;
    try {
      for (;;) {
        await pause(); // so that calls can arrive
        if (!isIdle()) return;
        if (this.#state === "new") this.#engine.calibrate(this.#engine.tokenize(this.#text, true, true));
        else if (this.#isInterrupted) this.#engine.calibrate();
        else if (this.#engine.advance().state === "done") {
          this.#state = "ended";
          this.#onEnd(this.#engine.sidecar());
          return;
        }
        if (this.#state === "new") this.#state = "begun";
        this.#isInterrupted = false;
      }
    } catch {
      this.#state = "ended";
    } finally {
      this.#isRunning = false;
    }
  }
}

/** Throws if the sidecar is unusable and required; adds a note if it is only unusable. */
export function useSidecar(engine: Engine, { bytes, name, required }: Sidecar, notes: string[]): void {
  try {
    engine.useSidecar(bytes);
  } catch (error) {
    if (required) throw error;
    const { message, expected, found } = asCamelGPTError(error);
    notes.push(`${name} is not used: ${message} (expected ${expected}, found ${found})`);
  }
}
