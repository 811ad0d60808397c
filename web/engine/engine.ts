// The only file that touches the WebAssembly module: addresses and numbers there, text, arrays and typed errors here.
import createCamelGPT, { type MainModule } from "../build/wasm/camelgpt.mjs";

import { CamelGPTError, describe, disposedError, type ErrorCode } from "./errors.js";
import type { Flavour } from "./features.js";
import type { ThreadStart } from "./threads.js";
import type {
  EpdpMode,
  EpdpNumbers,
  KvCacheType,
  MemoryPlan,
  ModelKind,
  ModelNumbers,
  Pooling,
  PruneNumbers,
  TokenLogprob,
  WeightType,
} from "./types.js";

/** Sampling options as the core takes them: checked, complete, the seed whole. */
export interface SamplingOptions {
  maxTokens: number;
  temperature: number;
  topK: number;
  topP: number;
  minP: number;
  typicalP: number;
  repeatPenalty: number;
  repeatLast: number;
  presencePenalty: number;
  frequencyPenalty: number;
  seed: number;
  ignoreEos: boolean;
  /** Whether a step that fills the context says "full": then `shift`, `prefill`, and on. */
  contextShift: boolean;
  logprobs: number;
  /** In which a masked model decides a block of its answer. */
  steps: number;
}

/** What the model thought of one given token, and what the dense model did where the two are compared. */
export interface TokenScore {
  logprob: number;
  best: number;
  denseLogprob: number;
  denseBest: number;
  /** Nats. */
  kl: number;
}

/** Where a load stands, in the order of the core's `LoadState`. */
const loadStates = ["header", "planned", "weights", "ready", "failed"] as const;
export type LoadState = (typeof loadStates)[number];

/** In the order of the core's `StepResult`. */
const stepResults = ["continue", "stop", "length", "full", "missing"] as const;
export type StepResult = (typeof stepResults)[number];

/** In the order of the core's `ModelKind`. */
const modelKinds: readonly ModelKind[] = ["causal", "masked", "encoder"];

/** In the order of the core's `Pooling`; the first is what the model says. */
const poolings: readonly (Pooling | undefined)[] = [undefined, "mean", "first", "last"];

/** In the order of the core's `PruneMode`. */
const pruneModes: readonly EpdpMode[] = ["off", "exact", "balanced", "aggressive"];

/** In the order of the core's `FloatWeights`. */
const floatWeights = ["auto", "exact", "f16"] as const;

/** Bytes of a file: from one position to before another. */
export interface FileRange {
  from: number;
  to: number;
}

/** What memory depends on beside the model. */
export interface MemoryOptions {
  /** Positions of the cache; 0 means the model's own, at most 4,096. */
  contextLength: number;
  kvCache: KvCacheType;
  weights: WeightType | "auto";
  /** What of `EpdpNumbers` there is to be room for. */
  headRows: boolean;
  kvTokens: boolean;
  ffn: number;
  /** Texts that are kept at a time. */
  sequences: number;
}

/** As the core takes them. */
function memoryArguments({ contextLength, kvCache, weights, headRows, kvTokens, ffn, sequences }: MemoryOptions) {
  return [contextLength, kvCache === "q8", headRows, kvTokens, ffn, floatWeights.indexOf(weights), sequences] as const;
}

const encoder = new TextEncoder();
// A byte order mark is a character of the text like any other.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * One model in one WebAssembly memory. Every method can throw a CamelGPTError. A trap (a defect of the engine, or its stack
 * exhausted) is `engine-failed`; from then on every call throws that same error, since the memory cannot be trusted any more.
 */
export class Engine {
  readonly #wasm: WebAssembly.Module;
  readonly #memory: WebAssembly.Memory;
  readonly #bound: MainModule;
  #failure: CamelGPTError | undefined;

  private constructor(wasm: WebAssembly.Module, memory: WebAssembly.Memory, bound: MainModule) {
    this.#wasm = wasm;
    this.#memory = memory;
    this.#bound = bound;
  }

  /** `hasThreads`: what the module was built for, as far as is known. */
  static async create(wasm: WebAssembly.Module, hasThreads = false): Promise<Engine> {
    const { module, memory } = await instantiate(wasm, hasThreads);
    const engine = new Engine(wasm, memory, module);
    if (!engine.#run(() => module.create())) {
      throw new CamelGPTError("out-of-memory", "There is not enough memory for the engine.", {
        hint: "Close other pages or programs.",
      });
    }
    return engine;
  }

  /** Calls on a disposed engine throw `disposed`. The memory itself goes when the module does: end the worker. */
  dispose(): void {
    if (this.#failure) return;
    this.#run(() => this.#bound.dispose());
    this.#failure = disposedError();
  }

  // --- threads ---

  /** Sets how many threads will compute, before memory is planned. Says how many that are: 1 where the module has no threads. */
  setThreads(count: number): number {
    return this.#run(() => this.#bound.setThreads(this.#isShared ? count : 1));
  }

  /** What the helping threads 1 .. count - 1 need. */
  threadStarts(count: number): ThreadStart[] {
    return this.#run(() =>
      Array.from({ length: count - 1 }, (_, i) => {
        const stack = this.#bound.threadStack();
        if (stack === 0) throw noMemoryFor("the stack of a thread", 65536);
        const [entry, failed] = [this.#bound.threadEntry(), this.#bound.threadFailed()];
        return { module: this.#wasm, memory: this.#memory, entry, index: i + 1, stack, failed };
      }),
    );
  }

  get #isShared(): boolean {
    return !(this.#memory.buffer instanceof ArrayBuffer);
  }

  // --- loading ---

  get loadState(): LoadState {
    return this.#run(() => loadStates[this.#bound.loadState()] ?? "failed");
  }

  /** Where the next bytes of the file go. Valid until the next call. */
  staging(): Uint8Array {
    return this.#run(() => this.#bytes(this.#bound.stagingAddress(), this.#bound.stagingSize()));
  }

  feed(size: number): void {
    this.#check(() => this.#bound.feed(size));
  }

  endOfFile(): void {
    this.#check(() => this.#bound.endOfFile());
  }

  /** How far the headers of a model's files are: `left` bytes of the last piece, and `data` bytes of the file in all, lie behind the last one. */
  split(): { files: number; headers: number; left: number; data: number } {
    const bound = this.#bound;
    return this.#run(() => ({
      files: bound.splitFiles(),
      headers: bound.splitHeaders(),
      left: bound.splitLeft(),
      data: bound.splitData(),
    }));
  }

  /** Bytes of the whole file as its header says; 0 before it is known. */
  get fileBytes(): number {
    return this.#run(() => this.#bound.fileBytes());
  }

  /** Only before `allocate`. */
  plan(options: MemoryOptions): MemoryPlan {
    const bound = this.#bound;
    this.#check(() => bound.plan(...memoryArguments(options)));
    return this.#run(() => ({
      fileBytes: bound.planFileBytes(),
      weightBytes: bound.planWeightBytes(),
      cacheBytes: bound.planCacheBytes(),
      tokenizerBytes: bound.planTokenizerBytes(),
      workspaceBytes: bound.planWorkspaceBytes(),
      pruneBytes: bound.planPruneBytes(),
      stagingBytes: bound.planStagingBytes(),
      totalBytes: bound.planTotalBytes(),
      contextLength: bound.planContextLength(),
      modelContextLength: bound.planModelContextLength(),
      weights: bound.planHalves() ? "f16" : "exact",
    }));
  }

  allocate(options: MemoryOptions): void {
    this.#check(() => this.#bound.allocate(...memoryArguments(options)));
  }

  /** From now on `wanted` says which bytes are to be fed next. */
  loadEagerly(): void {
    this.#check(() => this.#bound.loadEagerly());
  }

  /** Bytes of the file that `feed` takes next; undefined where that is all, or not known before the header is. */
  wanted(): FileRange | undefined {
    const [from, to] = this.#run(() => [this.#bound.wantedFrom(), this.#bound.wantedTo()]);
    return from < to ? { from, to } : undefined;
  }

  /** Whether all weights are there. A model that is ready before generates, and does nothing else. */
  get isWhole(): boolean {
    return this.#run(() => this.#bound.isWhole());
  }

  /** Bytes of the file that the last `prefill` or `step` waits for; none: all that is still wanted. */
  missing(): FileRange[] {
    return this.#run(() => {
      const count = this.#bound.missingCount();
      const view = this.#view(this.#bound.missingAddress(), count * 16);
      const at = (position: number) => Number(view.getBigUint64(position, true));
      return Array.from({ length: count }, (_, i) => ({ from: at(i * 16), to: at(i * 16 + 8) }));
    });
  }

  /** Rows that `missing` named, and those beside them. At most as many bytes as `staging` has. */
  feedRows(from: number, bytes: Uint8Array): void {
    this.staging().set(bytes);
    this.#check(() => this.#bound.feedRows(from, bytes.length));
  }

  // --- inspection ---

  /** The kernels in use, for example "relaxed dot32". */
  get kernels(): string {
    return this.#run(() => this.#string(this.#bound.kernelsName()));
  }

  /** What the module was built for, asked of the module itself: the caller may have handed in any. */
  get flavour(): Flavour {
    return this.kernels.startsWith("relaxed") ? "relaxed" : "simd";
  }

  modelInfo(): ModelNumbers {
    const bound = this.#bound;
    this.#check(() => bound.info());
    const orNull = (token: number) => (token < 0 ? null : token);
    return this.#run(() => ({
      kind: modelKinds[bound.infoKind()] ?? "causal",
      parameters: bound.infoParameters(),
      layers: bound.infoLayers(),
      hidden: bound.infoHidden(),
      heads: bound.infoHeads(),
      kvHeads: bound.infoKvHeads(),
      headWidth: bound.infoHeadWidth(),
      ffn: bound.infoFfn(),
      vocabulary: bound.infoVocabulary(),
      macsPerToken: bound.infoMacsPerToken(),
      bosToken: orNull(bound.infoBosToken()),
      eosToken: orNull(bound.infoEosToken()),
      maskToken: orNull(bound.infoMaskToken()),
    }));
  }

  /** Only before the weights arrive. */
  metadata(): Record<string, unknown> {
    this.#check(() => this.#bound.metadataJson());
    return JSON.parse(this.#output()) as Record<string, unknown>;
  }

  /** As the last plan keeps them. Only before the weights arrive. */
  tensors(): Record<string, unknown>[] {
    this.#check(() => this.#bound.tensorsJson());
    return JSON.parse(this.#output()) as Record<string, unknown>[];
  }

  /** A string of the metadata; empty where the key is absent. */
  metadataString(key: string): string {
    const size = this.#putText(key);
    this.#check(() => this.#bound.metadataString(size));
    return this.#output();
  }

  // --- text and tokens ---

  tokenize(text: string, addSpecial: boolean, parseSpecial: boolean): number[] {
    const size = this.#putText(this.#wantsComposedText() ? text.normalize("NFC") : text);
    this.#check(() => this.#bound.tokenize(size, addSpecial, parseSpecial));
    return this.#tokens();
  }

  detokenize(tokens: readonly number[], keepControl: boolean): string {
    this.#putTokens(tokens);
    this.#check(() => this.#bound.detokenize(tokens.length, keepControl));
    return this.#output();
  }

  /** The written form of one token. What is only a part of a character becomes U+FFFD. */
  piece(token: number): string {
    this.#check(() => this.#bound.piece(token));
    return this.#output();
  }

  // --- generation ---

  configure(options: SamplingOptions, stops: readonly string[], biases: readonly (readonly [number, number])[]): void {
    const o = options;
    this.#check(() =>
      this.#bound.configure(
        o.maxTokens,
        o.temperature,
        o.topK,
        o.topP,
        o.minP,
        o.typicalP,
        o.repeatPenalty,
        o.repeatLast,
        o.presencePenalty,
        o.frequencyPenalty,
        o.seed >>> 0,
        Math.floor(o.seed / 2 ** 32),
        o.ignoreEos,
        o.logprobs,
        o.steps,
        o.contextShift,
      ),
    );
    for (const stop of stops) {
      const size = this.#putText(stop);
      this.#check(() => this.#bound.addStop(size));
    }
    for (const [token, bias] of biases) this.#check(() => this.#bound.addLogitBias(token, bias));
  }

  /** Starts a generation after these tokens. Says how many of them the cache already holds. */
  prompt(tokens: readonly number[]): number {
    this.#putTokens(tokens);
    this.#check(() => this.#bound.prompt(tokens.length));
    return this.#run(() => this.#bound.reusedTokens());
  }

  /** Evaluates some of the prompt. Says how many tokens are left. As many as before: `missing` says why. */
  prefill(maxTokens: number): number {
    return this.#checkNumber(() => this.#bound.prefill(maxTokens));
  }

  /** Chooses one token. The text is what can be shown now, and can be empty. */
  step(): { result: StepResult; text: string } {
    const result = stepResults[this.#checkNumber(() => this.#bound.step())] ?? "stop";
    return { result, text: this.#output() };
  }

  /** Forgets the older half of a full context. What is left has to be evaluated. */
  shift(): void {
    this.#check(() => this.#bound.shift());
  }

  get lastToken(): number {
    return this.#run(() => this.#bound.lastToken());
  }

  get lastLogprob(): number {
    return this.#run(() => this.#bound.lastLogprob());
  }

  /** The most probable tokens of the last step, as many as `logprobs` asked for. */
  topTokens(): TokenLogprob[] {
    const pairs = this.#run(() => {
      const count = this.#bound.topTokensCount();
      const view = this.#view(this.#bound.topTokensAddress(), count * 8);
      return Array.from({ length: count }, (_, i) => ({
        token: view.getInt32(i * 8, true),
        logprob: view.getFloat32(i * 8 + 4, true),
      }));
    });
    return pairs.map(({ token, logprob }) => ({ token, text: this.piece(token), logprob }));
  }

  // --- saved states ---

  /** Of the text that the cache holds. */
  get cachedTokens(): number {
    return this.#run(() => this.#bound.cachedTokens());
  }

  /** Starts to save that text. Says how many bytes there will be. */
  saveBegin(): number {
    return this.#checkNumber(() => this.#bound.saveBegin());
  }

  /** The next of them, until all were given. Valid until the next call. */
  saveContinue(): Uint8Array {
    return this.#run(() => {
      const size = this.#bound.saveContinue();
      return this.#bytes(this.#bound.stagingAddress(), size);
    });
  }

  /** Starts to take a state of so many bytes. */
  restoreBegin(size: number): void {
    this.#check(() => this.#bound.restoreBegin(size));
  }

  /** Takes the next of them; with the last ones the state is in place. Says how many of these were taken. */
  restoreContinue(bytes: Uint8Array): number {
    const staging = this.staging();
    const size = Math.min(bytes.length, staging.length);
    staging.set(bytes.subarray(0, size));
    this.#check(() => this.#bound.restoreContinue(size));
    return size;
  }

  // --- masks ---

  /** Evaluates tokens, masks among them. All see one another, but the first `prompt` of them only themselves. */
  predictBegin(tokens: readonly number[], prompt: number): void {
    this.#putTokens(tokens);
    this.#check(() => this.#bound.predictBegin(tokens.length, prompt));
  }

  /** What may stand at a position: `topTokens` are the most probable ones. The log-probability of `token`. */
  predict(position: number, { token = -1, top = 0 }: { token?: number; top?: number }): number {
    this.#check(() => this.#bound.predict(position, token, top));
    return this.lastLogprob;
  }

  /** The tokens with all masks decided, in the steps that `configure` was told. */
  fill(tokens: readonly number[]): number[] {
    this.#putTokens(tokens);
    this.#check(() => this.#bound.fill(tokens.length));
    return this.#tokens();
  }

  // --- embedding ---

  embedBegin(tokens: readonly number[], pooling: Pooling | undefined, normalize: boolean): void {
    this.#putTokens(tokens);
    this.#check(() => this.#bound.embedBegin(tokens.length, poolings.indexOf(pooling), normalize));
  }

  /** Evaluates some more. Says how many tokens are left. */
  embedContinue(maxTokens: number): number {
    return this.#checkNumber(() => this.#bound.embedContinue(maxTokens));
  }

  /** A copy. */
  embedding(): Float32Array {
    return this.#run(() =>
      new Float32Array(this.#bound.HEAPU8.buffer, this.#bound.embeddingAddress(), this.#bound.embeddingCount()).slice(),
    );
  }

  // --- dynamic pruning ---

  setPruning(epdp: EpdpMode | EpdpNumbers): void {
    if (typeof epdp === "string") this.#check(() => this.#bound.setPruneMode(pruneModes.indexOf(epdp)));
    else {
      const { headRows = 0, margin = 0, kvTokens = 0, ffn = 1, drafts = false, maxKl = 0 } = epdp;
      this.#check(() => this.#bound.setPruning(headRows, margin, kvTokens, ffn, drafts, maxKl));
    }
  }

  /** Part of the neurons that the model was trained to answer with, for the sidecar; 1: all. */
  setTrainedFfn(ffn: number): void {
    this.#check(() => this.#bound.setTrainedFfn(ffn));
  }

  /** Whether the output head is large enough to be pruned. */
  hasLargeHead(): boolean {
    return this.#run(() => {
      this.#bound.pruneReport();
      return this.#bound.reportHasLargeHead();
    });
  }

  calibrateBegin(tokens: readonly number[]): void {
    this.#putTokens(tokens);
    this.#check(() => this.#bound.calibrateBegin(tokens.length));
  }

  /** Does a part of a calibration. Says how many are left. */
  calibrateContinue(): number {
    return this.#checkNumber(() => this.#bound.calibrateContinue());
  }

  sidecar(): Uint8Array {
    this.#check(() => this.#bound.sidecar());
    return this.#run(() => this.#bytes(this.#bound.outputAddress(), this.#bound.outputSize()).slice());
  }

  useSidecar(bytes: Uint8Array): void {
    this.#putBytes(bytes, "the sidecar");
    this.#check(() => this.#bound.useSidecar(bytes.length));
  }

  pruneReport(): PruneNumbers {
    const bound = this.#bound;
    return this.#run(() => {
      bound.pruneReport();
      const calibrated = bound.reportCalibrated();
      const cost = (mode: EpdpMode) => {
        const at = (field: number) => bound.reportCost(pruneModes.indexOf(mode) - 1, field);
        return { headRows: at(0), kl: at(1), top1: at(2) };
      };
      const meanKl = bound.reportMeanKl();
      return {
        calibrated,
        headRows: bound.reportHeadRows(),
        kvTokens: bound.reportKvTokens(),
        ffnKept: bound.reportFfnKept(),
        macsPerToken: bound.reportMacs(),
        macsPerTokenDense: bound.reportMacsDense(),
        driftChecks: bound.reportDriftChecks(),
        driftEvents: bound.reportDriftEvents(),
        meanKl: meanKl < 0 ? null : meanKl,
        drafted: bound.reportDrafted(),
        accepted: bound.reportAccepted(),
        costs:
          calibrated && bound.reportHasLargeHead()
            ? { exact: cost("exact"), balanced: cost("balanced"), aggressive: cost("aggressive") }
            : null,
      };
    });
  }

  // --- scoring ---

  /** `compare`: with the dense model as well. */
  scoreBegin(tokens: readonly number[], compare: boolean): void {
    this.#putTokens(tokens);
    this.#check(() => this.#bound.scoreBegin(tokens.length, compare));
  }

  /** Scores some more. Says how many tokens are left. */
  scoreContinue(maxTokens: number): number {
    return this.#checkNumber(() => this.#bound.scoreContinue(maxTokens));
  }

  /** Bytes that the scored tokens, or those of the last answer, stand for, where tokens are chunks of bytes. */
  bytes(): number | undefined {
    const bytes = this.#run(() => this.#bound.bytes());
    return bytes < 0 ? undefined : bytes;
  }

  /** One for each token of the window but the first. */
  scores(): TokenScore[] {
    return this.#run(() => {
      const count = this.#bound.scoresCount();
      const view = this.#view(this.#bound.scoresAddress(), count * 20);
      return Array.from({ length: count }, (_, i) => ({
        logprob: view.getFloat32(i * 20, true),
        best: view.getInt32(i * 20 + 4, true),
        denseLogprob: view.getFloat32(i * 20 + 8, true),
        denseBest: view.getInt32(i * 20 + 12, true),
        kl: view.getFloat32(i * 20 + 16, true),
      }));
    });
  }

  // --- the border ---

  #run<T>(work: () => T): T {
    if (this.#failure) throw this.#failure;
    try {
      return work();
    } catch (error) {
      this.#failure = engineFailed(error);
      throw this.#failure;
    }
  }

  #check(work: () => boolean): void {
    if (!this.#run(work)) throw this.#error();
  }

  #checkNumber(work: () => number): number {
    const value = this.#run(work);
    if (value < 0) throw this.#error();
    return value;
  }

  #error(): CamelGPTError {
    return this.#run(() => {
      const bound = this.#bound;
      return new CamelGPTError(this.#string(bound.errorCode()) as ErrorCode, this.#string(bound.errorMessage()), {
        expected: this.#string(bound.errorExpected()),
        found: this.#string(bound.errorFound()),
        hint: this.#string(bound.errorHint()),
      });
    });
  }

  // Views are made anew at each use: memory that grew has another buffer.

  #bytes(address: number, size: number): Uint8Array {
    return this.#bound.HEAPU8.subarray(address, address + size);
  }

  #view(address: number, size: number): DataView {
    return new DataView(this.#bound.HEAPU8.buffer, address, size);
  }

  /** A NUL-terminated text. */
  #string(address: number): string {
    const heap = this.#bound.HEAPU8;
    return decoder.decode(heap.slice(address, heap.indexOf(0, address))); // a decoder takes no shared memory
  }

  #output(): string {
    return this.#run(() => decoder.decode(this.#bytes(this.#bound.outputAddress(), this.#bound.outputSize()).slice()));
  }

  #wantsComposedText(): boolean {
    this.#check(() => this.#bound.info());
    return this.#run(() => this.#bound.infoWantsComposedText());
  }

  #tokens(): number[] {
    return this.#run(() => {
      const address = this.#bound.tokensAddress();
      return Array.from(new Int32Array(this.#bound.HEAPU8.buffer, address, this.#bound.tokensCount()));
    });
  }

  #putText(text: string): number {
    return this.#putBytes(encoder.encode(text), "the text");
  }

  #putBytes(bytes: Uint8Array, what: string): number {
    const address = this.#run(() => this.#bound.textBuffer(bytes.length));
    if (address === 0 && bytes.length > 0) throw noMemoryFor(what, bytes.length);
    this.#run(() => this.#bytes(address, bytes.length).set(bytes));
    return bytes.length;
  }

  #putTokens(tokens: readonly number[]): void {
    const address = this.#run(() => this.#bound.tokenBuffer(tokens.length));
    if (address === 0 && tokens.length > 0) throw noMemoryFor("the tokens", tokens.length * 4);
    this.#run(() => new Int32Array(this.#bound.HEAPU8.buffer, address, tokens.length).set(tokens));
  }
}

function noMemoryFor(what: string, bytes: number): CamelGPTError {
  return new CamelGPTError("out-of-memory", `There is not enough memory for ${what}.`, { expected: `${bytes} bytes` });
}

function engineFailed(error: unknown): CamelGPTError {
  return new CamelGPTError("engine-failed", `The engine failed: ${describe(error)}`, {
    hint: "Dispose of this model and load it again; please report what led here.",
    cause: error,
  });
}

interface Instantiated {
  module: MainModule;
  memory: WebAssembly.Memory;
}

/** A module of the caller's tells nothing about its memory: the other kind is tried where the first does not fit. */
async function instantiate(wasm: WebAssembly.Module, hasThreads: boolean): Promise<Instantiated> {
  try {
    return await instantiateOver(newMemory(hasThreads), wasm).catch((error: unknown) => {
      if (error instanceof WebAssembly.LinkError) return instantiateOver(newMemory(!hasThreads), wasm);
      throw error;
    });
  } catch (error) {
    if (error instanceof RangeError) {
      throw new CamelGPTError("out-of-memory", "There is not enough memory for the engine.", {
        found: describe(error),
        hint: "Close other pages or programs.",
        cause: error,
      });
    }
    throw new CamelGPTError("engine-unavailable", `The engine could not be started: ${describe(error)}`, {
      hint: "If `wasmModule` or `wasmUrl` is given: it must be of the same version as this package.",
      cause: error,
    });
  }
}

/** 4 MiB that can grow to 4 GiB. Shared memory is reserved as a whole: where there is less, to less. */
function newMemory(shared: boolean): WebAssembly.Memory {
  for (let maximum = 65536; ; maximum /= 2) {
    try {
      return new WebAssembly.Memory({ initial: 64, maximum, shared });
    } catch (error) {
      if (!shared || maximum <= 4096) throw error;
    }
  }
}

/** The glue around our own compiled module: it must neither fetch nor compile anything. */
function instantiateOver(memory: WebAssembly.Memory, wasm: WebAssembly.Module): Promise<Instantiated> {
  return new Promise((resolve, reject) => {
    const instantiateWasm = (
      imports: WebAssembly.Imports,
      success: (instance: WebAssembly.Instance, module: WebAssembly.Module) => void,
    ) => {
      // The glue never hears of a failure here: it would wait for ever.
      WebAssembly.instantiate(wasm, imports)
        .then((instance) => success(instance, wasm))
        .catch(reject);
      return {};
    };
    createCamelGPT({ instantiateWasm, wasmMemory: memory }).then((module) => resolve({ module, memory }), reject);
  });
}
