// The public class. It is independent of the runtime: each entry derives its CamelGPTInference from it.
// The next line declares AsyncDisposable for users whose option `lib` does not.
/// <reference lib="esnext.disposable" preserve="true" />
// biome-ignore-all lint/complexity/noThisInStatic: static methods need the platform, which the derived class has
import type { CatalogueEntry } from "../../web/load/catalogue/catalogue.js";
import { absoluteUrl } from "../../web/load/place.js";
import type { ModelSource } from "../../web/load/resolve.js";
import type { CachedFile } from "../../web/load/stores/entries.js";
import type { GenerateParams } from "../../web/tasks/params.js";
import type { ChatMessage } from "../../web/text/messages.js";
import { type Emit, textOf, TextStream } from "../../web/text/text-stream.js";
import type {
  Calibration,
  Choice,
  Classification,
  EpdpMode,
  EpdpNumbers,
  FilledMasks,
  FormatMatch,
  FormatOutput,
  GenerationResult,
  Inspection,
  LoadedState,
  ModelInfo,
  Rating,
  ResponseFormat,
  Score,
  YesNo,
} from "../../web/types.js";
import type { CallerPlatform } from "../../web/worker/platform.js";
import { ChatSession, turns } from "./chat/session.js";
import { type ChatResult, type ChatSessionOptions, newState } from "./chat/session-state.js";
import { signalOf } from "./check-options.js";
import { generateFormatted } from "./format/generate-formatted.js";
import { defaultCalibrationText, ModelConnection } from "./model-connection.js";
import {
  type ChatOptions,
  checkLoadOptions,
  type GenerateOptions,
  generateParams,
  type LoadOptions,
  reporter,
} from "./options.js";
import type { ChooseOptions, ClassifyOptions, RateOptions, YesNoOptions } from "./options/decide.js";
import type {
  CalibrateOptions,
  DetokenizeOptions,
  EmbedOptions,
  FillMaskOptions,
  ScoreOptions,
  TokenizeOptions,
} from "./options/tasks.js";
import { verifyRelease, type Verification } from "./release.js";
import { type EpdpReport, epdpReport } from "./report.js";

/** The store of `listCached` and `deleteCached`: see the load option. */
export type CacheOptions = Pick<LoadOptions, "cacheFolder">;

// Parts that a first generation does not need are loaded by their first use, which keeps the entry small.
const tasks = () => import("./options/tasks.js");
const decisions = () => import("./decide/decide.js");
const extras = () => import("./generate/extras.js");
const storeEntries = () => import("../../web/load/stores/entries.js");

/** The class of an entry, as static methods need it. */
type ClassOf<T> = new (source: ModelSource, options?: LoadOptions) => T;

/**
 * One language model.
 *
 * ```ts
 * const model = new CamelGPTInference("path/to/model.gguf");
 * console.log(await model.generateText("Once upon a time,", 100));
 * await model.dispose();
 * ```
 *
 * The first call loads the model; `await CamelGPTInference.load(source, options)` loads it in advance. Overlapping
 * calls on one model are queued; `tokenize`, `detokenize`, `countTokens`, `pieces`, `info` and `report` do not wait for
 * the others. Any call can reject with the error of the load, and after `dispose` every call rejects
 * with the code `"disposed"`. All errors are {@link CamelGPTError}s; the comments below list the codes that are
 * specific to a method.
 */
export abstract class CamelGPTInferenceBase implements AsyncDisposable {
  /** The services of the runtime. Set by each entry. @internal */
  protected static readonly platform: CallerPlatform;

  readonly #model: ModelConnection;

  /** See the constructor of the derived class. */
  protected constructor(source: ModelSource, options: LoadOptions | undefined) {
    this.#model = new ModelConnection(source, checkLoadOptions(options), new.target.platform);
  }

  /**
   * Creates a model and loads it.
   * Errors: those of {@link CamelGPTInferenceBase.load | load}.
   */
  static async load<T extends CamelGPTInferenceBase>(
    this: ClassOf<T>,
    source: ModelSource,
    options?: LoadOptions,
  ): Promise<T> {
    return new this(source, options).load();
  }

  /**
   * Reads the header of a model: its metadata, its tensors, and the memory it would occupy. The weights are not read.
   * Errors: those of {@link CamelGPTInferenceBase.load | load}.
   */
  static async inspect(
    this: ClassOf<CamelGPTInferenceBase>,
    source: ModelSource,
    options?: LoadOptions,
  ): Promise<Inspection> {
    const model = new this(source, options);
    return model.#model.open("inspect").finally(() => model.dispose());
  }

  /**
   * Reads all files of a release (a folder or URL with a `camelgpt.json`) and compares them with its manifest. Nothing
   * is loaded.
   * Errors: `integrity` if a file or the manifest is not as published, `bad-format`, `bad-input` if the source is not a
   * release, and those of reading.
   */
  static async verify(source: string | URL, options?: LoadOptions): Promise<Verification> {
    return verifyRelease(String(source), checkLoadOptions(options), this.platform);
  }

  /** Lists the models that can be named without an address. */
  static async listCatalogue(): Promise<readonly CatalogueEntry[]> {
    return (await import("../../web/load/catalogue/catalogue.js")).catalogue;
  }

  /** Lists the stored downloads, see the option `cache`: the URL of each, without query, and its size. */
  static async listCached({ cacheFolder }: CacheOptions = {}): Promise<CachedFile[]> {
    const store = await this.platform.openStore?.(undefined, cacheFolder);
    return store ? (await storeEntries()).listCached(store) : [];
  }

  /** Removes the stored download of a URL, or without an argument all downloads. */
  static async deleteCached(url?: string | URL, { cacheFolder }: CacheOptions = {}): Promise<void> {
    const store = await this.platform.openStore?.(undefined, cacheFolder);
    if (!store) return;
    const { deleteCached } = await storeEntries();
    await deleteCached(store, url === undefined ? undefined : absoluteUrl(String(url), this.platform));
  }

  /**
   * Loads the model, unless it is already loaded. All other methods do so too, on first use.
   *
   * A failed load is final for this object; create a new one to try again. If the worker of a loaded model dies,
   * pending calls reject with `worker-failed`, and the next call loads the model again.
   *
   * Errors: everything that can be wrong with a source (`not-found`, `network`, `http-error`, `read-failed`,
   * `integrity`, `not-a-model`, `unknown-release`, `offline`, `aborted`), with a file (`bad-format`, `truncated`,
   * `bad-metadata`, `bad-tensor`, `unsupported-…`), with an option (`bad-option`), and with the environment
   * (`out-of-memory`, `unsupported-environment`, `engine-unavailable`, `worker-failed`).
   */
  async load(): Promise<this> {
    await this.#model.loaded();
    return this;
  }

  /**
   * Continues a text and returns the continuation only. An abort rejects, and so does JSON that `responseFormat` asks
   * for and that `maxTokens` cuts off; use `stream` to keep the text generated before it.
   * Errors: those of `stream`, `bad-answer`.
   *
   * @param prompt Text, or token ids.
   * @param maxTokens Maximum number of tokens to generate, 256 by default; or the options.
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
   * Continues a text, piece by piece. Loop over the pieces, await the complete result, or both; see {@link TextStream}.
   * With `responseFormat` the result has the value of the answer as `object`.
   * Errors: `bad-input`, `bad-option`, `context-overflow`, `aborted`; with `responseFormat` also `bad-schema`,
   * `bad-grammar`, and `unsupported-task` for masked models.
   *
   * @param prompt Text, or token ids.
   */
  stream<T = unknown, const F extends ResponseFormat = ResponseFormat<T>>(
    prompt: string | readonly number[],
    options?: GenerateOptions<F>,
  ): TextStream<GenerationResult<FormatOutput<F>>> {
    return new TextStream(
      async (emit, signal) => {
        const run = async (prompt: string | readonly number[], options: GenerateOptions<F> | undefined, emit: Emit) => {
          await this.#model.refuseOverlong(prompt, signal);
          const params = generateParams(prompt, options, this.#model.limits);
          return this.#generate<FormatOutput<F>>(params, emit, signal, options);
        };
        const { n, echo, suffix } = options ?? {};
        if (options === undefined || (n ?? echo ?? suffix) === undefined) return run(prompt, options, emit);
        return (await extras()).generateWithExtras(this.#model, prompt, options, { emit, signal }, run);
      },
      signalOf(options),
      options?.responseFormat?.type === "json",
    );
  }

  /**
   * Answers a conversation. The chat template in the model's file converts the messages to the form that the model was
   * trained on. Returns the answer in the same way as `stream`, but sampled with the options that `info().sampling`
   * lists, unless the options here say otherwise: a `temperature` of 0 makes the answer the most probable one. The
   * result's `seed` repeats an answer. With `contextShift` the oldest turns of a conversation that does not fit into
   * the context are left out, and an answer continues past its end.
   * Errors: those of `stream`, `no-chat-template`, `bad-template`, `unsupported-task`.
   */
  chat<T = unknown, const F extends ResponseFormat = ResponseFormat<T>>(
    messages: readonly ChatMessage[],
    options?: ChatOptions<F>,
  ): TextStream<GenerationResult<FormatOutput<F>>> {
    return new TextStream<GenerationResult<FormatOutput<F>>>(
      async (emit, signal) => {
        const run = async (options: ChatOptions<F> | undefined, emit: Emit) => {
          if (options?.contextShift) {
            const result = await (await turns()).answerLong(this.#model, messages, { options, emit, signal });
            return result as ChatResult<FormatOutput<F>>;
          }
          const { answerChat } = await import("./chat/answer-chat.js");
          const result = await answerChat(this.#model, messages, options, emit, signal);
          return result as GenerationResult<FormatOutput<F>>;
        };
        if (options?.n === undefined) return run(options, emit);
        return (await extras()).generateSeveral(this.#model, options, { emit, signal }, run);
      },
      signalOf(options),
      options?.responseFormat?.type === "json",
    );
  }

  /**
   * Returns how far a text agrees with a format: whether it has it, could be continued to have it, or cannot, and then
   * from which character. The model does not run.
   * Errors: `bad-schema`, `bad-grammar`, `bad-option`, `bad-input`, `aborted`.
   */
  async matchesFormat(
    text: string,
    responseFormat: ResponseFormat,
    options?: { signal?: AbortSignal },
  ): Promise<FormatMatch> {
    return (await import("./format/prepare-format.js")).matchFormat(this.#model, text, responseFormat, options?.signal);
  }

  /**
   * Creates a chat session, which keeps the messages and their tokens from turn to turn. Nothing is loaded or evaluated
   * before the first message; the options that are no options of a session are defaults for those of its answers.
   * Errors, thrown: `bad-option`. A history that is not messages is the error `bad-input` of the first answer.
   */
  createChat(options?: ChatSessionOptions): ChatSession {
    return new ChatSession(newState(this.#model, options));
  }

  /**
   * Restores a session from the bytes of `chat.save()`: it continues with the same tokens as the one that was saved.
   * The options are those of `createChat` without `system` and `history`.
   * Errors: `bad-input` for a session of another model, `bad-format`, `truncated`, `unsupported-version`, `bad-option`,
   * `aborted`.
   */
  async restoreChat(
    saved: Uint8Array,
    options?: Omit<ChatSessionOptions, "system" | "history"> & { signal?: AbortSignal },
  ): Promise<ChatSession> {
    return new ChatSession(await (await turns()).restoreChat(this.#model, saved, options));
  }

  /**
   * Saves the text in the cache (prompt and answer of the last generation; for a masked model the prompt) with its keys
   * and values. The size grows with the text. {@link CamelGPTInferenceBase.loadState | loadState} restores it.
   * Errors: `bad-state` if the cache is empty (also after a calibration in idle time, which replaces the text),
   * `unsupported-task` for encoders, `out-of-memory`, `aborted`.
   */
  async saveState(options?: { signal?: AbortSignal }): Promise<Uint8Array> {
    return this.#model.call("save", {}, { signal: options?.signal });
  }

  /**
   * Replaces the contents of the cache by a saved state. A prompt that begins with its text continues from there,
   * without evaluating the text again, and with the same tokens as the model that saved it. The model file and the
   * option `kvCache` must be the same.
   * Errors: `bad-input` for the state of another model, `bad-format`, `truncated`, `unsupported-version`,
   * `context-overflow`, `unsupported-task`, `aborted`. After an error the cache is unchanged or empty.
   */
  async loadState(state: Uint8Array | ArrayBuffer, options?: { signal?: AbortSignal }): Promise<LoadedState> {
    return this.#model.call("restore", { state: (await tasks()).stateBytes(state) }, { signal: options?.signal });
  }

  /** Returns the token ids of a text. Errors: `bad-input`, `bad-option`, `aborted`. */
  async tokenize(text: string, options?: TokenizeOptions): Promise<number[]> {
    const params = (await tasks()).tokenizeParams(text, options, this.#model.limits);
    return this.#model.call("tokenize", params, { signal: options?.signal });
  }

  /**
   * Returns the text of token ids. Bytes that do not form a character become U+FFFD. Errors: `bad-input`, `bad-option`,
   * `aborted`.
   */
  async detokenize(tokens: readonly number[], options?: DetokenizeOptions): Promise<string> {
    return this.#model.call("detokenize", (await tasks()).detokenizeParams(tokens, options), {
      signal: options?.signal,
    });
  }

  /** Returns the piece (the written form) of each token. Errors: `bad-input`, `aborted`. */
  async pieces(tokens: readonly number[], options?: { signal?: AbortSignal }): Promise<string[]> {
    const { tokens: checked } = (await tasks()).detokenizeParams(tokens, undefined);
    return this.#model.call("pieces", { tokens: checked }, { signal: options?.signal });
  }

  /** Returns the number of tokens that `tokenize` returns. */
  async countTokens(text: string, options?: TokenizeOptions): Promise<number> {
    return (await this.tokenize(text, options)).length;
  }

  /**
   * Returns how probable the model finds a text, and its perplexity. The tokens are split into windows without overlap;
   * each window starts with an empty cache, and all of its tokens but the first are scored.
   * Errors: `bad-input` for fewer than two tokens, `context-overflow` if a window is longer than the context,
   * `bad-option`, `aborted`.
   *
   * @param text Text, or token ids.
   */
  async score(text: string | readonly number[], options?: ScoreOptions): Promise<Score> {
    const params = (await tasks()).scoreParams(text, options, this.#model.limits);
    return this.#model.call("score", params, { signal: options?.signal });
  }

  /**
   * Returns candidates for the masks of a text (`[MASK]`, in the form of the model's vocabulary), and the text with all
   * masks filled.
   * Errors: `unsupported-task` unless the model is a masked one, `bad-input` if there is no mask, `context-overflow`,
   * `bad-option`, `aborted`.
   */
  async fillMask(text: string, options?: FillMaskOptions): Promise<FilledMasks> {
    await this.#model.refuseOverlong(text, signalOf(options));
    return this.#model.call("fill", (await tasks()).fillParams(text, options), { signal: options?.signal });
  }

  /**
   * Returns which of some labels fits a text, or each of several texts, by the probability of each label as the model's
   * answer.
   * Errors: `unsupported-task` for encoders, `bad-option`, `bad-input`, `context-overflow`, `aborted`.
   */
  classify<const Label extends string>(text: string, options: ClassifyOptions<Label>): Promise<Classification<Label>>;
  classify<const Label extends string>(
    texts: readonly string[],
    options: ClassifyOptions<Label>,
  ): Promise<Classification<Label>[]>;
  async classify(
    text: string | readonly string[],
    options: ClassifyOptions,
  ): Promise<Classification | Classification[]> {
    const results = await (await decisions()).classify(this.#model, text, options);
    return Array.isArray(text) ? results : (results[0] as Classification);
  }

  /**
   * Returns which of some options the model finds the most probable answer to a prompt, and the probabilities of all.
   * A text is a message to a model with a chat template; other models continue it.
   * Errors: `unsupported-task` for encoders, `bad-option`, `bad-input`, `context-overflow`, `aborted`, and for messages
   * those of `chat`.
   */
  async choose<const Option extends string>(
    prompt: string | readonly ChatMessage[],
    options: readonly Option[],
    settings?: ChooseOptions,
  ): Promise<Choice<Option>> {
    return (await decisions()).choose(this.#model, prompt, options, settings);
  }

  /** Answers a question with yes or no, by the probability of yes against no. Errors: those of `choose`. */
  async yesNo(question: string, options?: YesNoOptions): Promise<YesNo> {
    return (await decisions()).yesNo(this.#model, question, options);
  }

  /**
   * Answers a prompt that asks for a number: the mean of the numbers `from` to `to`, weighted by the probability of
   * each as the answer. The prompt should name the range. Errors: those of `choose`.
   */
  async rate(prompt: string | readonly ChatMessage[], options?: RateOptions): Promise<Rating> {
    return (await decisions()).rate(this.#model, prompt, options);
  }

  /**
   * Returns the embedding of a text, or of each of several texts: a vector of the model's hidden size. Texts with a
   * similar meaning have vectors with a high cosine.
   * Errors: `bad-input` for an empty text, `context-overflow` for a text that is too long, `bad-option`, `aborted`.
   *
   * @param text Text, or token ids.
   */
  embed(text: string | readonly number[], options?: EmbedOptions): Promise<Float32Array>;
  embed(texts: readonly (string | readonly number[])[], options?: EmbedOptions): Promise<Float32Array[]>;
  async embed(
    text: string | readonly number[] | readonly (string | readonly number[])[],
    options?: EmbedOptions,
  ): Promise<Float32Array | Float32Array[]> {
    const isSingle = typeof text === "string" || typeof text[0] === "number";
    const texts = (isSingle ? [text] : text) as readonly (string | readonly number[])[];
    if (!options?.truncate) await this.#refuseLongest(texts, signalOf(options));
    const params = (await tasks()).embedParams(texts, options, this.#model.limits);
    if (params.truncate) params.texts = await this.#beginnings(params.texts, signalOf(options));
    const context = { signal: options?.signal, onEvent: options?.onProgress };
    const vectors = await this.#model.call("embed", params, context);
    return isSingle ? (vectors[0] as Float32Array) : vectors;
  }

  /** Returns what the model is, what it occupies, and what runs it. */
  async info(): Promise<ModelInfo> {
    return (await this.#model.loaded()).info;
  }

  /**
   * Returns what dynamic pruning did in the last generation, and how many calls wait. Does not wait for the calls in
   * progress.
   */
  async report(): Promise<EpdpReport> {
    const { info } = await this.#model.loaded();
    const numbers = await this.#model.call("report", {}, {});
    return epdpReport(this.#model.epdp, numbers, info);
  }

  /**
   * Changes how much dynamic pruning skips. An answer in progress continues with the new setting, other calls wait. A
   * model without a calibration stays dense until it has one.
   * Errors: `bad-option`; `bad-state` if the model was loaded without the option `epdp` or with `"off"`, so that there
   * is no memory for it.
   */
  async setEpdp(epdp: EpdpMode | EpdpNumbers): Promise<void> {
    await this.#model.setEpdp(epdp);
  }

  /**
   * Learns in a few seconds what dynamic pruning can leave out, from texts like those to come, or by default from a
   * text in the package. To save the calibration next time, keep it (option `keep`), store the resulting sidecar next
   * to the model, or pass it with the load option `sidecar`.
   * Errors: `bad-state` if the model was loaded without the option `epdp` or with `"off"`, `bad-input` if the text is
   * too short or the model has nothing to prune, `bad-option`, `aborted`.
   */
  async calibrate(options?: CalibrateOptions): Promise<Calibration> {
    const { text, ffn, keep, signal, onProgress } = (await tasks()).calibrateOptions(options, this.#model.limits);
    const place = keep ? await this.#model.calibrationPlace() : undefined;
    const params = { text: text || (await defaultCalibrationText()), ffn };
    const calibration = await this.#model.call("calibrate", params, { signal, onEvent: onProgress });
    await place?.write(calibration.sidecar);
    return calibration;
  }

  /**
   * Releases the model. Calls in progress and all later calls reject with the code `"disposed"`. In a worker the memory
   * is freed immediately, on the caller's own thread by the garbage collector.
   */
  dispose(): Promise<void> {
    return this.#model.dispose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  async #refuseLongest(texts: unknown, signal: AbortSignal | undefined): Promise<void> {
    if (!Array.isArray(texts)) return;
    for (const each of texts as unknown[]) await this.#model.refuseOverlong(each, signal);
  }

  async #beginnings(
    texts: readonly (string | readonly number[])[],
    signal: AbortSignal | undefined,
  ): Promise<(string | readonly number[])[]> {
    const beginnings: (string | readonly number[])[] = [];
    for (const each of texts) {
      beginnings.push(typeof each === "string" ? await this.#model.beginningOf(each, signal) : each);
    }
    return beginnings;
  }

  async #generate<T>(
    params: GenerateParams,
    emit: Emit,
    signal: AbortSignal,
    options: GenerateOptions | undefined,
  ): Promise<GenerationResult<T>> {
    const context = { signal, onEvent: reporter(options, emit) };
    const result = await generateFormatted(this.#model, options?.responseFormat, params, async (params) => {
      const generated = await this.#model.call("generate", params, context);
      return { ...generated, engine: (await this.#model.loaded()).info.engine };
    });
    return result as GenerationResult<T>;
  }
}
