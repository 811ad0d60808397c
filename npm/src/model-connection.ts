// The model of one CamelGPTInference: loads it on first use, and passes calls to the backend that runs it.
import { abortedError, asCamelGPTError, disposedError, orAborted, throwIfAborted } from "../../web/errors.js";
import type { ResolvedSource, ResolveOptions } from "../../web/load/location.js";
import { type ModelSource, resolveSource } from "../../web/load/resolve.js";
import { redact } from "../../web/redact.js";
import { readSidecar, type Sidecar } from "../../web/load/sidecar.js";
import { defaultHeaderBytes } from "../../web/load/sizes.js";
import type { EpdpMode, EpdpNumbers, ReleaseInfo } from "../../web/types.js";
import { WorkerBackend, workerFailed } from "../../web/worker/client.js";
import type { Backend, CallerPlatform } from "../../web/worker/platform.js";
import type { CallContext, CallName, Calls, LoadedModel, LoadParams } from "../../web/worker/protocol.js";
import type { KeptCalibration } from "./kept-calibration.js";
import { KeptDownloads, withCacheFolder, withHeaderKey } from "./kept-downloads.js";
import {
  checkEpdp,
  checkSource,
  engineOptions,
  type Limits,
  type LoadOptions,
  memoryOptions,
  refuseAbove,
  resolveOptions,
} from "./options.js";
import { beginningOf, refuseAboveContext, refuseOverlongText } from "./overlong.js";
import { requireAccess } from "./require-access.js";

/** Returns the default calibration text. A separate file, since it is rarely needed. */
export async function defaultCalibrationText(): Promise<string> {
  return (await import("../../web/tasks/calibration-text.js")).calibrationText;
}

/** Texts and token ids below this length are passed to the engine, which refuses what does not fit. */
const minOverlong = 4096;
/** Characters by which the messages of a chat may exceed the context: templates leave out some, such as reasoning. */
const chatMargin = 1 << 20;

export class ModelConnection {
  readonly #source: ModelSource;
  readonly #options: LoadOptions;
  readonly #platform: CallerPlatform;
  readonly #kept: KeptDownloads;
  #isDisposed = false;
  /** Aborts the load in progress. */
  // Not an AbortController, which on edge runtimes belongs to the request that created it: a model may serve many
  // requests.
  #abortLoad: (() => void) | undefined;
  #backend: Backend | undefined;
  #epdp: EpdpMode | EpdpNumbers = "off";
  /** Where the model's calibration is kept, if it can be. Set by a load that can use one. */
  #findCalibration: (() => Promise<KeptCalibration | undefined>) | undefined;
  /** Stores a calibration that was made in idle time. */
  #keeping: Promise<void> | undefined;
  #release: ReleaseInfo | undefined;
  /** Sentences about the source, for `info().engine.notes`. */
  #notes: string[] = [];
  /** Whether a load has succeeded: only then a dead backend is replaced. */
  #isReady = false;
  #loading: Promise<LoadedModel> | undefined;
  #contextLength = 0;
  /** Calls that have not ended. */
  #calls = 0;

  constructor(source: ModelSource, options: LoadOptions, platform: CallerPlatform) {
    this.#source = source;
    this.#options = options;
    this.#platform = withCacheFolder(platform, options.cacheFolder);
    this.#kept = new KeptDownloads(this.#platform, options.cacheQuota);
  }

  /** The setting of dynamic pruning in effect. Known once it is known whether there is a sidecar. */
  get epdp(): EpdpMode | EpdpNumbers {
    return this.#epdp;
  }

  /** Errors: `bad-option`, `bad-state`, and those of the load. */
  async setEpdp(epdp: EpdpMode | EpdpNumbers): Promise<void> {
    checkEpdp(epdp);
    await this.call("setEpdp", { epdp }, {});
    this.#epdp = epdp;
  }

  /** Loads the model, unless it is loaded; loads it again if its worker has died. */
  loaded(): Promise<LoadedModel> {
    if (this.#isDisposed) return Promise.reject(disposedError());
    if (!this.#loading || (this.#isReady && this.#backend?.isDead)) {
      this.#isReady = false;
      void this.#backend?.dispose(); // frees what is left of one that died
      this.#loading = this.open("load").then(async (model) => {
        await this.#unlessSlow(this.#kept.tidy());
        this.#isReady = true;
        this.#contextLength = model.info.memoryPlan.contextLength;
        return this.#addNotes(model);
      });
      this.#loading.catch(() => {}); // every call that waits for it gets the error
    }
    return this.#loading;
  }

  /** Calls the loaded model. The signal ends the wait for the load, but not the load itself. */
  async call<K extends CallName>(
    name: K,
    params: Calls[K]["params"],
    context: CallContext<K>,
  ): Promise<Calls[K]["value"]> {
    throwIfAborted(context.signal);
    refuseAbove(this.limits, "queue", this.#calls + 1, "queue-full");
    this.#calls++;
    try {
      await orAborted(this.loaded(), context.signal);
      if (!this.#backend || this.#isDisposed) throw disposedError();
      return await this.#backend.call(name, params, context);
    } finally {
      this.#calls--;
    }
  }

  /** The tokens that fit into the context; 0 until the model is loaded. */
  get contextLength(): number {
    return this.#contextLength;
  }

  /** Generations that can run side by side. */
  get sequences(): number {
    return this.#options.sequences ?? 1;
  }

  get limits(): Limits | undefined {
    return this.#options.limits;
  }

  /**
   * Refuses a text, or token ids, that cannot fit into the context, by its length: before anything reads or copies it.
   * Errors: `context-overflow`, `aborted`, and those of the load.
   */
  async refuseOverlong(text: unknown, signal: AbortSignal | undefined): Promise<void> {
    const isTokens = Array.isArray(text);
    if (!(isTokens || typeof text === "string") || text.length < minOverlong) return; // does not wait for the load
    const { info, maxTextBytes } = await orAborted(this.loaded(), signal);
    if (isTokens) refuseAboveContext(text.length, info.memoryPlan.contextLength, "tokens");
    else refuseOverlongText(text, maxTextBytes);
  }

  /** The same as `refuseOverlong`, but for the length of all messages of a chat. */
  async refuseOverlongChat(length: number, signal: AbortSignal | undefined): Promise<void> {
    if (length < chatMargin) return;
    const { maxTextBytes } = await orAborted(this.loaded(), signal);
    refuseAboveContext(length, maxTextBytes + chatMargin, "bytes");
  }

  /** Returns the beginning of a text that is truncated. */
  async beginningOf(text: string, signal: AbortSignal | undefined): Promise<string> {
    if (text.length < minOverlong) return text;
    return beginningOf(text, (await orAborted(this.loaded(), signal)).maxTextBytes);
  }

  async dispose(): Promise<void> {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#abortLoad?.();
    await this.#backend?.dispose();
    await this.#keeping;
    await this.#unlessSlow(this.#kept.release());
  }

  /** Starts the backend and passes it the source. The caller's signal and `dispose` abort it. */
  async open<K extends "load" | "inspect">(name: K): Promise<Calls[K]["value"]> {
    const { signal, onProgress: onEvent } = this.#options;
    throwIfAborted(signal);
    const abort = new AbortController();
    const forward = () => abort.abort(signal?.reason);
    signal?.addEventListener("abort", forward, { once: true });
    this.#abortLoad = () => abort.abort();
    try {
      const { params, open } = await this.#prepare();
      this.#backend = await this.#startBackend();
      const openCaller = open && ((file: number) => open(abort.signal, file));
      throwIfAborted(abort.signal);
      return await this.#backend.call(name, params, {
        signal: abort.signal,
        onEvent: (event) => {
          if (event.status === "calibrated")
            this.#keeping = this.calibrationPlace()
              .then((place) => place.write(event.sidecar))
              .catch(() => {});
          else onEvent?.({ ...event, file: redact(event.file) });
        },
        openCaller,
      } as CallContext<K>);
    } catch (error) {
      await this.#backend?.dispose(); // a backend without a model is useless
      await this.#unlessSlow(this.#kept.release());
      if (this.#isDisposed) throw disposedError();
      if (signal?.aborted) throw abortedError(signal);
      const { offline, allow } = this.#options;
      throw offline ? (await import("./offline.js")).explained(error, this.#source, allow) : asCamelGPTError(error);
    } finally {
      signal?.removeEventListener("abort", forward);
      this.#abortLoad = undefined;
    }
  }

  /** Finds the model and its sidecar, and decides how to load it. */
  async #prepare() {
    const { epdp, eager = true, sidecar: named, sha256 } = this.#options;
    const { openStore } = this.#platform;
    checkSource(this.#source);
    const given = { ...this.#options, hub: this.#options.hub ?? this.#platform.hub?.() };
    const options = await withHeaderKey(this.#source, resolveOptions(given), openStore);
    const offline = this.#options.offline ? await import("./offline.js") : undefined;
    const platform = offline ? offline.withoutNetwork(this.#platform) : this.#platform;
    for (const each of [this.#source, named]) requireAccess(each, this.#options, platform);
    const resolved = await resolveSource(this.#source, options, platform);
    await offline?.requireKept(resolved, options, platform);
    const { location, open, release, notes = [] } = resolved;
    this.#kept.use(location);
    if (location.kind === "url") requireAccess(location.url, this.#options, platform);
    this.#release = release;
    const sidecar = epdp === "off" ? undefined : await this.#sidecar(resolved, options, platform);
    const sidecarNote = sidecar?.path && `The sidecar ${sidecar.path} was found next to the model.`;
    this.#notes = [...notes, ...(sidecarNote ? [sidecarNote] : [])];
    this.#epdp = epdp ?? (sidecar ? "balanced" : "off");
    const params: LoadParams = {
      location,
      memory: memoryOptions(this.#options),
      epdp: this.#epdp,
      eager: eager && !this.#platform.endsDownloadsWithCall,
      toEnd: sha256 !== undefined || resolved.toEnd === true,
      sidecar,
      calibrationText: this.#epdp === "off" || sidecar?.required ? undefined : await defaultCalibrationText(),
      sampling: resolved.sampling,
      maxHeaderBytes: this.#options.maxHeaderBytes ?? defaultHeaderBytes,
      engine: engineOptions(this.#options),
    };
    return { params, open };
  }

  /** Reads the sidecar of the model, or else the calibration that is kept for it. */
  async #sidecar(
    resolved: ResolvedSource,
    options: ResolveOptions,
    platform: CallerPlatform,
  ): Promise<Sidecar | undefined> {
    const { sidecar: found } = resolved;
    const itsPlatform = found && "isPackaged" in found ? this.#platform : platform;
    const sidecar = await readSidecar(this.#options.sidecar, found, resolved, options, itsPlatform);
    this.#findCalibration = async () => {
      const { keptCalibration } = await import("./kept-calibration.js");
      return keptCalibration(this.#source, resolved, this.#options, this.#platform);
    };
    // Whether a local file is pruned by default should not depend on what was computed before.
    const isWanted = this.#options.epdp !== undefined || resolved.location.kind !== "path";
    return sidecar ?? (isWanted ? (await this.#findCalibration())?.read() : undefined);
  }

  /**
   * Where a calibration of the model is kept for later loads. Errors: `bad-option` if there is no place for it, and
   * those of the load.
   */
  async calibrationPlace(): Promise<KeptCalibration> {
    await this.loaded();
    return (await this.#findCalibration?.()) ?? Promise.reject((await import("./kept-calibration.js")).cannotKeep());
  }

  /** Waits for work on the store with a file system. In browsers it takes longer, and can wait for other pages. */
  async #unlessSlow(work: Promise<void>): Promise<void> {
    if (this.#platform.files) await work;
  }

  async #startBackend(): Promise<Backend> {
    const { worker = true, workerUrl } = this.#options;
    if (!worker || !this.#platform.spawnWorker) return this.#platform.inlineBackend();
    try {
      return new WorkerBackend(this.#platform.spawnWorker(workerUrl === undefined ? undefined : String(workerUrl)));
    } catch (error) {
      throw workerFailed(error);
    }
  }

  #addNotes(model: LoadedModel): LoadedModel {
    const { worker = true } = this.#options;
    const { engine } = model.info;
    engine.notes = engine.notes.map(redact);
    if (worker && !engine.worker) {
      engine.notes.push("This runtime has no workers, so the engine runs on the caller's thread.");
    }
    engine.notes.push(...this.#notes);
    return this.#release ? { ...model, info: { ...model.info, release: this.#release } } : model;
  }
}
