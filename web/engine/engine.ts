// One model in one WebAssembly memory: the whole of what the core does, as methods.
import { noMemoryFor } from "./border.js";
import { instantiate } from "./instantiate.js";
import { LoadingEngine } from "./loading.js";
import {
  type DeepPartial,
  type GenerationOptions,
  generationOptionsLayout,
  poolingNames,
  type PruneOptions,
  pruneOptionsLayout,
  type PruneReport,
  pruneReportLayout,
  type StepResult,
  stepResultNames,
  type TokenProbability,
  tokenProbabilityLayout,
  type TokenScore,
  tokenScoreLayout,
} from "./records.js";
import { CamelGPTError, disposedError } from "../errors.js";
import type { ThreadStart } from "../threads.js";
import type { Pooling, PruneNumbers, TokenLogprob } from "../types.js";

export type { FileRange, StepResult, TokenScore } from "./records.js";
export type { MemoryOptions } from "./loading.js";

/** Options of a generation; any may be missing. */
export type SamplingOptions = DeepPartial<GenerationOptions>;

/** Every method can throw a CamelGPTError. */
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

  /** What the helping threads 1 .. count - 1 need. */
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
    return this.tokens();
  }

  detokenize(tokens: readonly number[], keepControl: boolean): string {
    const count = this.putTokens(tokens);
    this.check((module) => module.detokenize(count, keepControl));
    return this.output();
  }

  /** The written form of one token. An incomplete character becomes U+FFFD. */
  piece(token: number): string {
    this.check((module) => module.piece(token));
    return this.output();
  }

  // --- generation ---

  configure(
    options: SamplingOptions,
    stops: readonly string[],
    biases: readonly (readonly [token: number, bias: number])[],
  ): void {
    this.write("generationOptions", generationOptionsLayout, options);
    this.check((module) => module.configure());
    for (const stop of stops) {
      const size = this.putText(stop);
      this.check((module) => module.addStop(size));
    }
    for (const [token, bias] of biases) this.check((module) => module.addLogitBias(token, bias));
  }

  /** Starts a generation after these tokens and returns how many of them the cache already holds. */
  prompt(tokens: readonly number[]): number {
    const count = this.putTokens(tokens);
    this.check((module) => module.prompt(count));
    return this.run((module) => module.reusedTokens());
  }

  /** Evaluates some of the prompt and returns the number of tokens left. If it is unchanged, `missing` says why. */
  prefill(maxTokens: number): number {
    return this.checkNumber((module) => module.prefill(maxTokens));
  }

  /** Chooses one token. The text is what can be shown now; it may be empty. */
  step(): { result: StepResult; text: string } {
    const result = stepResultNames[this.checkNumber((module) => module.step())] ?? "stop";
    return { result, text: this.output() };
  }

  /** Forgets the older half of a full context. The rest has to be evaluated again. */
  shift(): void {
    this.check((module) => module.shift());
  }

  /** The token of the last step; its log-probability is NaN if `logprobs` is 0. */
  get last(): TokenProbability {
    this.run((module) => module.lastToken());
    return this.read("lastToken", tokenProbabilityLayout);
  }

  get lastToken(): number {
    return this.last.token;
  }

  get lastLogprob(): number {
    return this.last.logprob;
  }

  /** The most probable tokens of the last step, as many as `logprobs` asked for. */
  topTokens(): TokenLogprob[] {
    const top = this.recordsOf((module) => module.topTokens(), tokenProbabilityLayout);
    return top.map(({ token, logprob }) => ({ token, text: this.piece(token), logprob }));
  }

  /** Bytes of the scored tokens, or of the last answer, if tokens are chunks of bytes. */
  bytes(): number | undefined {
    const bytes = this.run((module) => module.bytes());
    return bytes < 0 ? undefined : bytes;
  }

  // --- saved states ---

  /** Tokens of the text that the cache holds. */
  get cachedTokens(): number {
    return this.run((module) => module.cachedTokens());
  }

  /** Starts to save that text and returns the size of its state in bytes. */
  saveBegin(): number {
    return this.checkNumber((module) => module.saveBegin());
  }

  /** The next bytes of the state; none at its end. Valid until the next call. */
  saveContinue(): Uint8Array {
    const size = this.run((module) => module.saveContinue());
    return this.staging().subarray(0, size);
  }

  /** Starts to restore a state of `size` bytes. */
  restoreBegin(size: number): void {
    this.check((module) => module.restoreBegin(size));
  }

  /** Takes the next bytes and returns their number; after the last ones the state is in place. */
  restoreContinue(bytes: Uint8Array): number {
    const staging = this.staging();
    const size = Math.min(bytes.length, staging.length);
    staging.set(bytes.subarray(0, size));
    this.check((module) => module.restoreContinue(size));
    return size;
  }

  // --- masks ---

  /**
   * Evaluates tokens with masks among them. All see one another, except that the first `prompt` see only themselves.
   */
  predictBegin(tokens: readonly number[], prompt: number): void {
    const count = this.putTokens(tokens);
    this.check((module) => module.predictBegin(count, prompt));
  }

  /** Predicts a position: `topTokens` are its most probable tokens. Returns the log-probability of `token`. */
  predict(position: number, { token = -1, top = 0 }: { token?: number; top?: number }): number {
    this.check((module) => module.predict(position, token, top));
    return this.lastLogprob;
  }

  /** The tokens with all masks decided, in the `steps` given to `configure`. */
  fill(tokens: readonly number[]): number[] {
    const count = this.putTokens(tokens);
    this.check((module) => module.fill(count));
    return this.tokens();
  }

  // --- embedding ---

  embedBegin(tokens: readonly number[], pooling: Pooling | undefined, normalize: boolean): void {
    const count = this.putTokens(tokens);
    this.check((module) => module.embedBegin(count, poolingNames.indexOf(pooling ?? "model"), normalize));
  }

  /** Evaluates some more tokens and returns the number left. */
  embedContinue(maxTokens: number): number {
    return this.checkNumber((module) => module.embedContinue(maxTokens));
  }

  /** A copy. */
  embedding(): Float32Array {
    return this.floatsOf((module) => module.embedding());
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

  /** Whether there is memory for a pruned head that a calibration could fill. */
  hasHeadRoom(): boolean {
    return this.#report().headReserved;
  }

  calibrateBegin(tokens: readonly number[]): void {
    const count = this.putTokens(tokens);
    this.check((module) => module.calibrateBegin(count));
  }

  /** Does a part of a calibration and returns the number of parts left. */
  calibrateContinue(): number {
    return this.checkNumber((module) => module.calibrateContinue());
  }

  sidecar(): Uint8Array {
    this.check((module) => module.sidecar());
    return this.outputBytes();
  }

  useSidecar(bytes: Uint8Array): void {
    const { size } = this.putBytes(bytes, "the sidecar");
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

  // --- scoring ---

  /** `compare`: with the dense model as well. */
  scoreBegin(tokens: readonly number[], compare: boolean): void {
    const count = this.putTokens(tokens);
    this.check((module) => module.scoreBegin(count, compare));
  }

  /** Scores some more tokens and returns the number left. */
  scoreContinue(maxTokens: number): number {
    return this.checkNumber((module) => module.scoreContinue(maxTokens));
  }

  /** One for each token of the window but the first. */
  scores(): TokenScore[] {
    return this.recordsOf((module) => module.scores(), tokenScoreLayout);
  }
}
