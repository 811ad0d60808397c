// Options of a load: their types, their rules, and their conversion to parameters of the loader.
import {
  type MemoryOptions,
  memoryOptionsRules,
  pruneModeNames,
  pruneOptionsRules,
} from "../../../web/engine/records.js";
import type { Build, Flavour } from "../../../web/types.js";
import { type Allow, allowedPlaces } from "../../../web/load/allow.js";
import type { CheckedFetch, Fetch, HttpSettings } from "../../../web/load/sources/http-options.js";
import { originOf } from "../../../web/load/names.js";
import type { ResolveOptions } from "../../../web/load/location.js";
import type { EngineOptions } from "../../../web/engine/engine-options.js";
import { isVersion } from "../../../web/load/releases/version.js";
import type { LoadParams } from "../../../web/worker/protocol.js";
import type { EpdpMode, EpdpNumbers, ProgressEvent } from "../../../web/types.js";
import { hideHeaders } from "../../../web/redact.js";
import { checkOptions, flag, isRecord, ofType, oneOf, signal, tagOf, text } from "../check-options.js";
import { areLimits, type Limits } from "./limits.js";
import { address, callback, integer, largest, object, refuseUserinfo, ruleOf, rulesOf } from "./rules.js";

/** Options for loading a model. */
export interface LoadOptions extends Partial<Omit<MemoryOptions, "prune" | "trainedFfn" | "hasSidecar">> {
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
   * calibrated the model between calls, which takes some seconds; until then the dense model answers. The calibration
   * of a cached download or a local file is kept for later loads. `report()` has the statistics.
   * @default "balanced" if there is a sidecar, or a kept calibration of a download, otherwise "off"
   */
  epdp?: EpdpMode | EpdpNumbers;
  /**
   * The result of `calibrate()`: its bytes, or the path or URL of the file.
   * @default for a model without the option sha256, the file next to it with the extension .epdp, or else the
   * calibration that was kept for it
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
   * origin of the model, also after a redirect. In browsers, which hide where a redirect leads, only Authorization is
   * sent after one, and the browser removes it at another origin. A kept download is used only with the same headers.
   * Errors and notes do not show their values.
   */
  headers?: Record<string, string>;
  /**
   * The places that the model, its sidecar and all of its files may be loaded from: for servers that take the names of
   * models from users. Without `folders` no name is a path, and without `schemes` and `origins` none is a URL. It is
   * compared with each redirect too (in browsers with the last URL of a chain). Only the release in the package is
   * always allowed. Everything else is the error `not-allowed`.
   * @default everything
   */
  allow?: Allow;
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
   * Base URL of the model hub, for names from the catalogue and sources of the forms `owner/repo` and
   * `owner/repo/file.gguf`.
   * @default the environment variable HF_ENDPOINT (Node, Deno, Bun), else "https://huggingface.co"
   */
  hub?: string;
  /** Base URL of named releases: the file of the release `name` is `<releases>/<name>.gguf`. */
  releases?: string;
  /**
   * Whether every download is forbidden. A model at a URL or of a name then loads only from the cache, and otherwise
   * fails with the code `offline`. The options `cache` and `fetch` have no effect.
   * @default false
   */
  offline?: boolean;
  /**
   * Whether downloaded models and sidecars are cached (browsers: the origin's private file system, or the Cache API;
   * Node, Deno, Bun: the user's cache folder) and read from the cache the next time, without asking the server. The
   * manifest of a release is fetched whenever there is a network. `"reload"` downloads everything again. Has no effect
   * with the option `fetch`.
   * @default true for https:, and for models by name
   */
  cache?: boolean | "reload";
  /**
   * Folder for kept downloads (in its folder `downloads`) and named releases (in `models`). No effect in browsers.
   * @default "~/.cache/camelgpt", or "$XDG_CACHE_HOME/camelgpt"
   */
  cacheFolder?: string;
  /**
   * Bytes of downloads that are kept together. After a load, those that have not been used for the longest time are
   * removed until the rest is at most this large, but not those that models of this process have loaded and not yet
   * disposed. A larger file is not kept.
   * @default 10e9; in browsers what the browser grants
   */
  cacheQuota?: number;
  /**
   * Expected SHA-256 of the model file, as 64 hexadecimal digits. Any other file fails with `integrity` before the
   * model can be used. Not allowed for split models, nor for releases, whose manifests contain hashes. Disables eager
   * loading.
   */
  sha256?: string;
  /**
   * Public keys (Ed25519, 64 hexadecimal digits) of publishers whose releases are trusted, in addition to the keys of
   * this project.
   */
  trustedKeys?: readonly string[];
  /**
   * Whether only a release loads whose manifest is signed by a trusted key: the release in the package, or a folder or
   * URL with a `camelgpt.json`. Anything else, single files too, is the error `integrity`.
   * @default true with trustedKeys, otherwise false
   */
  requireSignature?: boolean;
  /**
   * The release that must be loaded: its name, and its oldest version. Versions are compared as Semantic Versioning
   * orders them. Another release, or a source that is not a release, is the error `integrity`. Only a signature makes
   * name and version reliable.
   */
  expect?: { name?: string; minVersion?: string };
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
  /** URL of the worker's script if it is not next to the package's files. `chat-template.js` is needed beside it. */
  workerUrl?: string | URL;
}

const { trainedFfn: _trainedFfn, hasSidecar: _hasSidecar, ...memoryRules } = memoryOptionsRules;
const { mode: _mode, ...pruneRules } = pruneOptionsRules;
const epdpModes = oneOf(...pruneModeNames.filter((mode) => mode !== "custom"));
const epdpRules = rulesOf(pruneRules);
const threadCount = integer(1, 1024);

const arrayOf = (each: string, test: (value: string) => boolean) =>
  ofType(
    `an array of ${each}`,
    (value) => Array.isArray(value) && value.every((text) => typeof text === "string" && test(text)),
  );
const allowRules = {
  schemes: arrayOf("https:, http:, data:, blob: or file:", (scheme) => /^(https?|data|blob|file):?$/i.test(scheme)),
  origins: arrayOf(
    "origins such as https://huggingface.co",
    (origin) => /^https?:\/\/[^/?#@\\]+\/?$/i.test(origin) && originOf(origin) !== undefined,
  ),
  folders: arrayOf("paths of folders", (path) => path !== ""),
};

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
  allow: ofType("an object with any of schemes, origins and folders, each an array", isAllow),
  retries: integer(0, 1000),
  connections: integer(1, 16),
  timeout: integer(1, largest),
  hub: text,
  releases: text,
  eager: flag,
  offline: flag,
  cache: ofType('true, false or "reload"', (value) => typeof value === "boolean" || value === "reload"),
  cacheFolder: ofType("the path of a folder", (value) => text.test(value) && value !== ""),
  cacheQuota: ofType("a whole number of at least 0", (value) => Number.isSafeInteger(value) && Number(value) >= 0),
  sha256: ofType("64 hexadecimal digits", (value) => typeof value === "string" && /^[0-9a-f]{64}$/i.test(value)),
  trustedKeys: ofType("an array of keys, each of 64 hexadecimal digits in small letters", isKeys),
  requireSignature: flag,
  expect: ofType("an object with name, minVersion (a version such as 1.2.0), or both", isExpectation),
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

/** Errors: `bad-option`. */
export const checkEpdp = (epdp: unknown): unknown => checkOptions("pruning", { epdp }, { epdp: loadRules.epdp });

function isEpdp(value: unknown): boolean {
  if (!isRecord(value)) return epdpModes.test(value);
  checkOptions("epdp", value, epdpRules); // throws an error that names the number
  return true;
}

function isAllow(value: unknown): boolean {
  if (!isRecord(value)) return false;
  checkOptions("allow", value, allowRules); // throws an error that names the list
  return true;
}

function isKeys(value: unknown): boolean {
  return Array.isArray(value) && value.every((key) => typeof key === "string" && /^[0-9a-f]{64}$/.test(key));
}

const expectRules = {
  name: text,
  minVersion: ofType("a version such as 1.2.0", (value) => typeof value === "string" && isVersion(value)),
};

function isExpectation(value: unknown): boolean {
  if (!isRecord(value)) return false;
  checkOptions("expect", value, expectRules); // throws an error that names the member
  return true;
}

/** The rule for a share of neurons, for `calibrate`. */
export const ffnRule = ruleOf(pruneOptionsRules.ffn);

/** Returns a checked copy of the options. Errors do not show the values of the headers. Errors: `bad-option`. */
export function checkLoadOptions(options: LoadOptions | undefined): LoadOptions {
  const checked = checkOptions("load", options, loadRules);
  hideHeaders(checked.headers);
  const { hub, releases, sidecar, workerUrl, wasmUrl } = checked;
  for (const [name, value] of Object.entries({ hub, releases, sidecar, workerUrl, wasmUrl }))
    refuseUserinfo(`The option ${name}`, value);
  if (isRecord(wasmUrl)) for (const each of Object.values(wasmUrl)) refuseUserinfo("The option wasmUrl", each);
  return checked;
}

/** Checks the source of a model, or each file of one. Errors: `bad-option`. */
export function checkSource(source: unknown): void {
  for (const each of Array.isArray(source) ? source : [source]) refuseUserinfo("The URL of the model", each);
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

/** The base URL of the model hub. */
export const defaultHub = "https://huggingface.co";

export function resolveOptions(options: LoadOptions): ResolveOptions {
  const { hub = defaultHub, releases, fetch, cache, cacheFolder, cacheQuota, sha256, offline } = options;
  const { trustedKeys = [], expect, requireSignature = trustedKeys.length > 0 } = options;
  return {
    http: httpSettings(options),
    keep: { folder: cacheFolder, quota: cacheQuota },
    hub,
    releases,
    fetch: fetch && !offline ? checkedFetch(fetch) : undefined,
    sha256: sha256?.toLowerCase(),
    trust: { requireSignature, trustedKeys, expect },
    cache: offline || cache === true ? "use" : cache === false ? "off" : cache,
  };
}

/** The caller's own `fetch`. Redirects are followed by hand if there are headers or places to protect. */
function checkedFetch(fetch: Fetch): CheckedFetch {
  return async (url, init, allow) => {
    const isPlain = !allow && Object.keys(init.headers).every((name) => name === "range");
    if (isPlain) return fetch(url, init);
    const { followRedirects } = await import("../../../web/load/sources/redirects.js");
    return followRedirects(fetch, url, init, allow);
  };
}

export function httpSettings({
  headers = {},
  allow,
  retries = 5,
  timeout = 30_000,
  connections = 1,
}: LoadOptions): HttpSettings {
  return { headers, allow: allow && allowedPlaces(allow), retries, timeout, connections };
}
