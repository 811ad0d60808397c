// The class that a user meets. It knows nothing of the runtime: the entries derive their CamelGPTInference from it.
import type { ChatMessage } from "../../web/chat-template.js";
import { WorkerBackend } from "../../web/client.js";
import {
  abortedError,
  asCamelGPTError,
  CamelGPTError,
  disposedError,
  orAborted,
  throwIfAborted,
} from "../../web/errors.js";
import { type CachedFile, deleteCached, listCached } from "../../web/load/cache.js";
import type { Release } from "../../web/load/release.js";
import { type ModelSource, resolveSource } from "../../web/load/resolve.js";
import { readSidecar } from "../../web/load/sidecar.js";
import type { Backend, CallerMeans } from "../../web/platform.js";
import type { CallContext, CallName, Calls, LoadedModel, LoadParams } from "../../web/protocol.js";
import type {
  Calibration,
  Classification,
  EpdpMode,
  EpdpNumbers,
  FilledMasks,
  GenerationResult,
  Inspection,
  LoadedState,
  ModelInfo,
  Score,
} from "../../web/types.js";
import { checkMessages } from "./check-messages.js";
import {
  type CalibrateOptions,
  calibrateOptions,
  type ChatOptions,
  type ClassifyOptions,
  classifyParams,
  checkLoadOptions,
  type DetokenizeOptions,
  detokenizeParams,
  type EmbedOptions,
  embedParams,
  engineOptions,
  type FillMaskOptions,
  fillParams,
  type GenerateOptions,
  generateParams,
  type LoadOptions,
  memoryOptions,
  resolveOptions,
  type ScoreOptions,
  scoreParams,
  splitChatOptions,
  stateBytes,
  type TokenizeOptions,
  tokenizeParams,
} from "./options.js";
import { type EpdpReport, epdpReport } from "./report.js";
import { releaseInfo, signatureNote, type Verification, verifyRelease } from "./release.js";
import { textOf, TextStream } from "./text-stream.js";

/** In a file of its own: most do without it. */
async function ownCalibrationText(): Promise<string> {
  return (await import("../../web/calibration-text.js")).calibrationText;
}

/**
 * One language model.
 *
 * ```ts
 * const model = new CamelGPTInference("path/to/model.gguf");
 * console.log(await model.generateText("Once upon a time,", 100));
 * await model.dispose();
 * ```
 *
 * Calls may overlap: they queue. Each of them can reject with the error that the load ended with, and after `dispose` with the
 * code `"disposed"`.
 */
export abstract class CamelGPTInferenceBase implements AsyncDisposable {
  readonly #source: ModelSource;
  readonly #options: LoadOptions;
  readonly #means: CallerMeans;
  /** What `dispose` aborts: a load in progress. */
  // No AbortController: on edge runtimes one belongs to the request that made it, and a model may serve many.
  #disposed = false;
  #endLoad: (() => void) | undefined;
  #backend: Backend | undefined;
  /** What runs; known as soon as it is known whether there is a sidecar. */
  #epdp: EpdpMode | EpdpNumbers = "off";
  #release: Release | undefined;
  /** Whether a load has ended well: then the death of its worker is no failure of the load. */
  #isReady = false;
  #loading: Promise<LoadedModel> | undefined;

  /** Returns at once; see the constructor of the derived class. */
  protected constructor(source: ModelSource, options: LoadOptions | undefined, means: CallerMeans) {
    this.#options = checkLoadOptions(options);
    this.#source = source;
    this.#means = means;
  }

  /**
   * A model that is loaded already.
   * Errors: those of {@link CamelGPTInferenceBase.load | load}.
   */
  static async load<T extends CamelGPTInferenceBase>(
    this: new (
      source: ModelSource,
      options?: LoadOptions,
    ) => T,
    source: ModelSource,
    options?: LoadOptions,
  ): Promise<T> {
    return new this(source, options).load();
  }

  /**
   * Reads all files of a release, a folder or URL with a `camelgpt.json`, and compares them with what that says. Nothing is loaded.
   * Errors: `integrity` where a file or the manifest is another than was published, `bad-format`, `bad-input` where the source is no release, and
   * those of reading.
   */
  static async verify(
    this: new (
      source: ModelSource,
      options?: LoadOptions,
    ) => CamelGPTInferenceBase,
    source: string | URL,
    options?: LoadOptions,
  ): Promise<Verification> {
    const model = new this(source, options);
    return verifyRelease(String(source), model.#options, model.#means);
  }

  /** Downloads that are kept, see the option `cache`: where they came from, without query, and how large they are. */
  static async listCached(this: new (source: ModelSource) => CamelGPTInferenceBase): Promise<CachedFile[]> {
    const store = await new this("").#means.openStore?.();
    return store ? listCached(store) : [];
  }

  /** Removes the kept download of an address; without one all of them. */
  static async deleteCached(
    this: new (
      source: ModelSource,
    ) => CamelGPTInferenceBase,
    url?: string | URL,
  ): Promise<void> {
    const means = new this("").#means;
    const store = await means.openStore?.();
    if (store) await deleteCached(store, url === undefined ? undefined : new URL(url, means.baseUrl()).href);
  }

  /** What the header of a model says: metadata, tensors, and the memory it would take. Its weights are not read. */
  static async inspect(
    this: new (
      source: ModelSource,
      options?: LoadOptions,
    ) => CamelGPTInferenceBase,
    source: ModelSource,
    options?: LoadOptions,
  ): Promise<Inspection> {
    const model = new this(source, options);
    return model.#open("inspect").finally(() => model.dispose());
  }

  /**
   * Loads the model now, unless that was done. Every other method does it by itself.
   * Errors: everything that a source, a network, a file and an environment can be at fault with. A failed load is final for this
   * object: make a new one to try again. Where the worker of a loaded model dies, what was pending rejects with `worker-failed`, and the
   * next call loads it anew.
   */
  async load(): Promise<this> {
    await this.#loaded();
    return this;
  }

  /**
   * Continues a text, and gives the continuation alone.
   * Errors: `bad-input`, `bad-option`, `context-overflow`, `aborted`.
   *
   * @param prompt Text, or token ids.
   * @param maxTokens Tokens to generate at most, 256 by default; or the options.
   */
  generateText(prompt: string | readonly number[], options?: GenerateOptions): Promise<string>;
  generateText(prompt: string | readonly number[], maxTokens?: number, options?: GenerateOptions): Promise<string>;
  generateText(
    prompt: string | readonly number[],
    maxTokens: number | GenerateOptions | undefined,
    options?: GenerateOptions,
  ): Promise<string> {
    const all = typeof maxTokens === "number" ? { ...options, maxTokens } : { ...maxTokens, ...options };
    return textOf(this.stream(prompt, all), all.signal);
  }

  /**
   * Continues a text, piece by piece: loop over the pieces, or await the whole, or both. See {@link TextStream}.
   *
   * @param prompt Text, or token ids.
   */
  stream(prompt: string | readonly number[], options?: GenerateOptions): TextStream {
    return new TextStream(async (emit, signal) => {
      const params = generateParams(prompt, options);
      return this.#generate(params, emit, signal);
    }, options?.signal);
  }

  /**
   * Answers a conversation, in the form the model was trained on: through the chat template in its file. To be looped over or
   * awaited like `stream`.
   * Errors also: `no-chat-template`, `bad-template`.
   */
  chat(messages: readonly ChatMessage[], options?: ChatOptions): TextStream {
    return new TextStream(async (emit, signal) => {
      checkMessages(messages);
      const { template, rest } = splitChatOptions(options);
      const params = generateParams("", { ...rest, addSpecial: false }); // the template writes all special tokens itself
      const prompt = await this.#renderChat(messages, template, signal);
      return this.#generate({ ...params, prompt }, emit, signal);
    }, options?.signal);
  }

  /**
   * The text that the cache holds (prompt and answer of the last generation; of a masked model the prompt) with its keys and values, as bytes
   * to keep: they grow with the text. {@link CamelGPTInferenceBase.loadState | loadState} takes them.
   * Errors: `bad-state` where there is no text (a calibration in idle time takes its place), `unsupported-task` for encoders, `out-of-memory`.
   */
  async saveState(options?: { signal?: AbortSignal }): Promise<Uint8Array> {
    return this.#call("save", {}, { signal: options?.signal });
  }

  /**
   * Puts a saved state into the cache, in place of what that held: a prompt that begins with its text goes on from there, at once and with
   * the tokens that the model it was saved from would have gone on with. It has to be the same model file, and the option `kvCache` the same.
   * Errors: `bad-input` for the state of another model, `bad-format`, `truncated`, `unsupported-version`, `context-overflow`,
   * `unsupported-task`, `aborted`. After an error the cache has what it had, or nothing.
   */
  async loadState(state: Uint8Array | ArrayBuffer, options?: { signal?: AbortSignal }): Promise<LoadedState> {
    return this.#call("restore", { state: stateBytes(state) }, { signal: options?.signal });
  }

  /** The token ids of a text. */
  async tokenize(text: string, options?: TokenizeOptions): Promise<number[]> {
    return this.#call("tokenize", tokenizeParams(text, options), { signal: options?.signal });
  }

  /** The text of token ids. Bytes that form no character become U+FFFD. */
  async detokenize(tokens: readonly number[], options?: DetokenizeOptions): Promise<string> {
    return this.#call("detokenize", detokenizeParams(tokens, options), { signal: options?.signal });
  }

  /** The written form of each token by itself. */
  async pieces(tokens: readonly number[], options?: { signal?: AbortSignal }): Promise<string[]> {
    const { tokens: checked } = detokenizeParams(tokens, undefined);
    return this.#call("pieces", { tokens: checked }, { signal: options?.signal });
  }

  /** How many tokens `tokenize` gives. */
  async countTokens(text: string, options?: TokenizeOptions): Promise<number> {
    return (await this.tokenize(text, options)).length;
  }

  /**
   * How probable the model finds a text. Its tokens are cut into windows without overlap; each starts with an empty cache, and
   * every token of it but the first is scored.
   * Errors: `bad-input` for fewer than two tokens, `context-overflow`.
   */
  async score(text: string | readonly number[], options?: ScoreOptions): Promise<Score> {
    return this.#call("score", scoreParams(text, options), { signal: options?.signal });
  }

  /**
   * What may stand in place of the masks of a text (`[MASK]`, as the model writes it).
   * Errors: `unsupported-task` unless the model is a masked one, `bad-input`, `context-overflow`.
   */
  async fillMask(text: string, options?: FillMaskOptions): Promise<FilledMasks> {
    return this.#call("fill", fillParams(text, options), { signal: options?.signal });
  }

  /**
   * Which of some labels fits a text: how probable each is as the model's answer.
   * Errors: `unsupported-task` for encoders, `bad-option`, `context-overflow`.
   */
  async classify(text: string, options: ClassifyOptions): Promise<Classification> {
    return this.#call("classify", classifyParams(text, options), { signal: options?.signal });
  }

  /**
   * The vector of a text, or of each of several: near to one another where they mean the same.
   * Errors: `bad-input`, `context-overflow`.
   *
   * @param text Text, or token ids.
   */
  embed(text: string | readonly number[], options?: EmbedOptions): Promise<Float32Array>;
  embed(texts: readonly (string | readonly number[])[], options?: EmbedOptions): Promise<Float32Array[]>;
  async embed(
    text: string | readonly number[] | readonly (string | readonly number[])[],
    options?: EmbedOptions,
  ): Promise<Float32Array | Float32Array[]> {
    const isOne = typeof text === "string" || typeof text[0] === "number";
    const texts = (isOne ? [text] : text) as readonly (string | readonly number[])[];
    const vectors = await this.#call("embed", embedParams(texts, options), { signal: options?.signal });
    return isOne ? (vectors[0] as Float32Array) : vectors;
  }

  /** What the model is, what it occupies, and what runs it. */
  async info(): Promise<ModelInfo> {
    return (await this.#loaded()).info;
  }

  /** What dynamic pruning did in the last generation. */
  async report(): Promise<EpdpReport> {
    const { info } = await this.#loaded();
    return epdpReport(this.#epdp, await this.#call("report", {}, {}), info);
  }

  /**
   * Learns what dynamic pruning may leave out, in some seconds, from texts like those to come; without any, from a text of its own.
   * The sidecar it gives can be kept beside the model and handed in with the option `sidecar`, which saves the calibration.
   * Errors: `bad-state` where the model was loaded without the option `epdp` or with `"off"`, `bad-input`, `aborted`.
   */
  async calibrate(options?: CalibrateOptions): Promise<Calibration> {
    const { text, ffn, signal, onProgress } = calibrateOptions(options);
    return this.#call(
      "calibrate",
      { text: text || (await ownCalibrationText()), ffn },
      { signal, onEvent: onProgress },
    );
  }

  /**
   * Gives the model's memory back. Calls in progress, and all later ones, reject with the code `"disposed"`.
   * With a worker the memory is free at once; on the caller's own thread when the garbage collector comes.
   */
  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#endLoad?.();
    await this.#backend?.dispose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  // --- how ---

  #loaded(): Promise<LoadedModel> {
    if (this.#disposed) return Promise.reject(disposedError());
    if (!this.#loading || (this.#isReady && this.#backend?.isDead)) {
      this.#isReady = false;
      this.#loading = this.#open("load").then((model) => {
        this.#isReady = true;
        return this.#withNotes(model);
      });
      this.#loading.catch(() => {}); // each call that waits hears of it
    }
    return this.#loading;
  }

  /** Starts the backend and hands it the source. The caller's signal and `dispose` both end it. */
  async #open<K extends "load" | "inspect">(name: K): Promise<Calls[K]["value"]> {
    const { signal, onProgress: onEvent, epdp, eager = true, sidecar: named } = this.#options;
    throwIfAborted(signal);
    const abort = new AbortController();
    const forward = () => abort.abort(signal?.reason);
    signal?.addEventListener("abort", forward, { once: true });
    this.#endLoad = () => abort.abort();
    try {
      const resolving = resolveOptions(this.#options);
      const { location, open, release, sidecar: found } = await resolveSource(this.#source, resolving, this.#means);
      this.#release = release;
      const sidecar = epdp === "off" ? undefined : await readSidecar(named, found, location, resolving, this.#means);
      this.#epdp = epdp ?? (sidecar ? "balanced" : "off");
      this.#backend = await this.#startBackend();
      const params: LoadParams = {
        location,
        memory: memoryOptions(this.#options),
        epdp: this.#epdp,
        eager: eager && !this.#means.callsOwnDownloads,
        toEnd: this.#options.sha256 !== undefined,
        sidecar,
        calibrationText: sidecar?.named || this.#epdp === "off" ? undefined : await ownCalibrationText(),
        engine: engineOptions(this.#options),
      };
      const context = {
        signal: abort.signal,
        onEvent,
        openCaller: open && ((file: number) => open(abort.signal, file)),
      };
      throwIfAborted(abort.signal);
      return await this.#backend.call(name, params, context as CallContext<K>);
    } catch (error) {
      await this.#backend?.dispose(); // a worker without a model is of no use
      if (this.#disposed) throw disposedError();
      if (signal?.aborted) throw abortedError(signal);
      throw asCamelGPTError(error);
    } finally {
      signal?.removeEventListener("abort", forward);
      this.#endLoad = undefined;
    }
  }

  async #startBackend(): Promise<Backend> {
    const { worker = true, workerUrl } = this.#options;
    if (worker && this.#means.spawnWorker) {
      return new WorkerBackend(this.#means.spawnWorker(workerUrl === undefined ? undefined : String(workerUrl)));
    }
    return this.#means.inlineBackend();
  }

  #withNotes(model: LoadedModel): LoadedModel {
    const { worker = true } = this.#options;
    const { notes } = model.info.engine;
    if (worker && !model.info.engine.worker)
      notes.push("This runtime has no workers; the engine runs on the caller's thread.");
    if (!this.#release) return model;
    const release = releaseInfo(this.#release, this.#options.trustedKeys);
    if (!release.trusted) notes.push(signatureNote(this.#release, release));
    return { ...model, info: { ...model.info, release } };
  }

  /** One call on the loaded model. Its signal ends the wait for the load too, but not the load itself. */
  async #call<K extends CallName>(
    name: K,
    params: Calls[K]["params"],
    context: CallContext<K>,
  ): Promise<Calls[K]["value"]> {
    throwIfAborted(context.signal);
    await orAborted(this.#loaded(), context.signal);
    if (!this.#backend || this.#disposed) throw disposedError();
    return this.#backend.call(name, params, context);
  }

  async #generate(
    params: Calls["generate"]["params"],
    onEvent: (piece: string) => void,
    signal: AbortSignal,
  ): Promise<GenerationResult> {
    const result = await this.#call("generate", params, { signal, onEvent });
    const { engine } = (await this.#loaded()).info;
    return { ...result, engine };
  }

  async #renderChat(messages: readonly ChatMessage[], own: string | undefined, signal: AbortSignal): Promise<string> {
    throwIfAborted(signal);
    const { info, chatTemplate, bosText, eosText } = await orAborted(this.#loaded(), signal);
    const template = own ?? chatTemplate;
    if (!template && info.kind !== "causal") {
      const masked = info.kind === "masked";
      throw new CamelGPTError(
        "unsupported-task",
        `This model is ${masked ? "a masked one" : "an encoder"}: it was not made for conversations.`,
        {
          hint: masked ? "Call generateText, fillMask or classify." : "Call embed.",
        },
      );
    }
    if (!template) {
      throw new CamelGPTError("no-chat-template", "The model has no chat template.", {
        expected: "tokenizer.chat_template in the model's metadata",
        found: "none",
        hint: "Give one with the option `chatTemplate`, or use generateText: base models only continue a text.",
      });
    }
    const { renderChat } = await import("../../web/chat-template.js");
    return renderChat({ template, messages, addGenerationPrompt: true, bosText, eosText });
  }
}
