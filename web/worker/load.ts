// The calls `load` and `inspect`: start an engine, open the source, and read the model or its header.
import type { Engine, MemoryOptions } from "../engine/engine.js";
import type { BackgroundLoad } from "../load/background-load.js";
import { type Loaded, loadHeader, loadModel } from "../load/loader.js";
import type { Sidecar } from "../load/sidecar.js";
import type { ByteSource } from "../load/sources/source.js";
import { replaceDamaged } from "../load/stores/damaged-copy.js";
import { useSidecar } from "../tasks/calibration.js";
import type { DeepPartial, PruneOptions } from "../engine/records.js";
import type { EpdpMode, EpdpNumbers, Inspection, SamplingDefaults } from "../types.js";
import { openLocation } from "./open-location.js";
import type { EnginePlatform } from "./platform.js";
import type { CallContext, LoadedModel, LoadParams } from "./protocol.js";
import { awaitHelpers, type StartedEngine, startEngine, stopEngine } from "./start-engine.js";

/** A model that answers. */
export interface Model extends StartedEngine {
  contextLength: number;
  loadMs: number;
  /** Loads the remaining weights, after an eager load. */
  background?: BackgroundLoad | undefined;
}

export interface LoadResult {
  model: Model;
  value: LoadedModel;
  /** Reports that the model can answer. */
  reportReady(): void;
}

/**
 * Errors: those of the environment, of opening and reading the source, and everything that can be wrong with a file.
 */
export function load(
  params: LoadParams,
  context: CallContext<"load">,
  inWorker: boolean,
  platform: EnginePlatform,
): Promise<LoadResult> {
  const begin = performance.now();
  const warnings: string[] = [];
  const warn = (note: string) => void warnings.push(note);
  return replaceDamaged(() => loadOnce(params, context, inWorker, platform, begin, warnings), warn);
}

async function loadOnce(
  params: LoadParams,
  context: CallContext<"load">,
  inWorker: boolean,
  platform: EnginePlatform,
  begin: number,
  warnings: string[],
): Promise<LoadResult> {
  const { source, ...started } = await open(params, context, platform, warnings);
  const { engine, notes } = started;
  let background: BackgroundLoad | undefined;
  try {
    const { signal, onEvent: onProgress } = context;
    engine.setHeaderLimit(params.maxHeaderBytes);
    const { memory, eager, sidecar } = withSidecar(engine, params);
    const loaded = await loadModel(engine, source, { memory, eager, toEnd: params.toEnd, signal, onProgress });
    background = loaded.background;
    const { plan } = loaded;
    if ((memory.weights ?? "auto") === "auto" && plan.weights === "f16") {
      notes.push("The file's F32 matrices are kept as halves, since the model would not fit otherwise.");
    }
    notes.push(...warnings, ...engine.notes());
    await awaitHelpers(started);
    engine.setPruning(memory.prune ?? {});
    if (sidecar) useSidecar(engine, sidecar, notes);
    // Without a usable sidecar every step needs all weights.
    if (background && !engine.pruneReport().calibrated) await background.finish();
    const loadMs = performance.now() - begin;
    return {
      model: { ...started, contextLength: plan.contextLength, loadMs, background },
      value: describeModel(started, loaded, params.sampling, inWorker),
      reportReady: loaded.reportReady,
    };
  } catch (error) {
    void background?.cancel();
    stopEngine(started);
    throw error;
  }
}

export function inspect(
  params: LoadParams,
  context: CallContext<"inspect">,
  platform: EnginePlatform,
): Promise<Inspection> {
  return replaceDamaged(
    () => inspectOnce(params, context, platform),
    () => {},
  );
}

async function inspectOnce(
  params: LoadParams,
  context: CallContext<"inspect">,
  platform: EnginePlatform,
): Promise<Inspection> {
  const { signal, onEvent: onProgress } = context;
  const singleThreaded = { ...params, engine: { ...params.engine, threads: 1 } };
  const { engine, source } = await open(singleThreaded, context, platform);
  try {
    engine.setHeaderLimit(params.maxHeaderBytes);
    const { memory } = withSidecar(engine, params);
    await loadHeader(engine, source, { memory, signal, onProgress });
    const memoryPlan = engine.plan(memory);
    return {
      architecture: engine.metadataString("general.architecture"),
      parameters: engine.modelInfo().parameters,
      tensors: engine.tensors(),
      memoryPlan,
      sampling: chatSampling(engine, params.sampling),
      metadata: engine.metadata(),
    };
  } finally {
    engine.dispose();
  }
}

/** The settings of pruning, of which a mode is one, as the engine takes them. */
export const pruneOptions = (epdp: EpdpMode | EpdpNumbers): DeepPartial<PruneOptions> =>
  typeof epdp === "string" ? { mode: epdp } : epdp;

/** Completes the options of a load with the properties of its sidecar. */
function withSidecar(
  engine: Engine,
  { memory, epdp, eager, sidecar }: LoadParams,
): { memory: MemoryOptions; eager: number | undefined; sidecar: Sidecar | undefined } {
  const prune = pruneOptions(epdp);
  const info = sidecar && engine.sidecarInfo(sidecar.bytes, prune);
  return {
    memory: { ...memory, prune, trainedFfn: info?.trainedFfn, hasSidecar: info?.used },
    eager: eager && info && info.headerBytes > 0 ? info.headerBytes : undefined,
    sidecar: info?.used ? sidecar : undefined,
  };
}

/** Starts the engine and opens the source concurrently: the engine compiles while the server answers. */
async function open(
  { engine, location, eager, sidecar }: LoadParams,
  { signal, openCaller }: Pick<CallContext<"load">, "signal" | "openCaller">,
  platform: EnginePlatform,
  warnings: string[] = [],
): Promise<StartedEngine & { source: ByteSource }> {
  const starting = startEngine(engine, platform);
  starting.catch(() => {}); // if both fail, the error of the source is reported
  const warn = (note: string) => void warnings.push(note);
  let source: ByteSource;
  try {
    source = await openLocation(
      location,
      { signal, openCaller, eager: eager && sidecar !== undefined, warn },
      platform,
    );
  } catch (error) {
    starting.then(stopEngine, () => {});
    throw error;
  }
  try {
    return { ...(await starting), source };
  } catch (error) {
    await source.close();
    throw error;
  }
}

/** See {@link SamplingDefaults}. */
function chatSampling(engine: Engine, catalogue: SamplingDefaults = {}): SamplingDefaults {
  const file = engine.recommendedSampling();
  const recommended = Object.keys(file).length > 0 ? file : catalogue;
  if (engine.modelInfo().kind !== "causal") return {};
  return { temperature: 0.7, minP: 0.05, ...recommended };
}

function describeModel(
  { engine, threads, notes }: StartedEngine,
  { plan: memoryPlan, gapTokens }: Loaded,
  catalogue: SamplingDefaults | undefined,
  worker: boolean,
): LoadedModel {
  const info = engine.modelInfo();
  return {
    info: {
      architecture: engine.metadataString("general.architecture"),
      name: engine.metadataString("general.name"),
      ...info,
      memoryPlan,
      sampling: chatSampling(engine, catalogue),
      engine: { flavour: engine.flavour, kernels: engine.kernels, threads, worker, notes },
    },
    chatTemplate: engine.metadataString("tokenizer.chat_template"),
    gapTokens,
    tasks: engine.metadataString("camelgpt.tasks"),
    bosText: info.bosToken === null ? "" : engine.piece(info.bosToken),
    maxTextBytes: engine.maxTextBytes,
    eosText: info.eosToken === null ? "" : engine.piece(info.eosToken),
  };
}
