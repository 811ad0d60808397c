// Engine options → a running engine: chooses the build and the number of threads, and falls back if they are not
// available.
import type { EngineOptions } from "../engine/engine-options.js";
import { chooseFlavour } from "../engine/features.js";
import { Engine } from "../engine/engine.js";
import { describe } from "../errors.js";
import type { Flavour } from "../types.js";
import type { EnginePlatform } from "./platform.js";
import { chooseThreads, HelperThreads, type ThreadChoice } from "./threads.js";

export interface StartedEngine {
  engine: Engine;
  threads: number;
  helpers?: HelperThreads | undefined;
  /** One sentence for each request that could not be met. */
  notes: string[];
}

/** Errors: `unsupported-environment`, `engine-unavailable`, `out-of-memory`. */
export async function startEngine(options: EngineOptions, platform: EnginePlatform): Promise<StartedEngine> {
  const flavour = await chooseFlavour(options.flavour, platform.probe);
  const choice = await chooseThreads(options.threads, platform.threads);
  const { engine, note } = await createEngine(flavour, options, choice, platform);
  const threads = engine.setThreads(choice.count);
  const notes = note === undefined ? [] : [note];
  if (threads > 1 && platform.threads) {
    const helpers = new HelperThreads(engine.threadStarts(threads), platform.threads);
    engine.watchHelpers(() => helpers.areRunning());
    return { engine, threads, notes, helpers };
  }
  if (choice.count > 1 && !note) notes.push("The given WebAssembly module has no threads, so 1 thread computes.");
  return { engine, threads, notes };
}

/** Falls back to a build without threads if the one with threads cannot be loaded. */
async function createEngine(
  flavour: Flavour,
  options: EngineOptions,
  { count, note }: ThreadChoice,
  platform: EnginePlatform,
): Promise<{ engine: Engine; note?: string | undefined }> {
  const { maxMemory } = options;
  if (options.wasmModule) return { engine: await Engine.create(options.wasmModule, count > 1, maxMemory), note };
  if (count > 1) {
    try {
      const wasm = await platform.loadWasm(`${flavour}-threads`, options);
      return { engine: await Engine.create(wasm, true, maxMemory), note };
    } catch (error) {
      note = `The engine with threads could not be loaded (${describe(error)}), so 1 thread computes.`;
    }
  }
  return { engine: await Engine.create(await platform.loadWasm(flavour, options), false, maxMemory), note };
}

/** Waits until the helper threads run. If they do not start, the engine computes with one thread. */
export async function awaitHelpers(started: StartedEngine): Promise<void> {
  const reason = await started.helpers?.ready;
  if (reason === undefined) return;
  await started.helpers?.terminate();
  started.helpers = undefined;
  started.threads = started.engine.setThreads(1);
  started.notes.push(`Threads could not be started (${reason}), so 1 thread computes.`);
}

export function stopEngine({ engine, helpers }: StartedEngine): void {
  void helpers?.terminate();
  engine.dispose();
}
