// The model of an adapter, and how far its download is.
import type { ProgressEvent as LoadProgress } from "../../../web/types.js";
import type { CamelGPTInferenceBase } from "../camelgpt-inference.js";
import type { Availability, CreateMonitor, CreateOptions } from "./types.js";

/**
 * A model, or a function that loads one with the given callback: only then `downloadprogress` events tell more than the
 * beginning and the end.
 */
export type LanguageModelSource =
  | CamelGPTInferenceBase
  | ((onProgress: (event: LoadProgress) => void) => CamelGPTInferenceBase | Promise<CamelGPTInferenceBase>);

export class SharedModel {
  readonly #source: LanguageModelSource;
  #loading: Promise<CamelGPTInferenceBase> | undefined;
  #isLoaded = false;
  #listeners = new Set<(loaded: number) => void>();

  constructor(source: LanguageModelSource) {
    this.#source = source;
  }

  get availability(): Availability {
    if (this.#isLoaded) return "available";
    if (this.#loading) return "downloading";
    // A session has a context window once its model is loaded.
    const isLoaded = typeof this.#source !== "function" && this.#source.createChat().contextWindow > 0;
    return isLoaded ? "available" : "downloadable";
  }

  /** Loads the model, unless it is loaded. `onLoaded` gets the loaded fraction. A failed load is tried again. */
  async get(onLoaded?: (loaded: number) => void): Promise<CamelGPTInferenceBase> {
    if (onLoaded) this.#listeners.add(onLoaded);
    onLoaded?.(0);
    try {
      this.#loading ??= this.#load().catch((error: unknown) => {
        this.#loading = undefined;
        throw error;
      });
      const model = await this.#loading;
      onLoaded?.(1);
      return model;
    } finally {
      if (onLoaded) this.#listeners.delete(onLoaded);
    }
  }

  async #load(): Promise<CamelGPTInferenceBase> {
    const onProgress = ({ loaded, total, status }: LoadProgress) => {
      if (status !== "progress" || total === 0) return;
      // The end is told once the model is loaded.
      for (const listener of this.#listeners) listener(Math.min(loaded / total, 0.999));
    };
    const model = await (typeof this.#source === "function" ? this.#source(onProgress) : this.#source);
    await model.load();
    this.#isLoaded = true;
    return model;
  }
}

/** Calls the caller's monitor; the result tells it about progress. */
export function monitored(monitor: CreateOptions["monitor"]): ((loaded: number) => void) | undefined {
  if (!monitor) return undefined;
  const target = Object.assign(new EventTarget(), { ondownloadprogress: null }) as CreateMonitor;
  monitor(target);
  let last = -1;
  return (loaded) => {
    if (loaded <= last) return;
    last = loaded;
    const event = progressEvent(loaded);
    target.ondownloadprogress?.(event);
    target.dispatchEvent(event);
  };
}

/** Runtimes other than browsers have no ProgressEvent. */
function progressEvent(loaded: number): Event & { loaded: number; total: number } {
  const { ProgressEvent: Platform } = globalThis as { ProgressEvent?: typeof ProgressEvent };
  const fields = { lengthComputable: true, loaded, total: 1 };
  if (typeof Platform === "function") return new Platform("downloadprogress", fields);
  return Object.assign(new Event("downloadprogress"), fields);
}
