// The engine's side of the protocol: answers calls one after the other with one model. It runs in a worker or on the
// caller's thread.
import { CamelGPTError, describe, disposedError, orAborted, throwIfAborted } from "../errors.js";
import { pause } from "../pause.js";
import { Queue } from "../queue.js";
import { calibrate, IdleCalibration } from "../tasks/calibration.js";
import { Generation, generate, promptTokens } from "../tasks/generation.js";
import type { GenerateParams, TokenBiases } from "../tasks/params.js";
import { tokenizeText } from "../tasks/tokenizing.js";
import { inspect, load, type Model, pruneOptions } from "./load.js";
import type { Generated } from "../types.js";
import type { EnginePlatform } from "./platform.js";
import type { CallContext, CallName, Calls, LoadedModel, LoadParams } from "./protocol.js";
import { stopEngine } from "./start-engine.js";

type TaskModule = typeof import("../tasks/tasks.js");

/** `isShared`: the call runs side by side with others. */
type HostContext<K extends CallName> = CallContext<K> & { isShared?: boolean };

type Handlers = {
  [K in CallName]: (params: Calls[K]["params"], context: HostContext<K>) => Promise<Calls[K]["value"]>;
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
  #generations = 0;
  /** Runs overlapping generations. Loaded with the first one of a model with several sequences. */
  #sideBySide: InstanceType<TaskModule["SideBySide"]> | undefined;
  #isDisposed = false;

  constructor(platform: EnginePlatform, inWorker: boolean) {
    this.#platform = platform;
    this.#inWorker = inWorker;
  }

  call<K extends CallName>(name: K, params: Calls[K]["params"], context: CallContext<K>): Promise<Calls[K]["value"]> {
    const isShared = this.#canShare(name);
    this.#activeCalls++;
    // A report uses nothing of the engine that a calibration needs.
    if (name !== "report") this.#idleCalibration?.interrupt();
    const run = () => this.#handlers[name](params, isShared ? { ...context, isShared } : context);
    const queue = name === "render" ? this.#templateQueue : this.#queue;
    return (this.#canOverlap(name) ? run() : queue.run(run, context.signal, isShared)).finally(() => {
      this.#activeCalls--;
      this.#useIdleTime();
    });
  }

  /** Whether a call is a generation that can run side by side with others. */
  #canShare(name: CallName): boolean {
    return name === "generate" && this.#queue.places > 1 && this.#loaded().engine.canRunBeside();
  }

  /**
   * Whether a call runs between two steps of the one in progress. With a byte-level model texts wait, since a new text
   * can take the ids of chunks that no cached text contains yet.
   */
  #canOverlap(name: CallName): boolean {
    if (name === "report") return true;
    if (name === "setEpdp") return this.#generations > 0;
    return this.#model?.engine.bytes() === undefined && ["tokenize", "detokenize", "pieces"].includes(name);
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

    generate: (params, context) => {
      this.#generations++;
      return this.#generate(params, context).finally(() => {
        this.#generations--;
      });
    },

    match: async (params) => (await this.#tasks()).match(this.#loaded().engine, params),

    remove: async ({ tokens, from, to }) => this.#loaded().engine.removeTokens(tokens, from, to),

    save: async (_params, { signal }) => (await this.#tasks()).saveState(this.#loaded().engine, signal),

    restore: async ({ state }, { signal }) => (await this.#tasks()).loadState(this.#loaded().engine, state, signal),

    score: async (params, { signal }) => {
      const { engine, contextLength } = await this.#fullyLoaded(signal);
      return (await this.#tasks()).score(engine, params, contextLength, signal);
    },

    fill: async (params, { signal }) => {
      const { engine } = await this.#fullyLoaded(signal);
      return (await this.#tasks()).fillMasks(engine, params, signal);
    },

    scoreAnswers: async (params, context) => {
      const { engine } = await this.#fullyLoaded(context.signal);
      return (await this.#tasks()).scoreAnswers(engine, params, context);
    },

    embed: async (params, context) => {
      const { engine, contextLength } = await this.#fullyLoaded(context.signal);
      return (await this.#tasks()).embed(engine, params, contextLength, context);
    },

    calibrate: async (params, { signal, onEvent }) => {
      const { engine } = await this.#fullyLoaded(signal);
      this.#idleCalibration = undefined;
      return calibrate(engine, params, { signal, onProgress: onEvent });
    },

    setEpdp: async ({ epdp }) => this.#loaded().engine.setPruning(pruneOptions(epdp)),

    report: async () => ({ ...this.#loaded().engine.pruneReport(), queued: this.#queue.waiting }),
  };

  async #load(params: LoadParams, context: CallContext<"load">): Promise<LoadedModel> {
    const { model, value, reportReady } = await load(params, context, this.#inWorker, this.#platform);
    if (this.#isDisposed) {
      void model.background?.cancel();
      stopEngine(model);
      throw disposedError();
    }
    this.#model = model;
    this.#queue.places = params.memory.sequences ?? 1;
    const isUncalibrated = model.engine.hasHeadMemory() && !model.engine.pruneReport().calibrated;
    if (this.#inWorker && params.calibrationText !== undefined && isUncalibrated) {
      this.#idleCalibration = new IdleCalibration(model.engine, params.calibrationText, (sidecar) =>
        context.onEvent?.({ status: "calibrated", sidecar }),
      );
    }
    reportReady();
    return value;
  }

  async #generate(params: GenerateParams, { signal, onEvent, isShared }: HostContext<"generate">): Promise<Generated> {
    const { engine, loadMs, background } = this.#loaded();
    const hasTexts = params.logitBias.some(([token]) => typeof token === "string");
    const logitBias = hasTexts
      ? await (await this.#tasks()).tokenBiases(engine, params.logitBias, signal)
      : (params.logitBias as TokenBiases);
    const salt = params.cacheSalt ? (await this.#tasks()).saltNumber(params.cacheSalt) : 0;
    const ready = { ...params, logitBias, salt };
    const context = { loadMs, signal, onEvent: onEvent ?? (() => {}), background };
    if (!isShared) return generate(engine, ready, context);
    const prompt = await promptTokens(engine, ready, signal);
    this.#sideBySide ??= new (await this.#tasks()).SideBySide(engine);
    return this.#sideBySide.run(new Generation(engine, ready, prompt, context));
  }

  #useIdleTime(): void {
    void this.#idleCalibration?.run(() => this.#activeCalls === 0 && !this.#isDisposed);
    if (!this.#model?.background) return;
    setTimeout(() => {
      if (this.#activeCalls === 0) void this.#model?.background?.finish();
    }, backgroundLoadDelay);
  }

  /** The code of calls that a first generation does not need. Errors: `engine-unavailable`. */
  async #tasks(): Promise<TaskModule> {
    try {
      return (await this.#platform.loadTasks()) as TaskModule;
    } catch (error) {
      throw new CamelGPTError("engine-unavailable", `The code of this call could not be loaded: ${describe(error)}`, {
        expected: "tasks.js next to worker.js",
        hint: "Serve the package's files together.",
      });
    }
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
