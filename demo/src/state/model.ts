// The model that answers in all tabs.
import {
  CamelGPTError,
  CamelGPTInference,
  type LoadOptions,
  type ModelInfo,
  type ProgressEvent,
} from "@gpt-research/camelgpt-inference";
import { signal } from "@preact/signals";

import { localModels } from "../model/local-models.js";
import { settings } from "./settings.js";

/** A name of the catalogue, an address, or a file of this computer. */
export type Source = string | File;

/** How a download advances. */
export interface Download {
  loaded: number;
  /** 0 while unknown. */
  total: number;
  bytesPerSecond: number;
}

/** A model that answers. */
export interface Ready {
  model: CamelGPTInference;
  info: ModelInfo;
}

export type ModelState =
  | { status: "none" }
  | { status: "loading"; source: Source; download?: Download }
  | ({ status: "ready"; source: Source } & Ready)
  | { status: "failed"; source: Source; error: CamelGPTError };

export const modelState = signal<ModelState>({ status: "none" });

export const nameOf = (source: Source): string => (typeof source === "string" ? source : source.name);

let loading: AbortController | undefined;

/** Loads a model in place of the present one. */
export async function loadModel(source: Source): Promise<void> {
  await unloadModel();
  const abort = new AbortController();
  loading = abort;
  modelState.value = { status: "loading", source };
  const begin = performance.now();
  const onProgress = ({ status, loaded, total }: ProgressEvent) => {
    if (loading !== abort || status === "initiate" || modelState.peek().status !== "loading") return;
    const bytesPerSecond = (1000 * loaded) / Math.max(1, performance.now() - begin);
    modelState.value = { status: "loading", source, download: { loaded, total, bytesPerSecond } };
  };
  let model: CamelGPTInference | undefined;
  try {
    const { address, options } = await placeOf(source);
    const given: LoadOptions = { epdp: "balanced", cache: true, signal: abort.signal, onProgress, ...options };
    model = new CamelGPTInference(address, given);
    await model.load();
    if (settings.peek().epdp !== "balanced") await model.setEpdp(settings.peek().epdp);
    const info = await model.info();
    if (loading !== abort) throw new CamelGPTError("aborted", "Another model was chosen.");
    modelState.value = { status: "ready", source, model, info };
  } catch (error) {
    await model?.dispose();
    if (loading !== abort) return;
    if (!(error instanceof CamelGPTError)) throw error;
    modelState.value = error.code === "aborted" ? { status: "none" } : { status: "failed", source, error };
  }
}

/** Stops a load, or disposes the model, if there is one. */
export async function unloadModel(): Promise<void> {
  const before = modelState.value;
  loading?.abort();
  loading = undefined;
  modelState.value = { status: "none" };
  if (before.status === "ready") await before.model.dispose();
}

/** Prefers the models of this page's own server to those of a hub. */
async function placeOf(source: Source): Promise<{ address: Source; options: LoadOptions }> {
  const local = typeof source === "string" ? (await localModels()).find(({ name }) => name === source) : undefined;
  if (!local) return { address: source, options: {} };
  return { address: local.url, options: local.sidecar === undefined ? {} : { sidecar: local.sidecar } };
}
