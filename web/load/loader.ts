// A source of bytes → a model in the engine. The bytes pass through the engine's staging buffer; the file is never in
// memory as a whole.
import type { Engine, MemoryOptions } from "../engine/engine.js";
import { CamelGPTError, orAborted } from "../errors.js";
import { pacer } from "../pause.js";
import type { MemoryPlan, ProgressEvent } from "../types.js";
import { BackgroundLoad } from "./background-load.js";
import { type GapTokens, gapTokens } from "./gap-tokens.js";
import { trackProgress } from "./progress.js";
import { headerReadBytes } from "./sizes.js";
import { rejectOtherFiles } from "./sniff.js";
import { fileCutOff } from "./sources/shards.js";
import { type ByteSource, exactSizeOf } from "./sources/source.js";

/**
 * Milliseconds that a download must take for eager loading. Its two additional requests take up to 3 % of a shorter
 * time, and there is little to gain.
 */
const minEagerTime = 8000;
/** Bytes of weights in which a link can turn out to be slow: the first bytes may have waited in buffers. */
const maxUndecidedBytes = 8 << 20;

export interface LoadOptions {
  memory: MemoryOptions;
  signal?: AbortSignal | undefined;
  onProgress?: ((event: ProgressEvent) => void) | undefined;
  /**
   * For eager loading: the approximate number of bytes before the weights. No effect on sources without ranges and on
   * fast links.
   */
  eager?: number | undefined;
  /** Whether to read the bytes after the last tensor too. */
  toEnd?: boolean | undefined;
}

export interface Loaded {
  plan: MemoryPlan;
  gapTokens: GapTokens;
  /** Loads the remaining weights, after an eager load. */
  background?: BackgroundLoad | undefined;
  /** Reports that the model can answer. */
  reportReady(): void;
}

/**
 * Reads the source until the model can answer: until every tensor is in place or, for an eager load, all tensors that
 * every answer needs. Closes the source, unless a background load continues to read it.
 */
export async function loadModel(engine: Engine, source: ByteSource, options: LoadOptions): Promise<Loaded> {
  const { progress, feedHeader, feedWeights, readToEnd } = feeder(engine, source, options);
  const ranges = options.eager === undefined ? undefined : source.ranges;
  let background: BackgroundLoad | undefined;
  let plan: MemoryPlan;
  let gap: GapTokens;
  try {
    await feedHeader(ranges || source.files ? headerReadBytes : Infinity);
    gap = gapTokens(engine.metadata());
    plan = engine.plan(options.memory);
    engine.allocate(options.memory);
    await feedWeights(ranges !== undefined);
    if (options.toEnd) await readToEnd();
    if (ranges && !engine.isComplete) background = new BackgroundLoad(engine, source, ranges, progress);
  } finally {
    if (!background) await source.close();
  }
  if (!background) progress.report("done");
  return { plan, gapTokens: gap, background, reportReady: () => progress.report("ready") };
}

/** Reads only the header of the source. Closes the source. */
export async function loadHeader(engine: Engine, source: ByteSource, options: LoadOptions): Promise<void> {
  try {
    await feeder(engine, source, options).feedHeader(headerReadBytes);
  } finally {
    await source.close();
  }
}

/** The steps of a load, which share the position in the file. */
function feeder(engine: Engine, source: ByteSource, { signal, eager = Infinity, onProgress }: LoadOptions) {
  const progress = trackProgress(engine, source, onProgress);
  // Sources in memory never wait, so without pauses an abort would not get through.
  const pace = pacer();
  let position = 0; // bytes fed so far

  /** Reads into the staging buffer, up to `maxBytes` or its size. */
  const fillStaging = async (maxBytes: number): Promise<{ filled: number; ended: boolean }> => {
    const staging = engine.staging(); // stays valid, since nothing else uses the engine during a load
    const size = Math.min(maxBytes, staging.length);
    let filled = 0;
    while (filled < size) {
      const count = await orAborted(source.read(staging.subarray(filled, size)), signal);
      if (count === 0) return { filled, ended: true };
      filled += count;
      progress.addBytes(count);
    }
    return { filled, ended: false };
  };

  const feed = (size: number) => {
    position += size;
    if (size > 0) engine.feed(size);
  };

  /** Feeds a piece of a header. A file of a split model that is too short is named. */
  const feedHeaderPiece = (size: number) => {
    try {
      feed(size);
    } catch (error) {
      throw source.files && error instanceof CamelGPTError && error.code === "truncated"
        ? fileCutOff(source.name, error)
        : error;
    }
  };

  /** Whether the link is slow enough for eager loading. */
  const isLinkSlow = () => (source.size ?? 0) > minEagerTime * progress.bytesPerMs();

  /** Throws `truncated`: the source has ended too early. */
  const endOfFile = () => {
    if (source.files) throw fileCutOff(source.name);
    engine.endOfFile();
  };

  /**
   * Feeds up to `readBytes` at a time, until the headers of all files are complete. The last read can contain weights.
   */
  const feedHeader = async (readBytes: number): Promise<void> => {
    progress.report("initiate");
    progress.report("download");
    let headers = 0;
    let isFileStart = true;
    for (;;) {
      const { filled, ended } = await fillStaging(readBytes);
      // Seeks before the engine parses the header. Parsing takes a while, in which the server would send bytes that are
      // needed last.
      if (position + filled >= eager && isLinkSlow())
        await source.ranges?.seek(position + filled, source.size ?? Infinity);
      if (isFileStart && filled > 0) {
        rejectOtherFiles(engine.staging().subarray(0, filled), source.name);
        engine.setFileSize(exactSizeOf(source) ?? 0);
      }
      feedHeaderPiece(filled);
      const split = engine.split();
      isFileStart = split.headers > headers;
      headers = split.headers;
      if (isFileStart) {
        expectFiles(split.files, source);
        if (source.files) {
          const tail = engine.staging().slice(filled - split.remaining, filled);
          await orAborted(source.files.endHeader(tail, split.dataBytes), signal);
          position -= split.remaining;
          progress.expectRepeated(split.remaining);
        }
      }
      if (engine.loadState !== "header") return source.expect?.(engine.fileBytes);
      if (ended && !isFileStart) return endOfFile();
      await pace();
    }
  };

  /** Feeds the ranges that the engine wants, until it is ready. Loads eagerly if that is possible and helps. */
  const feedWeights = async (hasRanges: boolean): Promise<void> => {
    const isReady = () => engine.loadState === "ready";
    let undecided = hasRanges ? maxUndecidedBytes : 0;
    while (!isReady()) {
      if (undecided > 0 && isLinkSlow()) {
        engine.loadEagerly();
        undecided = 0;
      }
      const wanted = engine.wanted();
      if (wanted && wanted.from !== position) {
        await source.ranges?.seek(wanted.from, wanted.to);
        position = wanted.from;
      }
      const { filled, ended } = await fillStaging(wanted ? wanted.to - wanted.from : Infinity);
      feed(filled);
      undecided -= filled;
      if (ended && !isReady()) return endOfFile();
      await pace();
    }
  };

  /** Reads and drops the bytes after the last tensor. */
  const readToEnd = async (): Promise<void> => {
    while ((await fillStaging(Infinity)).filled > 0);
  };

  return { progress, feedHeader, feedWeights, readToEnd };
}

/** Compares the number of files that the first header announces with the number that was given. */
function expectFiles(files: number, source: ByteSource): void {
  const given = source.files?.count ?? 1;
  if (given === files) return;
  if (files === 1) {
    throw new CamelGPTError("bad-input", `${source.name} is a whole model.`, {
      expected: "one file",
      found: `${given} files`,
    });
  }
  throw new CamelGPTError("bad-input", `${source.name} is one of the files of a split model.`, {
    expected: `${files} files`,
    found: `${given}`,
    hint: "Give all files in an array or, under their own names (…-00001-of-…), the path or URL of the first.",
  });
}
