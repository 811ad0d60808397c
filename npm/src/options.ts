// The options of the package: their types with defaults, and the completed forms that the engine takes.
import { CamelGPTError } from "../../web/errors.js";
import { greedy } from "../../web/tasks/generation.js";
import type { ClassifyParams, EmbedParams, FillParams, GenerateParams, ScoreParams } from "../../web/tasks/params.js";
import type { EngineOptions } from "../../web/engine/engine-options.js";
import type { Fetch, HttpSettings } from "../../web/load/sources/http-options.js";
import type { ResolveOptions } from "../../web/load/location.js";
import type { Build, Flavour } from "../../web/types.js";
import type { MemoryOptions, SamplingOptions } from "../../web/engine.js";
import type { EpdpMode, EpdpNumbers, KvCacheType, Pooling, ProgressEvent, WeightType } from "../../web/types.js";
import {
  checkOptions,
  checkPrompt,
  checkText,
  checkTokens,
  isSignal,
  tagOf,
  flag,
  integer,
  number,
  ofType,
  oneOf,
  text,
  texts,
  wrongKind,
} from "./check-options.js";

/** Options of a model. All of them are optional. */
export interface LoadOptions {
  /**
   * Positions in the key/value cache: prompt and answer together. Its memory is part of the plan, see `info()`.
   * @default the model's own, at most 4096
   */
  contextLength?: number;
  /**
   * How keys and values are stored: as integers of 16 bits with a scale for each head and position, or of 8 bits, which takes about
   * half of the memory.
   * @default "q16"
   */
  kvCache?: KvCacheType;
  /**
   * Texts that are kept in the cache at a time, 1 to 16, each with keys and values of its own in the plan: conversations that take turns then
   * evaluate only what is new to them. A prompt goes on in the text that begins as it does; else the least recently used one makes room.
   * @default 1
   */
  sequences?: number;
  /**
   * How matrices of an F32 file are kept: `exact`, or `f16`, as halves, which take half of the memory. Numbers of 65,520 and above are
   * a `bad-tensor` then. Other files are not changed.
   * @default "exact" where that fits 4 GiB, otherwise "f16"; `info().memoryPlan.weights` says which
   */
  weights?: WeightType;
  /**
   * Threads to compute with; `auto` is one for each core, at most 4. They give the same numbers, sooner. Where an environment has
   * none (pages that are not cross-origin isolated, edge runtimes) 1 computes, and `info().engine.notes` says why.
   * @default "auto"
   */
  threads?: number | "auto";
  /**
   * Which build of the engine runs: 128-bit SIMD, or the same with relaxed instructions. `auto` takes the faster one that this
   * environment has.
   * @default "auto"
   */
  flavour?: Flavour | "auto";
  /**
   * Dynamic pruning: steps leave out what cannot matter for their token. `exact` leaves nearly every greedy answer as it is, `balanced`
   * costs a mean divergence of at most 0.02 nats a token, `aggressive` of 0.1; or numbers. It works once a sidecar or
   * `calibrate()` has told what can be left out, or the worker has found out itself between calls, in some seconds; until then the dense
   * model answers. `report()` says what it did.
   * @default "balanced" where there is a sidecar, otherwise "off"
   */
  epdp?: EpdpMode | EpdpNumbers;
  /**
   * What `calibrate()` gave: bytes, or the path or URL of the file.
   * @default for a model that is a file, the file beside it with the ending .epdp, if there is one
   */
  sidecar?: string | URL | Uint8Array;
  /**
   * Whether a model that is downloaded answers before all of it is there: where a sidecar tells which rows of the output head a token needs
   * and the server gives parts of files, the layers come first, then these rows, and the rest while the answer goes on. Greedy answers are
   * the same, only sooner; all other calls wait for the whole. Not for releases without hashes of their blocks
   * (`camelgpt release` makes them where there is a sidecar), nor with a `fetch` of one's own.
   * @default true, but on edge runtimes
   */
  eager?: boolean;
  /** Sent with the requests for a model at a URL, for private weights. */
  headers?: Record<string, string>;
  /**
   * Attempts to go on with a download that breaks off, one after the other with growing pauses; 0: none. What has arrived is not asked for
   * again where the server has ranges. A megabyte that arrives gives all of them back.
   * @default 5
   */
  retries?: number;
  /**
   * Connections that bring a file at the same time, where the server gives parts of files: more than one helps where each gets little.
   * Eager loading has its own.
   * @default 1
   */
  connections?: number;
  /**
   * Milliseconds without an answer or a byte after which a connection counts as broken.
   * @default 30000
   */
  timeout?: number;
  /**
   * Base URL for sources of the form `owner/repo/file.gguf`.
   * @default "https://huggingface.co"
   */
  hub?: string;
  /** Base URL of named releases: the release `name` is at `<releases>/<name>.gguf`. */
  releases?: string;
  /**
   * Whether a model that is downloaded is kept (browsers: the origin's private file system, or the Cache API; Node, Deno, Bun: the user's cache folder) and taken
   * from there the next time, without asking the server. So is a sidecar at a URL; the manifest of a release is fetched each time, where there is a network.
   * `"reload"` downloads all again. Not with a `fetch` of one's own.
   * @default true for https:
   */
  cache?: boolean | "reload";
  /**
   * What the model's file has to be: its SHA-256, as 64 hexadecimal digits. Another file is the error `integrity`, before the model can be used. Not for releases,
   * whose manifest says more, and split models; eager loading does without it.
   */
  sha256?: string;
  /** Public keys (Ed25519, 64 hexadecimal digits) of publishers whose releases count as trusted, beside the one that comes with the package. */
  trustedKeys?: readonly string[];
  /** Hears of each step of the load, in the shape of transformers.js. */
  onProgress?: (event: ProgressEvent) => void;
  /** Aborts the load. */
  signal?: AbortSignal;
  /**
   * Whether the engine gets a thread of its own. Without one, the caller's thread is busy while the engine works.
   * @default true where the runtime has workers
   */
  worker?: boolean;
  /** Used instead of the global `fetch` for the model. It runs on the caller's thread. */
  fetch?: Fetch;
  /** A compiled engine, instead of the one beside the package. */
  wasmModule?: WebAssembly.Module;
  /** Where the engine's `.wasm` is, instead of beside the package: one file for any build, or one for each. */
  wasmUrl?: string | URL | Partial<Record<Build, string | URL>>;
  /** Where the worker's script is, instead of beside the package. */
  workerUrl?: string | URL;
}

/** Options of one generation. The filters apply in this order: penalties and bias, topK, typicalP, topP, minP, temperature. */
export interface GenerateOptions {
  /**
   * Tokens to generate at most.
   * @default 256
   */
  maxTokens?: number;
  /**
   * 0: always the most probable token. Up to 100.
   * @default 0
   */
  temperature?: number;
  /**
   * Keep the k most probable tokens; 0: all.
   * @default 40
   */
  topK?: number;
  /**
   * Keep the most probable tokens that together have this probability; 1: all.
   * @default 0.95
   */
  topP?: number;
  /**
   * Keep tokens with at least this share of the best one's probability; 0: all.
   * @default 0.05
   */
  minP?: number;
  /**
   * Locally typical sampling (Meister et al. 2022); 1: off.
   * @default 1
   */
  typicalP?: number;
  /**
   * Divides the positive and multiplies the negative logits of recent tokens; 1: off.
   * @default 1
   */
  repeatPenalty?: number;
  /**
   * How many of the last tokens the penalties see, at most 4096.
   * @default 64
   */
  repeatLast?: number;
  /**
   * Subtracted once from the logit of a token that occurred, -100 to 100.
   * @default 0
   */
  presencePenalty?: number;
  /**
   * Subtracted from the logit for each time the token occurred, -100 to 100.
   * @default 0
   */
  frequencyPenalty?: number;
  /** Added to the logits of tokens, by token id; `-Infinity` forbids a token. */
  logitBias?: Readonly<Record<number, number>>;
  /**
   * The same seed gives the same text. Matters only where the temperature is above 0; the result says which seed it was.
   * @default a random one
   */
  seed?: number;
  /** Texts before which the answer ends. They may span tokens. */
  stop?: string | readonly string[];
  /**
   * Never choose the model's end token, so that the text goes on.
   * @default false
   */
  ignoreEos?: boolean;
  /**
   * Go on where an answer reaches the end of the context: the older half of the text is forgotten but for its first 32 tokens, and what is left
   * evaluated anew. Without it the answer ends there. Not for masked models.
   * @default false
   */
  contextShift?: boolean;
  /**
   * Report the log-probability of each chosen token, with this many of the most probable ones; at most 20.
   * @default 0: none
   */
  logprobs?: number;
  /**
   * In how many steps a masked model decides a block of its answer, the surest tokens first. Others choose one token after the other.
   * @default 3
   */
  steps?: number;
  /** Aborts this call. */
  signal?: AbortSignal;
  /**
   * Add the tokens that the model wants around a text, such as its beginning-of-text token.
   * @default true
   */
  addSpecial?: boolean;
  /**
   * Read special tokens written out in the prompt (`<|im_end|>`) as such. Switch it off for prompts of untrusted text.
   * @default true
   */
  parseSpecial?: boolean;
}

/** Options of one answer in a conversation. */
export interface ChatOptions extends Omit<GenerateOptions, "addSpecial" | "parseSpecial"> {
  /**
   * A Jinja template to use instead of the model's own.
   * @default the one in the model's file
   */
  chatTemplate?: string;
}

export interface TokenizeOptions {
  /**
   * Add the tokens that the model wants around a text.
   * @default true
   */
  addSpecial?: boolean;
  /**
   * Read special tokens written out in the text as such.
   * @default true
   */
  parseSpecial?: boolean;
  signal?: AbortSignal;
}

export interface DetokenizeOptions {
  /**
   * Write special tokens out instead of leaving them out.
   * @default false
   */
  keepSpecial?: boolean;
  signal?: AbortSignal;
}

export interface ScoreOptions extends TokenizeOptions {
  /**
   * Tokens of a window. Windows do not overlap, and each starts with an empty cache.
   * @default the model's context
   */
  contextLength?: number;
  /** Use no more than this many tokens of the text. */
  maxTokens?: number;
  /**
   * Give the log-probability of each token as well, and the most probable token in its place.
   * @default false
   */
  logprobs?: boolean;
  /** Compare with the dense model: what dynamic pruning costs on this text. */
  against?: "dense";
}

export interface FillMaskOptions {
  /**
   * Candidates of each mask, at most 20.
   * @default 5
   */
  topK?: number;
  /**
   * In which all masks are decided, the surest ones first.
   * @default 3
   */
  steps?: number;
  signal?: AbortSignal;
}

export interface ClassifyOptions {
  /** What the text may be: 2 to 64 labels. */
  labels: readonly string[];
  /**
   * What the model is asked: a text with `{text}` in it, and `{labels}` if you like; the label is what comes next.
   * @default the one that the model was trained with for these labels, or a general question
   */
  template?: string;
  signal?: AbortSignal;
}

export interface EmbedOptions {
  /**
   * Which hidden states stand for a text.
   * @default what the model's file says, or "mean"
   */
  pooling?: Pooling;
  /**
   * Give vectors of length 1, so that their dot product is the cosine of the angle between them.
   * @default true
   */
  normalize?: boolean;
  /**
   * Cut texts that are longer than the context instead of failing.
   * @default false
   */
  truncate?: boolean;
  signal?: AbortSignal;
}

export interface CalibrateOptions {
  /** Some thousand tokens of what the model will write and read. */
  text?: string;
  /**
   * Part of its neurons that the model was trained to answer with: the sidecar says so, and the modes then keep no more of them.
   * @default 1
   */
  ffn?: number;
  signal?: AbortSignal;
  /** Hears how much is done, 0 to 1. */
  onProgress?: (done: number) => void;
}

const signal = ofType("an AbortSignal", isSignal);
const callback = ofType("a function", (value) => typeof value === "function");
const address = ofType("a URL", (value) => (typeof value === "string" && value !== "") || tagOf(value) === "URL");
const record = ofType("an object", (value) => typeof value === "object" && value !== null);
const largest = 2 ** 31 - 1;

const isKeys = (value: unknown) =>
  Array.isArray(value) && value.every((key) => typeof key === "string" && /^[0-9a-f]{64}$/.test(key));

const loadRules = {
  contextLength: integer(1, largest),
  kvCache: oneOf("q16", "q8"),
  sequences: integer(1, 16),
  weights: oneOf("exact", "f16"),
  threads: ofType(
    `"auto" or ${integer(1, 1024).expected}`,
    (value) => value === "auto" || integer(1, 1024).test(value),
  ),
  flavour: oneOf("auto", "simd", "relaxed"),
  epdp: ofType(
    '"off", "exact", "balanced", "aggressive", or an object with any of headRows, margin, kvTokens, ffn, drafts and maxKl',
    isEpdp,
  ),
  sidecar: ofType(
    "the path or URL of a sidecar, or its bytes",
    (value) => address.test(value) || tagOf(value) === "Uint8Array",
  ),
  headers: ofType(
    "an object of strings",
    (value) => isRecord(value) && Object.values(value).every((v) => typeof v === "string"),
  ),
  retries: integer(0, 1000),
  connections: integer(1, 16),
  timeout: integer(1, largest),
  hub: text,
  releases: text,
  eager: flag,
  cache: ofType('true, false or "reload"', (value) => typeof value === "boolean" || value === "reload"),
  sha256: ofType("64 hexadecimal digits", (value) => typeof value === "string" && /^[0-9a-f]{64}$/i.test(value)),
  trustedKeys: ofType("an array of keys, each of 64 hexadecimal digits in small letters", isKeys),
  onProgress: callback,
  signal,
  worker: flag,
  fetch: callback,
  wasmModule: ofType("a WebAssembly.Module", (value) => tagOf(value) === "WebAssembly.Module"),
  wasmUrl: ofType("a URL, or one for each build", (value) => address.test(value) || record.test(value)),
  workerUrl: address,
};

const samplingRules = {
  maxTokens: integer(1, largest),
  temperature: number(0, 100),
  topK: integer(0, largest),
  topP: number(0, 1, { above: true }),
  minP: number(0, 1, { below: true }),
  typicalP: number(0, 1, { above: true }),
  repeatPenalty: number(0, 100, { above: true }),
  repeatLast: integer(0, 4096),
  presencePenalty: number(-100, 100),
  frequencyPenalty: number(-100, 100),
  seed: integer(0, Number.MAX_SAFE_INTEGER),
  ignoreEos: flag,
  contextShift: flag,
  logprobs: integer(0, 20),
  steps: integer(1, largest),
};

const generateRules = {
  ...samplingRules,
  logitBias: ofType("an object of token ids and numbers below Infinity", isLogitBias),
  stop: texts,
  signal,
  addSpecial: flag,
  parseSpecial: flag,
};

const { addSpecial: _a, parseSpecial: _p, ...chatGenerateRules } = generateRules;
const chatRules = { ...chatGenerateRules, chatTemplate: text };
const tokenizeRules = { addSpecial: flag, parseSpecial: flag, signal };
const detokenizeRules = { keepSpecial: flag, signal };
const scoreRules = {
  ...tokenizeRules,
  contextLength: integer(2, largest),
  maxTokens: integer(2, largest),
  logprobs: flag,
  against: oneOf("dense"),
};
const fillRules = { topK: integer(1, 20), steps: integer(1, largest), signal };
const classifyRules = {
  labels: ofType("an array of 2 to 64 different texts, none of them empty", isLabels),
  template: ofType("a text with {text} in it", (value) => text.test(value) && (value as string).includes("{text}")),
  signal,
};
const embedRules = { pooling: oneOf("mean", "first", "last"), normalize: flag, truncate: flag, signal };
const calibrateRules = { text, ffn: number(0, 1, { above: true }), signal, onProgress: callback };
const epdpRules = {
  headRows: integer(0, largest),
  margin: number(0, 100),
  kvTokens: integer(0, largest),
  ffn: number(0, 1, { above: true }),
  drafts: flag,
  maxKl: number(0, 10),
};

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isEpdp(value: unknown): boolean {
  if (!isRecord(value)) return oneOf("off", "exact", "balanced", "aggressive").test(value);
  checkOptions("epdp", value, epdpRules); // says what is wrong with it
  return true;
}

function isLabels(value: unknown): boolean {
  return Array.isArray(value) && value.length >= 2 && texts.test(value) && new Set(value).size === value.length;
}

function isLogitBias(value: unknown): boolean {
  return (
    isRecord(value) &&
    Object.entries(value).every(
      ([token, bias]) => /^\d{1,9}$/.test(token) && typeof bias === "number" && bias < Infinity,
    )
  );
}

/** A copy of the options, checked. All of the functions below throw `bad-option` or `bad-input`. */
export function checkLoadOptions(options: LoadOptions | undefined): LoadOptions {
  return checkOptions("load", options, loadRules);
}

/** `trained`: the part of the neurons that the modes keep. */
export function memoryOptions(
  { contextLength = 0, kvCache = "q16", weights, sequences = 1 }: LoadOptions,
  epdp: EpdpMode | EpdpNumbers,
  trained: number,
): MemoryOptions {
  const mode = typeof epdp === "string" && epdp !== "off";
  const { headRows = 0, kvTokens = 0, ffn = mode ? trained : 1 } = typeof epdp === "string" ? {} : epdp;
  const pruned = { headRows: mode || headRows > 0, kvTokens: mode || kvTokens > 0, ffn };
  return { contextLength, kvCache, weights: weights ?? "auto", sequences, ...pruned };
}

/** Whether a sidecar or a calibration is of use. */
export function prunesHead(epdp: EpdpMode | EpdpNumbers): boolean {
  return memoryOptions({}, epdp, 1).headRows;
}

export function engineOptions(options: LoadOptions): EngineOptions {
  const { flavour = "auto", threads = "auto", wasmModule, wasmUrl } = options;
  return { flavour, threads, wasmModule, wasmUrl: wasmUrl === undefined ? undefined : toStrings(wasmUrl) };
}

export function resolveOptions(options: LoadOptions): ResolveOptions {
  const { hub = "https://huggingface.co", releases, fetch, cache, sha256 } = options;
  return {
    http: httpSettings(options),
    hub,
    releases,
    fetch,
    sha256: sha256?.toLowerCase(),
    cache: typeof cache === "boolean" ? (cache ? "use" : "off") : cache,
  };
}

export function httpSettings({
  headers = {},
  retries = 5,
  timeout = 30_000,
  connections = 1,
}: LoadOptions): HttpSettings {
  return { headers, retries, timeout, connections };
}

function toStrings(wasmUrl: NonNullable<LoadOptions["wasmUrl"]>): NonNullable<EngineOptions["wasmUrl"]> {
  if (typeof wasmUrl === "string" || tagOf(wasmUrl) === "URL") return String(wasmUrl);
  return Object.fromEntries(Object.entries(wasmUrl).map(([flavour, url]) => [flavour, String(url)]));
}

export function generateParams(
  prompt: string | readonly number[],
  options: GenerateOptions | undefined,
): GenerateParams {
  checkPrompt(prompt);
  const checked = checkOptions("generation", options, generateRules);
  const { stop = [], logitBias = {}, addSpecial = true, parseSpecial = true } = checked;
  return {
    prompt,
    addSpecial,
    parseSpecial,
    sampling: samplingOptions(checked),
    stop: typeof stop === "string" ? [stop] : stop,
    logitBias: Object.entries(logitBias).map(([token, bias]) => [Number(token), bias] as const),
  };
}

export function stateBytes(state: Uint8Array | ArrayBuffer): Uint8Array {
  if (tagOf(state) === "ArrayBuffer") return new Uint8Array(state);
  if (tagOf(state) === "Uint8Array") return state as Uint8Array;
  throw wrongKind(state, "the bytes of a saved state");
}

/** What belongs to the template, and what to the generation. */
export function splitChatOptions(options: ChatOptions | undefined): {
  template: string | undefined;
  rest: GenerateOptions;
} {
  const { chatTemplate, ...rest } = checkOptions("chat", options, chatRules);
  return { template: chatTemplate, rest };
}

export function tokenizeParams(
  input: string,
  options: TokenizeOptions | undefined,
): { text: string; addSpecial: boolean; parseSpecial: boolean } {
  const { addSpecial = true, parseSpecial = true } = checkOptions("tokenize", options, tokenizeRules);
  checkText(input);
  return { text: input, addSpecial, parseSpecial };
}

export function detokenizeParams(
  tokens: readonly number[],
  options: DetokenizeOptions | undefined,
): { tokens: readonly number[]; keepControl: boolean } {
  const { keepSpecial = false } = checkOptions("detokenize", options, detokenizeRules);
  checkTokens(tokens);
  return { tokens, keepControl: keepSpecial };
}

export function scoreParams(input: string | readonly number[], options: ScoreOptions | undefined): ScoreParams {
  checkPrompt(input);
  const {
    addSpecial = true,
    parseSpecial = true,
    contextLength = 0,
    maxTokens = 0,
    logprobs = false,
    against,
  } = checkOptions("score", options, scoreRules);
  return {
    text: input,
    addSpecial,
    parseSpecial,
    window: contextLength,
    maxTokens,
    logprobs,
    compare: against === "dense",
  };
}

export function calibrateOptions(options: CalibrateOptions | undefined): CalibrateOptions & { ffn: number } {
  const { ffn = 1, ...rest } = checkOptions("calibration", options, calibrateRules);
  return { ffn, ...rest };
}

function samplingOptions(options: GenerateOptions): SamplingOptions {
  const sampling: SamplingOptions = { ...greedy, seed: options.seed ?? randomSeed() };
  for (const name of Object.keys(samplingRules) as (keyof SamplingOptions)[]) {
    const value = options[name];
    if (value !== undefined) Object.assign(sampling, { [name]: value });
  }
  return sampling;
}

export function fillParams(text: string, options: FillMaskOptions | undefined): FillParams {
  const { topK = 5, steps = greedy.steps } = checkOptions("fill-mask", options, fillRules);
  checkText(text);
  return { text, top: topK, steps };
}

export function classifyParams(text: string, options: ClassifyOptions): ClassifyParams {
  const { labels, template } = checkOptions("classification", options, classifyRules);
  checkText(text);
  if (labels === undefined) {
    throw new CamelGPTError("bad-option", "The option labels is missing.", {
      expected: classifyRules.labels.expected,
      found: "none",
    });
  }
  return { text, labels, template };
}

export function embedParams(texts: EmbedParams["texts"], options: EmbedOptions | undefined): EmbedParams {
  const { pooling, normalize = true, truncate = false } = checkOptions("embedding", options, embedRules);
  texts.forEach(checkPrompt);
  return { texts, pooling, normalize, truncate };
}

function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
}
