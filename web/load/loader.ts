// A source of bytes → a model in the engine. The bytes go through the engine's staging buffer and are never held whole.
import type { Engine, MemoryOptions } from "../engine/engine.js";
import { CamelGPTError, orAborted } from "../errors.js";
import { pacer } from "../pause.js";
import type { MemoryPlan, ProgressEvent } from "../types.js";
import { Rest } from "./rest.js";
import { Shards } from "./shards.js";
import { rejectOtherFiles } from "./sniff.js";
import type { ByteSource } from "./source.js";

export interface LoadOptions {
  memory: MemoryOptions;
  signal?: AbortSignal | undefined;
  onProgress?: ((event: ProgressEvent) => void) | undefined;
  /** As in `LoadParams`, where parts of the source can be read. */
  eager?: number | undefined;
  /** As in `LoadParams`. */
  toEnd?: boolean | undefined;
}

export interface Loaded {
  plan: MemoryPlan;
  /** What is still to come. */
  rest?: Rest | undefined;
  /** Tells whoever hears of the progress that the model answers. */
  ready(): void;
}

/** Milliseconds between two progress events. */
const progressInterval = 50;

/** Bytes to take at a time where those behind the header may not be wanted. */
const headerPiece = 64 << 10;

/** Reads the source until every tensor is in place, or all that answers need, and gives the plan by which memory was taken. Closes the source. */
export async function loadModel(engine: Engine, source: ByteSource, options: LoadOptions): Promise<Loaded> {
  const progress = progressOf(source, engine, options.onProgress);
  const ranges = options.eager === undefined ? undefined : source.ranges;
  let plan: MemoryPlan | undefined;
  let rest: Rest | undefined;
  try {
    await feed(
      engine,
      source,
      options,
      progress,
      () => {
        if (engine.loadState === "planned") {
          plan = engine.plan(options.memory);
          engine.allocate(options.memory);
          if (ranges) engine.loadEagerly();
        }
        return engine.loadState === "ready";
      },
      ranges || source instanceof Shards ? headerPiece : Infinity,
    );
    if (options.toEnd) while ((await fillStaging(engine, source, Infinity, options.signal, progress)).filled > 0);
    if (ranges && !engine.isWhole) rest = new Rest(engine, source, ranges, progress);
  } finally {
    if (!rest) await source.close();
  }
  if (!rest) progress("done");
  if (!plan) throw new CamelGPTError("internal", "The model is ready without a plan.");
  return { plan, rest, ready: () => progress("ready") };
}

/** Reads no more of the source than its header. Closes the source. */
export async function loadHeader(engine: Engine, source: ByteSource, options: LoadOptions): Promise<void> {
  const progress = progressOf(source, engine, options.onProgress);
  try {
    await feed(engine, source, options, progress, () => engine.loadState !== "header", headerPiece);
  } finally {
    await source.close();
  }
}

/** `again`: so many of the bytes that arrived will come a second time. */
type Progress = (status: ProgressEvent["status"] | "again", arrived?: number) => void;

/** The header that is complete says of how many files the model is. */
function expectFiles(files: number, source: ByteSource): void {
  const given = source instanceof Shards ? source.count : 1;
  if (given === files) return;
  if (files === 1)
    throw new CamelGPTError("bad-input", `${source.name} is a whole model.`, {
      expected: "it alone",
      found: `${given} files`,
    });
  throw new CamelGPTError("bad-input", `${source.name} is one of the files of a split model.`, {
    expected: `${files} files`,
    found: `${given}`,
    hint: "Give all in an array, or under their own names (…-00001-of-…) the path or URL of the first.",
  });
}

async function feed(
  engine: Engine,
  source: ByteSource,
  { signal, eager }: LoadOptions,
  progress: Progress,
  isEnough: () => boolean,
  piece = Infinity,
): Promise<void> {
  progress("initiate");
  progress("download");
  const paced = pacer();
  let position = 0;
  let headers = 0;
  let begins = true; // a file
  for (;;) {
    const wanted = engine.wanted();
    if (wanted && wanted.from !== position) {
      await source.ranges?.seek(wanted.from, wanted.to);
      position = wanted.from;
    }
    const most = wanted ? wanted.to - wanted.from : piece;
    const { filled, ended } = await fillStaging(engine, source, most, signal, progress);
    // Before the engine reads the header, which takes a while in which more would come of what is not wanted first.
    if (!wanted && position + filled >= (eager ?? Infinity))
      await source.ranges?.seek(position + filled, source.size ?? Infinity);
    if (begins && filled > 0) rejectOtherFiles(engine.staging().subarray(0, filled), source.name);
    position += filled;
    if (filled > 0) engine.feed(filled);
    const split = engine.split();
    begins = split.headers > headers;
    headers = split.headers;
    if (begins) {
      expectFiles(split.files, source);
      if (source instanceof Shards) {
        await orAborted(source.endHeader(engine.staging().slice(filled - split.left, filled), split.dataBytes), signal);
        position -= split.left;
        progress("again", split.left);
      }
    }
    if (isEnough()) return;
    if (ended && !begins) {
      if (source instanceof Shards) throw source.cutOff();
      return engine.endOfFile();
    }
    await paced(); // sources that are in memory already would never let an abort through
  }
}

async function fillStaging(
  engine: Engine,
  source: ByteSource,
  piece: number,
  signal: AbortSignal | undefined,
  progress: Progress,
): Promise<{ filled: number; ended: boolean }> {
  const staging = engine.staging(); // nothing else uses the engine during a load, so that the view stays valid while we wait
  const wanted = Math.min(piece, staging.length);
  let filled = 0;
  while (filled < wanted) {
    const count = await orAborted(source.read(staging.subarray(filled, wanted)), signal);
    if (count === 0) return { filled, ended: true };
    filled += count;
    progress("progress", count);
  }
  return { filled, ended: false };
}

function progressOf(source: ByteSource, engine: Engine, emit: LoadOptions["onProgress"]): Progress {
  let loaded = 0;
  let again = 0;
  let last = -Infinity;
  return (status, arrived = 0) => {
    if (status === "again") {
      again += arrived;
      return;
    }
    const fresh = Math.max(0, arrived - again);
    again -= arrived - fresh;
    loaded += fresh;
    if (!emit) return;
    const now = performance.now();
    if (status === "progress") {
      if (now - last < progressInterval) return;
      last = now;
    }
    // The header knows the size even where the server does not say it.
    const total = engine.fileBytes || source.size || 0;
    if (total && (status === "done" || loaded > total)) loaded = total; // padding is not read, and some bytes behind the header may come twice
    emit({ status, file: source.name, loaded, total, progress: total ? (100 * loaded) / total : 0 });
  };
}
