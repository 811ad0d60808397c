// One model in one WebAssembly memory, with every function of the core as a method.
import { CamelGPTError, disposedError } from "../errors.js";
import { Queue } from "../queue.js";
import type { RenderedPrompt } from "../rendered-prompt.js";
import type { Pooling, PruneNumbers, StepActivity, TokenLogprob } from "../types.js";
import { byteOffsets, noMemoryFor } from "./boundary.js";
import type { ThreadStart } from "./helper-thread.js";
import { instantiate } from "./instantiate.js";
import { decoder } from "./layout.js";
import { LoadingEngine } from "./loading.js";
import {
  type ActivityProgress,
  activityProgressLayout,
  type DeepPartial,
  type GenerationOptions,
  type GenerationStep,
  generationOptionsLayout,
  generationStepLayout,
  type GrammarMatch,
  grammarMatchLayout,
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

/** Options of a generation, all optional. */
export type SamplingOptions = DeepPartial<GenerationOptions>;

/** How a generation differs from one of plain text, besides its sampling. */
export interface GenerationSetting {
  stop: readonly string[];
  logitBias: readonly (readonly [token: number, bias: number])[];
  /** The language of the answer in GBNF; empty: any text. */
  grammar?: string | undefined;
  /** The text contains control tokens, except for end tokens. */
  keepControl?: boolean | undefined;
  /** Only texts with the same salt share cached prefixes. */
  salt: number;
  sideBySide: boolean;
}

/** A number of bytes for `continueText` that every text ends within. */
const largestBudget = 2 ** 32 - 1;

/** The last step of a generation. */
export interface Step extends GenerationStep {
  /** The text that the step adds; possibly empty. */
  text: string;
}

/**
 * Work on a text is an activity: a method begins it (`generate`, `score`, `embed`, …), and `advance` is called until it
 * is done. Beginning an activity ends the previous one. Every method can throw a CamelGPTError.
 */
export class Engine extends LoadingEngine {
  /** Of the texts that are tokenized in steps. */
  readonly texts = new Queue();
  #wasm: WebAssembly.Module | undefined;

  /** `hasThreads`: whether the module is believed to be built for threads. `maxMemory`: bytes its memory may have. */
  static async create(wasm: WebAssembly.Module, hasThreads = false, maxMemory = Infinity): Promise<Engine> {
    const { module, memory } = await instantiate(wasm, hasThreads, maxMemory);
    const engine = new Engine(memory, module);
    engine.#wasm = wasm;
    if (!engine.run(() => module.create())) {
      throw new CamelGPTError("out-of-memory", "There is not enough memory for the engine.", {
        hint: "Close other pages or programs.",
      });
    }
    return engine;
  }

  /** Calls on a disposed engine throw `disposed`. The memory is freed together with the module: end the worker. */
  dispose(): void {
    if (this.hasEnded) return;
    this.run((module) => module.dispose());
    this.end(disposedError());
  }

  // --- threads ---

  /** Sets the number of threads and returns it: 1 if the module has none. Must be called before memory is planned. */
  setThreads(count: number): number {
    const isShared = !(this.memory.buffer instanceof ArrayBuffer);
    return this.run((module) => module.setThreads(isShared ? count : 1));
  }

  /** The start parameters of the helper threads 1 to count - 1. */
  threadStarts(count: number): ThreadStart[] {
    return Array.from({ length: count - 1 }, (_, i) => {
      const stack = this.run((module) => module.threadStack());
      if (stack === 0) throw noMemoryFor("the stack of a thread", 65536);
      const [entry, failed] = this.run((module) => [module.threadEntry(), module.threadFailed()] as const);
      return { module: this.#wasm as WebAssembly.Module, memory: this.memory, entry, index: i + 1, stack, failed };
    });
  }

  /** While the engine waits for its helper threads, it asks about ten times a second whether all of them run. */
  watchHelpers(areRunning: () => boolean): void {
    this.run((module) => {
      const failed = module.threadFailed() / 4;
      module.checkHelpers = () => {
        if (areRunning() && Atomics.load(new Int32Array(this.memory.buffer), failed) === 0) return;
        throw new CamelGPTError("worker-failed", "A helper thread of the engine died.", {
          hint: "The next call loads the model again.",
        });
      };
    });
  }

  // --- text and tokens ---

  /** A text of more bytes does not fit into the context. Known once the model is loaded. */
  get maxTextBytes(): number {
    return this.run((module) => module.maxTextBytes());
  }

  /** The tokens of a short text. */
  tokenize(text: string, addSpecial: boolean, parseSpecial: boolean): number[] {
    this.beginText(text, addSpecial, parseSpecial);
    this.continueText(largestBudget);
    return this.tokenized();
  }

  /**
   * Begins to tokenize a text, in steps: `continueText` is called until it returns true, and `tokenized` then returns
   * the tokens. Until then no other text may begin; all other calls are possible. In the literal ranges of a prompt
   * control tokens are text. `isChat`: the template writes the special tokens, so a BOS is added only if it is missing,
   * and no EOS. Errors: `bad-input`.
   */
  beginText(prompt: string | RenderedPrompt, addSpecial: boolean, parseSpecial: boolean, isChat = false): void {
    const { text, literal } = typeof prompt === "string" ? { text: prompt, literal: [] } : prompt;
    let whole = "";
    const starts: number[] = []; // where the literal ranges start and end in `whole`
    let at = 0;
    for (const bound of literal.flat()) {
      whole += this.#composed(text.slice(at, bound));
      starts.push(whole.length);
      at = bound;
    }
    whole += this.#composed(text.slice(at));
    const size = this.putText(whole);
    const count = this.putTokens(byteOffsets(whole, starts));
    this.check((module) => module.tokenize(size, addSpecial, parseSpecial, isChat, count));
  }

  /** Tokenizes about `budget` bytes of the text, and returns whether it is complete. */
  continueText(budget: number): boolean {
    this.check((module) => module.tokenizeMore(budget));
    return this.read("activityProgress", activityProgressLayout).state === "done";
  }

  tokenized(): number[] {
    return this.tokensOf((module) => module.showTokens());
  }

  #composed(text: string): string {
    return this.model().wantsComposedText ? text.normalize("NFC") : text;
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

  /** A token with its written form and its log-probability. */
  withLogprob(token: number, logprob: number): TokenLogprob {
    const bytes = this.checkBytes((module) => module.piece(token));
    return { token, text: decoder.decode(bytes), bytes: [...bytes], logprob };
  }

  // --- activities ---

  /**
   * Advances the activity. `budget` limits the tokens to evaluate, or the bytes to transfer. A generation evaluates its
   * prompt first, then chooses one token per call.
   */
  advance(budget = 64): ActivityProgress {
    this.check((module) => module.advance(budget));
    return this.read("activityProgress", activityProgressLayout);
  }

  /** The tokens, steps or bytes that remain of the activity. */
  get remaining(): number {
    return this.run((module) => module.remaining());
  }

  /** The number of cached tokens of the most recently used text. */
  get cachedTokens(): number {
    return this.run((module) => module.cachedTokens());
  }

  /** Begins a generation after these tokens and returns how many of them are already cached. */
  generate(tokens: readonly number[], options: SamplingOptions, setting: GenerationSetting): number {
    const { stop, logitBias, grammar = "", keepControl = false, salt, sideBySide } = setting;
    this.write("generationOptions", generationOptionsLayout, options);
    this.run((module) => module.clearConstraints());
    for (const text of stop) {
      const size = this.putText(text);
      this.check((module) => module.addStop(size));
    }
    for (const [token, bias] of logitBias) this.check((module) => module.addLogitBias(token, bias));
    const count = this.putTokens(tokens);
    const size = this.putText(grammar);
    this.check((module) => module.generate(count, size, keepControl, salt, sideBySide));
    return this.run((module) => module.reusedTokens());
  }

  // Generations side by side: `resume` comes before each `advance` of one of them.

  /** Whether generations side by side are possible with the current pruning. */
  canRunBeside(): boolean {
    return this.run((module) => module.canRunBeside());
  }

  /** The slot of the generation that has begun. */
  slot(): number {
    return this.run((module) => module.slot());
  }

  /** Makes the generation in a slot the activity. */
  resume(slot: number): void {
    this.check((module) => module.resume(slot));
  }

  /** Frees the slot of a generation. */
  release(slot: number): void {
    this.run((module) => module.release(slot));
  }

  /** Evaluates the last tokens of these generations together. Each must be advanced before the next call. */
  evaluateTogether(slots: readonly number[]): void {
    const count = this.putTokens(slots);
    this.check((module) => module.evaluateTogether(count));
  }

  /** Compares the first `size` bytes of a text with the grammar that follows them. Errors: `bad-grammar`. */
  match(textAndGrammar: string, size: number): GrammarMatch {
    const total = this.putText(textAndGrammar);
    this.check((module) => module.match(size, total - size));
    return this.read("grammarMatch", grammarMatchLayout);
  }

  /** Removes the tokens [from, to) from the cached text that begins with `tokens`. Errors: `unsupported-task`. */
  removeTokens(tokens: readonly number[], from: number, to: number): undefined {
    const count = this.putTokens(tokens);
    this.check((module) => module.removeTokens(count, from, to));
  }

  /** The result of the last `advance` of a generation; `token` is null if it only evaluated the prompt. */
  step(): Step {
    this.run((module) => module.step());
    const step = this.read("generationStep", generationStepLayout);
    return { ...step, text: this.textOf((module) => module.stepText()) };
  }

  /** The work of a step that chose a token. */
  activity({ token, headRows, expectedKl }: Step): StepActivity {
    const headMap = headRows > 0 ? this.bytesOf((module) => module.headMap()).slice() : new Uint8Array();
    const openNeurons = Uint32Array.from(this.tokensOf((module) => module.openNeurons()));
    return { phase: "decode", token: token as number, headRows, headMap, expectedKl, openNeurons };
  }

  /** The most probable tokens of the last step, as many as `logprobs` requested, or of `predict`. */
  topTokens(): TokenLogprob[] {
    const top = this.recordsOf((module) => module.topTokens(), tokenProbabilityLayout);
    return top.map(({ token, logprob }) => this.withLogprob(token, logprob));
  }

  /** The size of the scored tokens or of the last answer in bytes; undefined unless the model is byte-level. */
  bytes(): number | undefined {
    const bytes = this.run((module) => module.bytes());
    return bytes < 0 ? undefined : bytes;
  }

  /** Begins saving the cached text and returns the size of its state in bytes; `advance` fills the staging buffer. */
  save(): number {
    this.check((module) => module.save());
    return this.remaining;
  }

  /** Begins restoring a state of `size` bytes; `advance` takes bytes from the staging buffer. */
  restore(size: number): void {
    this.check((module) => module.restore(size));
  }

  /**
   * Begins evaluating tokens that include masks, for `predict`. All tokens attend to one another, but the first
   * `promptCount` of them only among themselves.
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

  /** Begins replacing all masks among the tokens, in `steps` steps. */
  fill(tokens: readonly number[], steps: number | undefined): void {
    this.write("generationOptions", generationOptionsLayout, { steps });
    const count = this.putTokens(tokens);
    this.check((module) => module.fill(count));
  }

  /** The tokens of `fill`, with every mask replaced. */
  filled(): number[] {
    return this.tokensOf((module) => module.filled());
  }

  /** Begins embedding texts. */
  embed(texts: readonly (readonly number[])[], pooling: Pooling | undefined, normalize: boolean): void {
    let end = 0;
    const ends = texts.map((tokens) => (end += tokens.length));
    this.putTokens([...texts, ends].flat());
    this.check((module) => module.embed(end, ends.length, poolingNames.indexOf(pooling ?? "model"), normalize));
  }

  /** A copy of the vector of a text. */
  embedding(text: number): Float32Array {
    return this.floatsOf((module) => module.embedding(text));
  }

  /**
   * Begins scoring a window. `compare`: also evaluate the dense model. `first`: the first token to score; if it is
   * above 1, those before it are a prompt that is not evaluated again while it is cached.
   */
  score(tokens: readonly number[], compare: boolean, first = 1): void {
    const count = this.putTokens(tokens);
    this.check((module) => module.score(count, compare, first, 0));
  }

  /** Begins scoring answers to a prompt, which is evaluated once, or not at all while it is cached. */
  scoreAnswers(prompt: readonly number[], answers: readonly (readonly number[])[]): void {
    let end = prompt.length;
    const ends = answers.map((tokens) => (end += tokens.length));
    this.putTokens([prompt, ...answers, ends].flat());
    this.check((module) => module.score(end, false, prompt.length, ends.length));
  }

  /** The scores of the tokens of the window from the first one to score on, or of all answers. */
  scores(): TokenScore[] {
    return this.recordsOf((module) => module.scores(), tokenScoreLayout);
  }

  // --- dynamic pruning ---

  setPruning(options: DeepPartial<PruneOptions>): undefined {
    this.write("pruneOptions", pruneOptionsLayout, options);
    this.check((module) => module.setPruning());
  }

  /** Sets the share of its neurons that the model was trained to answer with, for the sidecar; 0: all. */
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

  /** Begins a calibration. Without tokens, resumes one that another activity interrupted. */
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
