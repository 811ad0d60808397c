// The side of the engine: answers the calls of the protocol, one after the other, with one model. It runs in a worker, or on
// the caller's own thread, and does not know which.
import { Engine } from "./engine.js";
import { CamelGPTError, disposedError } from "./errors.js";
import { chooseFlavour } from "./features.js";
import { generate } from "./generation.js";
import { openUrl } from "./load/http.js";
import { loadHeader, loadModel } from "./load/loader.js";
import type { ByteSource } from "./load/source.js";
import { pause } from "./pause.js";
import type { EngineMeans } from "./platform.js";
import type { CallContext, CallName, Calls, LoadedModel, LoadParams } from "./protocol.js";
import { Queue } from "./queue.js";
import { score } from "./scoring.js";

interface Model {
  engine: Engine;
  contextLength: number;
  loadMs: number;
}

type Handlers = {
  [K in CallName]: (params: Calls[K]["params"], context: CallContext<K>) => Promise<Calls[K]["value"]>;
};

/** Tokens between two pauses of a call that is nothing but many short calls into the engine. */
const piecesBetweenPauses = 1024;

export class Host {
  readonly #means: EngineMeans;
  readonly #inWorker: boolean;
  readonly #queue = new Queue();
  #model: Model | undefined;
  #disposed = false;

  constructor(means: EngineMeans, inWorker: boolean) {
    this.#means = means;
    this.#inWorker = inWorker;
  }

  call<K extends CallName>(
    name: K,
    params: Calls[K]["params"],
    context: CallContext<K>,
  ): Promise<Calls[K]["value"]> {
    return this.#queue.run(() => this.#handlers[name](params, context), context.signal);
  }

  dispose(): void {
    this.#disposed = true;
    this.#model?.engine.dispose();
    this.#model = undefined;
  }

  readonly #handlers: Handlers = {
    load: async (params, context) => {
      const begin = performance.now();
      const { contextLength, kvCache } = params;
      const { signal, onEvent } = context;
      const { engine, source } = await this.#open(params, context);
      try {
        const memoryPlan = await loadModel(engine, source, { contextLength, kvCache, signal, onProgress: onEvent });
        if (this.#disposed) throw disposedError();
        const info = engine.modelInfo();
        const loadMs = performance.now() - begin;
        const loaded: LoadedModel = {
          info: {
            architecture: engine.metadataString("general.architecture"),
            name: engine.metadataString("general.name"),
            ...info,
            memoryPlan,
            engine: { flavour: engine.flavour, kernels: engine.kernels, threads: 1, worker: this.#inWorker, notes: [] },
          },
          chatTemplate: engine.metadataString("tokenizer.chat_template"),
          bosText: info.bosToken === null ? "" : engine.piece(info.bosToken),
          eosText: info.eosToken === null ? "" : engine.piece(info.eosToken),
        };
        this.#model = { engine, contextLength: memoryPlan.contextLength, loadMs };
        const total = memoryPlan.fileBytes;
        onEvent?.({ status: "ready", file: source.name, loaded: total, total, progress: 100 });
        return loaded;
      } catch (error) {
        engine.dispose();
        throw error;
      }
    },

    inspect: async (params, context) => {
      const { contextLength, kvCache } = params;
      const { engine, source } = await this.#open(params, context);
      try {
        await loadHeader(engine, source, { contextLength, kvCache, signal: context.signal, onProgress: context.onEvent });
        return {
          architecture: engine.metadataString("general.architecture"),
          parameters: engine.modelInfo().parameters,
          tensors: engine.tensors(),
          memoryPlan: engine.plan(contextLength, kvCache),
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
      const { engine, loadMs } = this.#loaded();
      return generate(engine, params, { loadMs, signal, onText: (piece) => onEvent?.(piece) });
    },

    score: async (params, { signal }) => {
      const { engine, contextLength } = this.#loaded();
      return score(engine, params, contextLength, signal);
    },
  };

  async #open(
    { engine: options, location }: LoadParams,
    { signal, openCaller }: Pick<CallContext<"load">, "signal" | "openCaller">,
  ): Promise<{ engine: Engine; source: ByteSource }> {
    // Both at once: the engine compiles while the server answers.
    const starting = this.#startEngine(options);
    starting.catch(() => {}); // where both fail, the source says why
    let source: ByteSource;
    try {
      source = await this.#openSource(location, signal, openCaller);
    } catch (error) {
      starting.then((engine) => engine.dispose(), () => {});
      throw error;
    }
    try {
      return { engine: await starting, source };
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  async #startEngine(options: LoadParams["engine"]): Promise<Engine> {
    const flavour = await chooseFlavour(options.flavour);
    return Engine.create(options.wasmModule ?? (await this.#means.loadWasm(flavour, options)));
  }

  async #openSource(
    location: LoadParams["location"],
    signal: AbortSignal | undefined,
    openCaller: CallContext<"load">["openCaller"],
  ): Promise<ByteSource> {
    switch (location.kind) {
      case "url":
        return openUrl(location.url, { headers: location.headers, signal });
      case "path":
        if (this.#means.openPath) return this.#means.openPath(location.path);
        break;
      case "caller":
        // Only the location knows the name: bytes that come from another thread have none.
        if (openCaller) return { ...(await openCaller()), name: location.name };
    }
    throw new CamelGPTError("unsupported-environment", "This runtime cannot open the model's source.", {
      expected: "a source that this runtime can read",
      found: location.kind,
    });
  }

  #loaded(): Model {
    if (this.#disposed) throw disposedError();
    if (this.#model) return this.#model;
    throw new CamelGPTError("bad-state", "No model is loaded.");
  }
}
