// Options of a load: their types, their rules, and their conversion to parameters of the loader.
import {
  type MemoryOptions,
  memoryOptionsRules,
  pruneModeNames,
  pruneOptionsRules,
} from "../../../web/engine/records.js";
import type { Build, Flavour } from "../../../web/types.js";
import type { Fetch, HttpSettings } from "../../../web/load/sources/http-options.js";
import type { ResolveOptions } from "../../../web/load/location.js";
import type { EngineOptions } from "../../../web/engine/engine-options.js";
import type { LoadParams } from "../../../web/worker/protocol.js";
import type { EpdpMode, EpdpNumbers, ProgressEvent } from "../../../web/types.js";
import { checkOptions, flag, isRecord, ofType, oneOf, signal, tagOf, text } from "../check-options.js";
import { areLimits, type Limits } from "./limits.js";
import { address, callback, integer, largest, object, ruleOf, rulesOf } from "./rules.js";

/** Options for loading a model. */
export interface LoadOptions extends Partial<Omit<MemoryOptions, "prune" | "trainedFfn">> {
  /**
   * Number of threads; `auto`: one per core, at most 4. Results do not depend on it. In environments without threads
   * (pages that are not cross-origin isolated, edge runtimes) one thread computes, and `info().engine.notes` says why.
   * @default "auto"
   */
  threads?: number | "auto";
  /**
   * Build of the engine: 128-bit SIMD, with or without the relaxed instructions. `auto` chooses the faster one that the
   * environment supports.
   * @default "auto"
   */
  flavour?: Flavour | "auto";
  /**
   * Dynamic pruning: each step skips computation that hardly affects its token. `exact` leaves nearly every greedy
   * answer unchanged; `balanced` costs a mean divergence of at most 0.02 nats a token, `aggressive` of at most 0.1; an
   * object sets the limits one by one. Pruning starts with a sidecar, after `calibrate()`, or once the worker has
   * calibrated the model between calls, which takes some seconds; until then the dense model answers. `report()` has
   * the statistics.
   * @default "balanced" if there is a sidecar, otherwise "off"
   */
  epdp?: EpdpMode | EpdpNumbers;
  /**
   * The result of `calibrate()`: its bytes, or the path or URL of the file.
   * @default for a model file, the file next to it with the extension .epdp, if it exists
   */
  sidecar?: string | URL | Uint8Array;
  /**
   * Whether a model answers before its download is complete. This requires a sidecar, which tells the rows of the
   * output head that a token needs, and a server that supports range requests. The layers are downloaded first, then
   * these rows, and the rest during the answer. Greedy answers are unchanged and start sooner; all other calls wait for
   * the whole file. Has no effect on releases without block hashes (`camelgpt release` adds them if there is a sidecar)
   * and with the option `fetch`.
   * @default true, except on edge runtimes
   */
  eager?: boolean;
  /**
   * HTTP headers for requests of a model at a URL, for example to download private weights. They are sent only to the
   * origin of the model. After a redirect, browsers send those other than Authorization also to an origin that permits
   * them. A kept download is used only with the same headers.
   */
  headers?: Record<string, string>;
  /**
   * Maximum number of consecutive attempts to reconnect after a download breaks off, with growing pauses; 0: none.
   * Bytes that have arrived are not requested again if the server supports ranges. Each megabyte resets the count.
   * @default 5
   */
  retries?: number;
  /**
   * Number of connections that download one file in parallel, if the server supports ranges. More than one helps if a
   * single connection is slow. Eager loading opens its own connections.
   * @default 1
   */
  connections?: number;
  /**
   * Milliseconds without a response or a byte after which a connection counts as broken.
   * @default 30000
   */
  timeout?: number;
  /**
   * Base URL for sources of the form `owner/repo/file.gguf`.
   * @default "https://huggingface.co"
   */
  hub?: string;
  /** Base URL of named releases: the file of the release `name` is `<releases>/<name>.gguf`. */
  releases?: string;
  /**
   * Whether downloaded models and sidecars are cached (browsers: the origin's private file system, or the Cache API;
   * Node, Deno, Bun: the user's cache folder) and read from the cache the next time, without asking the server. The
   * manifest of a release is fetched whenever there is a network. `"reload"` downloads everything again. Has no effect
   * with the option `fetch`.
   * @default true for https:
   */
  cache?: boolean | "reload";
  /**
   * Expected SHA-256 of the model file, as 64 hexadecimal digits. Any other file fails with `integrity` before the
   * model can be used. Not allowed for split models, nor for releases, whose manifests contain hashes. Disables eager
   * loading.
   */
  sha256?: string;
  /**
   * Public keys (Ed25519, 64 hexadecimal digits) of publishers whose releases are trusted, in addition to the key in
   * the package.
   */
  trustedKeys?: readonly string[];
  /**
   * Bytes that the header of the model may have: its metadata, with the vocabulary, and the table of its tensors. Split
   * models: of all files together. The maximum is 512 MiB.
   * @default 64 MiB
   */
  maxHeaderBytes?: number;
  /** Limits of what one call may ask for, for servers: stop strings, labels, texts, waiting calls and others. */
  limits?: Limits;
  /** Called with the progress of the load. The events have the form of transformers.js. */
  onProgress?: (event: ProgressEvent) => void;
  /** Aborts the load. */
  signal?: AbortSignal;
  /**
   * Whether the engine runs in a worker. If not, it blocks the caller's thread while it works.
   * @default true where the runtime has workers
   */
  worker?: boolean;
  /** Replaces the global `fetch` for the model. It is called on the caller's thread. */
  fetch?: Fetch;
  /** A compiled engine that replaces the one in the package. */
  wasmModule?: WebAssembly.Module;
  /** URL of the engine's `.wasm` if it is not next to the package's files: one for all builds, or one for each. */
  wasmUrl?: string | URL | Partial<Record<Build, string | URL>>;
  /** URL of the worker's script if it is not next to the package's files. */
  workerUrl?: string | URL;
}

const { trainedFfn: _trainedFfn, ...memoryRules } = memoryOptionsRules;
const { mode: _mode, ...pruneRules } = pruneOptionsRules;
const epdpModes = oneOf(...pruneModeNames.filter((mode) => mode !== "custom"));
const epdpRules = rulesOf(pruneRules);
const threadCount = integer(1, 1024);

const loadRules = {
  ...rulesOf(memoryRules),
  threads: ofType(`"auto" or ${threadCount.expected}`, (value) => value === "auto" || threadCount.test(value)),
  flavour: oneOf("auto", "simd", "relaxed"),
  epdp: ofType(`${epdpModes.expected}, or an object with any of ${Object.keys(epdpRules).join(", ")}`, isEpdp),
  sidecar: ofType(
    "the path or URL of a sidecar, or its bytes",
    (value) => address.test(value) || tagOf(value) === "Uint8Array",
  ),
  headers: ofType(
    "an object of strings",
    (value) => isRecord(value) && Object.values(value).every((each) => typeof each === "string"),
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
  maxHeaderBytes: integer(1, 2 ** 29),
  limits: ofType("an object of limits", areLimits),
  onProgress: callback,
  signal,
  worker: flag,
  fetch: callback,
  wasmModule: ofType("a WebAssembly.Module", (value) => tagOf(value) === "WebAssembly.Module"),
  wasmUrl: ofType("a URL, or one for each build", (value) => address.test(value) || object.test(value)),
  workerUrl: address,
};

function isEpdp(value: unknown): boolean {
  if (!isRecord(value)) return epdpModes.test(value);
  checkOptions("epdp", value, epdpRules); // throws an error that names the number
  return true;
}

function isKeys(value: unknown): boolean {
  return Array.isArray(value) && value.every((key) => typeof key === "string" && /^[0-9a-f]{64}$/.test(key));
}

/** The rule for a share of neurons, for `calibrate`. */
export const ffnRule = ruleOf(pruneOptionsRules.ffn);

/** Returns a checked copy of the options. Errors: `bad-option`. */
export function checkLoadOptions(options: LoadOptions | undefined): LoadOptions {
  return checkOptions("load", options, loadRules);
}

export function memoryOptions(options: LoadOptions): LoadParams["memory"] {
  return Object.fromEntries(Object.keys(memoryRules).map((name) => [name, options[name as keyof LoadOptions]]));
}

export function engineOptions(options: LoadOptions): EngineOptions {
  const { flavour = "auto", threads = "auto", maxMemory, wasmModule, wasmUrl } = options;
  return { flavour, threads, maxMemory, wasmModule, wasmUrl: wasmUrl === undefined ? undefined : toStrings(wasmUrl) };
}

function toStrings(wasmUrl: NonNullable<LoadOptions["wasmUrl"]>): NonNullable<EngineOptions["wasmUrl"]> {
  if (typeof wasmUrl === "string" || tagOf(wasmUrl) === "URL") return String(wasmUrl);
  return Object.fromEntries(Object.entries(wasmUrl).map(([flavour, url]) => [flavour, String(url)]));
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
