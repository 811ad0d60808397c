// The side of the engine: answers the calls of the protocol, one after the other, with one model. It runs in a worker, or on
// the caller's own thread, and does not know which.
import { calibrate, IdleCalibration, useSidecar } from "./calibration.js";
import { classify } from "./classification.js";
import { embed } from "./embedding.js";
import { Engine, type MemoryOptions } from "./engine/engine.js";
import { CamelGPTError, describe, disposedError, orAborted } from "./errors.js";
import { chooseFlavour, type Flavour } from "./features.js";
import { generate } from "./generation.js";
import { openDownload } from "./load/download.js";
import { checkedSource } from "./load/integrity.js";
import { fillMasks } from "./masks.js";
import { loadHeader, loadModel } from "./load/loader.js";
import type { Rest } from "./load/rest.js";
import { Shards } from "./load/shards.js";
import type { ByteSource } from "./load/source.js";
import { pause } from "./pause.js";
import type { EngineMeans } from "./platform.js";
import type { CallContext, CallName, Calls, LoadedModel, LoadParams, SidecarParams } from "./protocol.js";
import { Queue } from "./queue.js";
import { score } from "./scoring.js";
import { loadState, saveState } from "./state.js";
import { chooseThreads, Helpers, type ThreadChoice } from "./threads.js";

/** An engine, and how it came to be what it is. */
interface Started {
  engine: Engine;
  threads: number;
  helpers?: Helpers | undefined;
  notes: string[];
}

interface Model extends Started {
  contextLength: number;
  loadMs: number;
  /** What is still to come of the weights. */
  rest?: Rest | undefined;
}

type Handlers = {
  [K in CallName]: (params: Calls[K]["params"], context: CallContext<K>) => Promise<Calls[K]["value"]>;
};

/** Milliseconds without a call after which the rest of a model comes: the one that wanted it may want rows before that. */
const restDelay = 100;

/** Tokens between two pauses of a call that is nothing but many short calls into the engine. */
const piecesBetweenPauses = 1024;

export class Host {
  readonly #means: EngineMeans;
  readonly #inWorker: boolean;
  readonly #queue = new Queue();
  #model: Model | undefined;
  /** Where pruning is wanted and nobody has said what can be left out. */
  #idleCalibration: IdleCalibration | undefined;
  /** That wait or are answered now. */
  #calls = 0;
  #disposed = false;

  constructor(means: EngineMeans, inWorker: boolean) {
    this.#means = means;
    this.#inWorker = inWorker;
  }

  call<K extends CallName>(name: K, params: Calls[K]["params"], context: CallContext<K>): Promise<Calls[K]["value"]> {
    this.#calls++;
    return this.#queue
      .run(() => this.#handlers[name](params, context), context.signal)
      .finally(() => {
        this.#calls--;
        void this.#idleCalibration?.run(() => this.#calls === 0 && !this.#disposed);
        if (this.#model?.rest) setTimeout(() => this.#calls === 0 && void this.#model?.rest?.whole(), restDelay);
      });
  }

  dispose(): void {
    this.#disposed = true;
    void this.#model?.rest?.end();
    if (this.#model) end(this.#model);
    this.#model = undefined;
  }

  readonly #handlers: Handlers = {
    load: async (params, context) => {
      const begin = performance.now();
      const { signal, onEvent } = context;
      const { source, warnings, ...started } = await this.#open(params, context);
      const { engine, notes } = started;
      let rest: Rest | undefined;
      try {
        const { memory, eager, sidecar } = withSidecar(engine, params);
        const { plan: memoryPlan, ...loaded } = await loadModel(engine, source, {
          memory,
          eager,
          toEnd: params.toEnd,
          signal,
          onProgress: onEvent,
        });
        rest = loaded.rest;
        if ((memory.weights ?? "auto") === "auto" && memoryPlan.weights === "f16") {
          notes.push("The file's F32 matrices are kept as halves, since the model would not fit otherwise.");
        }
        notes.push(...warnings);
        await expectHelpers(started);
        engine.setPruning(memory.prune ?? {});
        if (sidecar) useSidecar(engine, sidecar, notes);
        if (rest && !engine.pruneReport().calibrated) await rest.whole(); // no step could do with less
        if (this.#disposed) throw disposedError();
        const info = engine.modelInfo();
        const loadMs = performance.now() - begin;
        const model: LoadedModel = {
          info: {
            architecture: engine.metadataString("general.architecture"),
            name: engine.metadataString("general.name"),
            ...info,
            memoryPlan,
            engine: {
              flavour: engine.flavour,
              kernels: engine.kernels,
              threads: started.threads,
              worker: this.#inWorker,
              notes,
            },
          },
          chatTemplate: engine.metadataString("tokenizer.chat_template"),
          bosText: info.bosToken === null ? "" : engine.piece(info.bosToken),
          eosText: info.eosToken === null ? "" : engine.piece(info.eosToken),
        };
        this.#model = { ...started, contextLength: memoryPlan.contextLength, loadMs, rest };
        const isUncalibrated = engine.hasHeadRoom() && !engine.pruneReport().calibrated;
        if (this.#inWorker && params.calibrationText !== undefined && isUncalibrated) {
          this.#idleCalibration = new IdleCalibration(engine, params.calibrationText);
        }
        loaded.ready();
        return model;
      } catch (error) {
        void rest?.end();
        end(started);
        throw error;
      }
    },

    inspect: async (params, context) => {
      const { engine, source } = await this.#open({ ...params, engine: { ...params.engine, threads: 1 } }, context);
      try {
        const { memory } = withSidecar(engine, params);
        await loadHeader(engine, source, { memory, signal: context.signal, onProgress: context.onEvent });
        const memoryPlan = engine.plan(memory);
        return {
          architecture: engine.metadataString("general.architecture"),
          parameters: engine.modelInfo().parameters,
          tensors: engine.tensors(),
          memoryPlan,
          metadata: engine.metadata(),
        };
      } finally {
        engine.dispose();
      }
    },

    tokenize: async ({ text, addSpecial, parseSpecial }) =>
      this.#loaded().engine.tokenize(text, addSpecial, parseSpecial),

    detokenize: async ({ tokens, keepControl }) => this.#loaded().engine.detokenize(tokens, keepControl),

    pieces: async ({ tokens }) => {
      const { engine } = this.#loaded();
      engine.detokenize(tokens, true); // checks the ids
      const pieces: string[] = [];
      for (const token of tokens) {
        pieces.push(engine.piece(token));
        if (pieces.length % piecesBetweenPauses === 0) await pause();
      }
      return pieces;
    },

    generate: async (params, { signal, onEvent }) => {
      const { engine, loadMs, rest } = this.#loaded();
      return generate(engine, params, { loadMs, signal, onText: (piece) => onEvent?.(piece), rest });
    },

    save: async (_params, { signal }) => saveState(this.#loaded().engine, signal),

    restore: async ({ state }, { signal }) => loadState(this.#loaded().engine, state, signal),

    score: async (params, { signal }) => {
      const { engine, contextLength } = await this.#whole(signal);
      return score(engine, params, contextLength, signal);
    },

    fill: async (params, { signal }) => fillMasks((await this.#whole(signal)).engine, params, signal),

    classify: async (params, { signal }) => classify((await this.#whole(signal)).engine, params, signal),

    embed: async (params, { signal }) => {
      const { engine, contextLength } = await this.#whole(signal);
      return embed(engine, params, contextLength, signal);
    },

    calibrate: async (params, { signal, onEvent }) => {
      const { engine } = await this.#whole(signal);
      this.#idleCalibration = undefined;
      return calibrate(engine, params, { signal, onProgress: onEvent });
    },

    report: async () => this.#loaded().engine.pruneReport(),
  };

  async #open(
    { engine: options, location, eager, sidecar }: LoadParams,
    { signal, openCaller }: Pick<CallContext<"load">, "signal" | "openCaller">,
  ): Promise<Started & { source: ByteSource; warnings: string[] }> {
    // Both at once: the engine compiles while the server answers.
    const starting = this.#start(options);
    starting.catch(() => {}); // where both fail, the source says why
    let source: ByteSource;
    const warnings: string[] = [];
    try {
      const inParts = eager && sidecar !== undefined;
      source = await this.#openSource(location, inParts, signal, openCaller, (note) => warnings.push(note));
    } catch (error) {
      starting.then(end, () => {});
      throw error;
    }
    try {
      return { ...(await starting), source, warnings };
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  async #start(options: LoadParams["engine"]): Promise<Started> {
    const flavour = await chooseFlavour(options.flavour, this.#means.probe);
    const choice = await chooseThreads(options.threads, this.#means.threads);
    const { engine, note } = await this.#createEngine(flavour, options, choice);
    const threads = engine.setThreads(choice.count);
    const notes = note === undefined ? [] : [note];
    if (threads === 1 || !this.#means.threads) {
      if (choice.count > 1 && !note)
        notes.push("The WebAssembly that was handed in has no threads, so 1 thread computes.");
      return { engine, threads, notes };
    }
    return { engine, threads, notes, helpers: new Helpers(engine.threadStarts(threads), this.#means.threads) };
  }

  /** Without threads where those cannot be loaded. */
  async #createEngine(
    flavour: Flavour,
    options: LoadParams["engine"],
    { count, note }: ThreadChoice,
  ): Promise<{ engine: Engine; note?: string | undefined }> {
    if (options.wasmModule) return { engine: await Engine.create(options.wasmModule, count > 1), note };
    if (count > 1) {
      try {
        return { engine: await Engine.create(await this.#means.loadWasm(`${flavour}-threads`, options), true), note };
      } catch (error) {
        note = `The engine with threads could not be loaded (${describe(error)}), so 1 thread computes.`;
      }
    }
    return { engine: await Engine.create(await this.#means.loadWasm(flavour, options)), note };
  }

  async #openSource(
    location: LoadParams["location"],
    eager: boolean,
    signal: AbortSignal | undefined,
    openCaller: CallContext<"load">["openCaller"],
    warn: (note: string) => void,
  ): Promise<ByteSource> {
    switch (location.kind) {
      case "url": {
        const openStore = this.#means.openStore?.bind(this.#means);
        return openDownload(location, eager, { cache: location.cache, openStore, warn }, signal);
      }
      case "path":
        if (this.#means.openPath) return checkedSource(await this.#means.openPath(location.path), location.check);
        break;
      case "shards":
        return Shards.open(location.files.map((file) => () => this.#openSource(file, false, signal, openCaller, warn)));
      case "caller":
        if (openCaller) {
          const source = await openCaller(location.file ?? 0);
          // Only the location knows the name: bytes that come from another thread have none.
          return {
            name: location.name,
            size: source.size,
            read: (target) => source.read(target),
            close: () => source.close(),
          };
        }
    }
    throw new CamelGPTError("unsupported-environment", "This runtime cannot open the model's source.", {
      expected: "a source that this runtime can read",
      found: location.kind,
    });
  }

  /** For calls that need all weights. */
  async #whole(signal: AbortSignal | undefined): Promise<Model> {
    await orAborted(Promise.resolve(this.#loaded().rest?.whole()), signal);
    return this.#loaded();
  }

  #loaded(): Model {
    if (this.#disposed) throw disposedError();
    if (this.#model) return this.#model;
    throw new CamelGPTError("bad-state", "No model is loaded.");
  }
}

/** What a load depends on, with what the sidecar tells before the model is there. */
function withSidecar(
  engine: Engine,
  { memory, epdp, eager, sidecar }: LoadParams,
): { memory: MemoryOptions; eager: number | undefined; sidecar: SidecarParams | undefined } {
  const prune = typeof epdp === "string" ? { mode: epdp } : epdp;
  const info = sidecar && engine.sidecarInfo(sidecar.bytes, prune);
  return {
    memory: { ...memory, prune, trainedFfn: info?.trainedFfn },
    eager: eager && info && info.headerBytes > 0 ? info.headerBytes : undefined,
    sidecar: info?.used ? sidecar : undefined,
  };
}

/** Waits until the helping threads are there. Without them the engine computes alone. */
async function expectHelpers(started: Started): Promise<void> {
  const reason = await started.helpers?.ready;
  if (reason === undefined) return;
  await started.helpers?.end();
  started.helpers = undefined;
  started.threads = started.engine.setThreads(1);
  started.notes.push(`Threads could not be started (${reason}), so 1 thread computes.`);
}

function end({ engine, helpers }: Started): void {
  void helpers?.end();
  engine.dispose();
}
