// Options of a load: their types and rules, and the parts of the package that take them.
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
import { checkOptions, flag, integer, ofType, oneOf, signal, tagOf, text } from "../check-options.js";
import { address, callback, isRecord, largest, object, ruleOf, rulesOf } from "./rules.js";

/** Options of a model. All of them are optional. */
export interface LoadOptions extends Partial<Omit<MemoryOptions, "prune" | "trainedFfn">> {
  /**
   * Threads to compute with; `auto`: one for each core, at most 4. The numbers are the same with any number of threads.
   * Where an environment has no threads (pages that are not cross-origin isolated, edge runtimes) 1 computes, and
   * `info().engine.notes` says why.
   * @default "auto"
   */
  threads?: number | "auto";
  /**
   * Build of the engine: 128-bit SIMD, or the same with relaxed instructions. `auto` takes the faster one that this
   * environment has.
   * @default "auto"
   */
  flavour?: Flavour | "auto";
  /**
   * Dynamic pruning: steps leave out what cannot matter for their token. `exact` leaves nearly every greedy answer
   * unchanged, `balanced` costs a mean divergence of at most 0.02 nats a token, `aggressive` of 0.1; or numbers. It
   * starts with a sidecar, after `calibrate()`, or when the worker has calibrated the model between calls, which takes
   * some seconds; until then the dense model answers. `report()` says what it did.
   * @default "balanced" if there is a sidecar, otherwise "off"
   */
  epdp?: EpdpMode | EpdpNumbers;
  /**
   * The result of `calibrate()`: its bytes, or the path or URL of the file.
   * @default for a model that is a file, the file beside it with the ending .epdp, if there is one
   */
  sidecar?: string | URL | Uint8Array;
  /**
   * Whether a downloaded model answers before all of it has arrived. With a sidecar that tells which rows of the output
   * head a token needs, and a server that has ranges, the layers come first, then these rows, and the rest during the
   * answer. Greedy answers are unchanged and start sooner; all other calls wait for the whole file. Not for releases
   * without hashes of their blocks (`camelgpt release` makes them if there is a sidecar), nor with the option `fetch`.
   * @default true, except on edge runtimes
   */
  eager?: boolean;
  /** Sent with the requests for a model at a URL, for private weights. */
  headers?: Record<string, string>;
  /**
   * How often to reconnect in a row when a download breaks off, with growing pauses; 0: never. Bytes that have arrived
   * are not requested again if the server has ranges. A megabyte that arrives resets the count.
   * @default 5
   */
  retries?: number;
  /**
   * Connections that download one file in parallel, if the server has ranges: more than one helps if each is slow.
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
   * Whether a downloaded model is kept (browsers: the origin's private file system, or the Cache API; Node, Deno, Bun:
   * the user's cache folder) and taken from there the next time, without asking the server; a sidecar at a URL too. The
   * manifest of a release is fetched each time there is a network. `"reload"` downloads everything again. Not with the
   * option `fetch`.
   * @default true for https:
   */
  cache?: boolean | "reload";
  /**
   * SHA-256 that the model's file must have, as 64 hexadecimal digits. Another file is the error `integrity`, before
   * the model can be used. Not for releases, whose manifest says more, and split models; eager loading is off.
   */
  sha256?: string;
  /**
   * Public keys (Ed25519, 64 hexadecimal digits) of publishers whose releases count as trusted, beside the one that
   * comes with the package.
   */
  trustedKeys?: readonly string[];
  /** Called at each step of the load, with events in the shape of transformers.js. */
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

/** The rule of one share of neurons, for `calibrate`. */
export const ffnRule = ruleOf(pruneOptionsRules.ffn);

/** A checked copy of the options. Errors: `bad-option`. */
export function checkLoadOptions(options: LoadOptions | undefined): LoadOptions {
  return checkOptions("load", options, loadRules);
}

export function memoryOptions(options: LoadOptions): LoadParams["memory"] {
  return Object.fromEntries(Object.keys(memoryRules).map((name) => [name, options[name as keyof LoadOptions]]));
}

export function engineOptions(options: LoadOptions): EngineOptions {
  const { flavour = "auto", threads = "auto", wasmModule, wasmUrl } = options;
  return { flavour, threads, wasmModule, wasmUrl: wasmUrl === undefined ? undefined : toStrings(wasmUrl) };
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
