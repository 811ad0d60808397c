// The engine's side of the protocol: answers calls one after the other with one model. It runs in a worker or on the
// caller's thread.
import { CamelGPTError, disposedError, orAborted, throwIfAborted } from "../errors.js";
import { pause } from "../pause.js";
import { calibrate, IdleCalibration } from "../tasks/calibration.js";
import { classify } from "../tasks/classification.js";
import { embed } from "../tasks/embedding.js";
import { generate } from "../tasks/generation.js";
import { fillMasks } from "../tasks/masks.js";
import { score } from "../tasks/scoring.js";
import { loadState, saveState } from "../tasks/state.js";
import { tokenizeText } from "../tasks/tokenizing.js";
import { inspect, load, type Model } from "./load.js";
import type { EnginePlatform } from "./platform.js";
import type { CallContext, CallName, Calls, LoadedModel, LoadParams } from "./protocol.js";
import { Queue } from "./queue.js";
import { stopEngine } from "./start-engine.js";

type Handlers = {
  [K in CallName]: (params: Calls[K]["params"], context: CallContext<K>) => Promise<Calls[K]["value"]>;
};

/**
 * Milliseconds without a call after which the remaining weights are loaded. A call that comes sooner can fetch its rows
 * first.
 */
const backgroundLoadDelay = 100;

/** Calls of the engine between two pauses in a loop of short calls. */
const callsBetweenPauses = 1024;

export class Host {
  readonly #platform: EnginePlatform;
  readonly #inWorker: boolean;
  readonly #queue = new Queue();
  /** Of templates, which need no engine and so do not wait for it. */
  readonly #templateQueue = new Queue();
  #model: Model | undefined;
  /** Present if pruning is requested but the model has neither a sidecar nor a calibration. */
  #idleCalibration: IdleCalibration | undefined;
  /** Calls in progress or in the queue. */
  #activeCalls = 0;
  #isDisposed = false;

  constructor(platform: EnginePlatform, inWorker: boolean) {
    this.#platform = platform;
    this.#inWorker = inWorker;
  }

  call<K extends CallName>(name: K, params: Calls[K]["params"], context: CallContext<K>): Promise<Calls[K]["value"]> {
    this.#activeCalls++;
    const queue = name === "render" ? this.#templateQueue : this.#queue;
    return queue
      .run(() => this.#handlers[name](params, context), context.signal)
      .finally(() => {
        this.#activeCalls--;
        this.#useIdleTime();
      });
  }

  dispose(): void {
    this.#isDisposed = true;
    void this.#model?.background?.cancel();
    if (this.#model) stopEngine(this.#model);
    this.#model = undefined;
  }

  readonly #handlers: Handlers = {
    load: (params, context) => this.#load(params, context),

    inspect: (params, context) => inspect(params, context, this.#platform),

    tokenize: async ({ text, addSpecial, parseSpecial }, { signal }) =>
      tokenizeText(this.#loaded().engine, signal, text, addSpecial, parseSpecial, typeof text !== "string"),

    detokenize: async ({ tokens, keepControl }) => this.#loaded().engine.detokenize(tokens, keepControl),

    pieces: async ({ tokens }) => {
      const { engine } = this.#loaded();
      engine.detokenize(tokens, true); // checks the ids
      const pieces: string[] = [];
      for (const token of tokens) {
        pieces.push(engine.piece(token));
        if (pieces.length % callsBetweenPauses === 0) await pause();
      }
      return pieces;
    },

    render: async (input, { signal }) => {
      await pause(); // receives aborts, and lets a generation continue between two templates
      throwIfAborted(signal);
      const templates = await this.#platform.loadTemplates().catch(() => undefined);
      return templates?.renderToData(input) ?? null;
    },

    generate: async (params, { signal, onEvent }) => {
      const { engine, loadMs, background } = this.#loaded();
      return generate(engine, params, { loadMs, signal, onText: (piece) => onEvent?.(piece), background });
    },

    remove: async ({ tokens, from, to }) => this.#loaded().engine.removeTokens(tokens, from, to),

    save: async (_params, { signal }) => saveState(this.#loaded().engine, signal),

    restore: async ({ state }, { signal }) => loadState(this.#loaded().engine, state, signal),

    score: async (params, { signal }) => {
      const { engine, contextLength } = await this.#fullyLoaded(signal);
      return score(engine, params, contextLength, signal);
    },

    fill: async (params, { signal }) => fillMasks((await this.#fullyLoaded(signal)).engine, params, signal),

    classify: async (params, { signal }) => classify((await this.#fullyLoaded(signal)).engine, params, signal),

    embed: async (params, { signal }) => {
      const { engine, contextLength } = await this.#fullyLoaded(signal);
      return embed(engine, params, contextLength, signal);
    },

    calibrate: async (params, { signal, onEvent }) => {
      const { engine } = await this.#fullyLoaded(signal);
      this.#idleCalibration = undefined;
      return calibrate(engine, params, { signal, onProgress: onEvent });
    },

    report: async () => this.#loaded().engine.pruneReport(),
  };

  async #load(params: LoadParams, context: CallContext<"load">): Promise<LoadedModel> {
    const { model, value, reportReady } = await load(params, context, this.#inWorker, this.#platform);
    if (this.#isDisposed) {
      void model.background?.cancel();
      stopEngine(model);
      throw disposedError();
    }
    this.#model = model;
    const isUncalibrated = model.engine.hasHeadMemory() && !model.engine.pruneReport().calibrated;
    if (this.#inWorker && params.calibrationText !== undefined && isUncalibrated) {
      this.#idleCalibration = new IdleCalibration(model.engine, params.calibrationText, (sidecar) =>
        context.onEvent?.({ status: "calibrated", sidecar }),
      );
    }
    reportReady();
    return value;
  }

  #useIdleTime(): void {
    void this.#idleCalibration?.run(() => this.#activeCalls === 0 && !this.#isDisposed);
    if (!this.#model?.background) return;
    setTimeout(() => {
      if (this.#activeCalls === 0) void this.#model?.background?.finish();
    }, backgroundLoadDelay);
  }

  /** For calls that need all weights: waits for them, after an eager load. */
  async #fullyLoaded(signal: AbortSignal | undefined): Promise<Model> {
    await orAborted(Promise.resolve(this.#loaded().background?.finish()), signal);
    return this.#loaded();
  }

  #loaded(): Model {
    if (this.#isDisposed) throw disposedError();
    if (this.#model) return this.#model;
    throw new CamelGPTError("bad-state", "No model is loaded.");
  }
}
