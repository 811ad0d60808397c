// One model in one WebAssembly memory: everything that the core can do, as methods.
import { CamelGPTError, disposedError } from "../errors.js";
import type { Pooling, PruneNumbers, TokenLogprob } from "../types.js";
import { noMemoryFor } from "./border.js";
import type { ThreadStart } from "./helper-thread.js";
import { instantiate } from "./instantiate.js";
import { LoadingEngine } from "./loading.js";
import {
  type ActivityProgress,
  activityProgressLayout,
  type DeepPartial,
  type GenerationOptions,
  type GenerationStep,
  generationOptionsLayout,
  generationStepLayout,
  type PruneOptions,
  type PruneReport,
  poolingNames,
  pruneOptionsLayout,
  pruneReportLayout,
  type TokenScore,
  tokenProbabilityLayout,
  tokenScoreLayout,
} from "./records.js";

export type { MemoryOptions } from "./loading.js";
export type { ActivityProgress, FileRange, TokenScore } from "./records.js";

/** Options of a generation; any may be missing. */
export type SamplingOptions = DeepPartial<GenerationOptions>;

/** The last step of a generation. */
export interface Step extends GenerationStep {
  /** The text that the step adds; possibly empty. */
  text: string;
}

/**
 * Work on a text is an activity: a method begins it (`generate`, `score`, `embed`, …), then `advance` is called until it
 * is done. Beginning an activity ends the previous one. Every method can throw a CamelGPTError.
 */
export class Engine extends LoadingEngine {
  #wasm: WebAssembly.Module | undefined;

  /** `hasThreads`: what the module was built for, as far as is known. */
  static async create(wasm: WebAssembly.Module, hasThreads = false): Promise<Engine> {
    const { module, memory } = await instantiate(wasm, hasThreads);
    const engine = new Engine(memory, module);
    engine.#wasm = wasm;
    if (!engine.run(() => module.create())) {
      throw new CamelGPTError("out-of-memory", "There is not enough memory for the engine.", {
        hint: "Close other pages or programs.",
      });
    }
    return engine;
  }

  /** Calls on a disposed engine throw `disposed`. The memory itself is freed with the module: end the worker. */
  dispose(): void {
    if (this.hasEnded) return;
    this.run((module) => module.dispose());
    this.end(disposedError());
  }

  // --- threads ---

  /**
   * Sets how many threads compute, before memory is planned, and returns that number: 1 if the module has no threads.
   */
  setThreads(count: number): number {
    const isShared = !(this.memory.buffer instanceof ArrayBuffer);
    return this.run((module) => module.setThreads(isShared ? count : 1));
  }

  /** What the helper threads 1 .. count - 1 need. */
  threadStarts(count: number): ThreadStart[] {
    return Array.from({ length: count - 1 }, (_, i) => {
      const stack = this.run((module) => module.threadStack());
      if (stack === 0) throw noMemoryFor("the stack of a thread", 65536);
      const [entry, failed] = this.run((module) => [module.threadEntry(), module.threadFailed()] as const);
      return { module: this.#wasm as WebAssembly.Module, memory: this.memory, entry, index: i + 1, stack, failed };
    });
  }

  // --- text and tokens ---

  tokenize(text: string, addSpecial: boolean, parseSpecial: boolean): number[] {
    const size = this.putText(this.model().wantsComposedText ? text.normalize("NFC") : text);
    this.check((module) => module.tokenize(size, addSpecial, parseSpecial));
    return this.tokensOf((module) => module.showTokens());
  }

  detokenize(tokens: readonly number[], keepControl: boolean): string {
    const count = this.putTokens(tokens);
    this.check((module) => module.detokenize(count, keepControl));
    return this.output();
  }

  /** The written form of one token. An incomplete character becomes U+FFFD. */
  piece(token: number): string {
    return this.checkText((module) => module.piece(token));
  }

  // --- activities ---

  /**
   * Continues the activity. `budget` limits the tokens to evaluate, or the bytes to transfer. A generation evaluates its
   * prompt first, then chooses one token per call.
   */
  advance(budget = 64): ActivityProgress {
    this.check((module) => module.advance(budget));
    return this.read("activityProgress", activityProgressLayout);
  }

  /** Tokens to evaluate, steps or bytes that remain of the activity. */
  get remaining(): number {
    return this.run((module) => module.remaining());
  }

  /** Tokens of the most recently used text that the cache holds. */
  get cachedTokens(): number {
    return this.run((module) => module.cachedTokens());
  }

  /** Begins a generation after these tokens and returns how many of them the cache already holds. */
  generate(
    tokens: readonly number[],
    options: SamplingOptions,
    stops: readonly string[],
    biases: readonly (readonly [token: number, bias: number])[],
  ): number {
    this.write("generationOptions", generationOptionsLayout, options);
    this.run((module) => module.clearConstraints());
    for (const stop of stops) {
      const size = this.putText(stop);
      this.check((module) => module.addStop(size));
    }
    for (const [token, bias] of biases) this.check((module) => module.addLogitBias(token, bias));
    const count = this.putTokens(tokens);
    this.check((module) => module.generate(count));
    return this.run((module) => module.reusedTokens());
  }

  /** What the last `advance` of a generation chose; `token` is null if it only evaluated the prompt. */
  step(): Step {
    this.run((module) => module.step());
    const step = this.read("generationStep", generationStepLayout);
    return { ...step, text: this.textOf((module) => module.stepText()) };
  }

  /** The most probable tokens of the last step, as many as `logprobs` asked for, or of `predict`. */
  topTokens(): TokenLogprob[] {
    const top = this.recordsOf((module) => module.topTokens(), tokenProbabilityLayout);
    return top.map(({ token, logprob }) => ({ token, text: this.piece(token), logprob }));
  }

  /** Bytes of the scored tokens, or of the last answer, in a byte-level model. */
  bytes(): number | undefined {
    const bytes = this.run((module) => module.bytes());
    return bytes < 0 ? undefined : bytes;
  }

  /** Begins to save the cached text and returns the size of its state in bytes; `advance` fills the staging buffer. */
  save(): number {
    this.check((module) => module.save());
    return this.remaining;
  }

  /** Begins to restore a state of `size` bytes; `advance` takes bytes from the staging buffer. */
  restore(size: number): void {
    this.check((module) => module.restore(size));
  }

  /**
   * Begins to evaluate tokens with masks among them, for `predict`. All of them see one another, except that the first
   * `promptCount` see only themselves.
   */
  evaluateMasks(tokens: readonly number[], promptCount: number): void {
    const count = this.putTokens(tokens);
    this.check((module) => module.evaluateMasks(count, promptCount));
  }

  /** Predicts a position: `topTokens` are its most probable tokens. Returns the log-probability of `token`. */
  predict(position: number, { token = -1, top = 0 }: { token?: number; top?: number }): number {
    this.check((module) => module.predict(position, token, top));
    return this.read("generationStep", generationStepLayout).logprob;
  }

  /** Begins to decide all masks among the tokens, in `steps` steps. */
  fill(tokens: readonly number[], steps: number | undefined): void {
    this.write("generationOptions", generationOptionsLayout, { steps });
    const count = this.putTokens(tokens);
    this.check((module) => module.fill(count));
  }

  /** The tokens of `fill` without masks. */
  filled(): number[] {
    return this.tokensOf((module) => module.filled());
  }

  /** Begins to embed a text. */
  embed(tokens: readonly number[], pooling: Pooling | undefined, normalize: boolean): void {
    const count = this.putTokens(tokens);
    this.check((module) => module.embed(count, poolingNames.indexOf(pooling ?? "model"), normalize));
  }

  /** A copy of the vector. */
  embedding(): Float32Array {
    return this.floatsOf((module) => module.embedding());
  }

  /** Begins to score a window; `compare`: with the dense model as well. */
  score(tokens: readonly number[], compare: boolean): void {
    const count = this.putTokens(tokens);
    this.check((module) => module.score(count, compare));
  }

  /** One for each token of the window but the first. */
  scores(): TokenScore[] {
    return this.recordsOf((module) => module.scores(), tokenScoreLayout);
  }

  // --- dynamic pruning ---

  setPruning(options: DeepPartial<PruneOptions>): void {
    this.write("pruneOptions", pruneOptionsLayout, options);
    this.check((module) => module.setPruning());
  }

  /** Sets the share of the neurons that the model was trained to answer with, for the sidecar; 0: all. */
  setTrainedFfn(ffn: number): void {
    this.check((module) => module.setTrainedFfn(ffn));
  }

  /** Whether the output head is large enough to be pruned. */
  hasLargeHead(): boolean {
    return this.#report().hasLargeHead;
  }

  /** Whether memory was reserved for a pruned head, so that a calibration is possible. */
  hasHeadMemory(): boolean {
    return this.#report().headReserved;
  }

  /** Begins a calibration. Without tokens it resumes one that another activity interrupted. */
  calibrate(tokens: readonly number[] = []): void {
    const count = this.putTokens(tokens);
    this.check((module) => module.calibrate(count));
  }

  sidecar(): Uint8Array {
    this.check((module) => module.sidecar());
    return this.outputBytes();
  }

  useSidecar(bytes: Uint8Array): void {
    const size = this.putBytes(bytes, "the sidecar");
    this.check((module) => module.useSidecar(size));
  }

  pruneReport(): PruneNumbers {
    const { hasLargeHead, headReserved: _, costs, ...numbers } = this.#report();
    return { ...numbers, costs: numbers.calibrated && hasLargeHead ? costs : null };
  }

  #report(): PruneReport {
    this.run((module) => module.pruneReport());
    return this.read("pruneReport", pruneReportLayout);
  }
}
