// The flags that choose and load a model, shared by all commands.
import { CamelGPTError, describe } from "../../../web/errors.js";
import { CamelGPTInference, type LoadOptions, type ProgressEvent } from "../entry/node.js";
import { memoryOptionsRules, memoryOptionsWords } from "../../../web/engine/records.js";
import { packagedRelease } from "../../../web/load/releases/known-releases.js";
import { nodeFiles } from "../entry/node-files.js";
import { type Flag, type FlagGroup, type Flags, UsageError } from "./command.js";
import { defaultModel, explainDefault, getModel } from "./get-model.js";
import { headersOf, hubFlags, hubOf } from "./hub-flags.js";
import { showProgressLine, showsProgress } from "./output.js";
import { flagOf } from "./table-flags.js";

/** The conditions for releases. */
export const trustFlags: Record<string, Flag> = {
  "require-signature": {
    takes: "nothing",
    help: "Load only a release that is signed by a trusted key (default with --trust).",
  },
  trust: {
    takes: "text",
    value: "KEY",
    many: true,
    option: "trustedKeys",
    help: "Public key of a publisher to trust, 64 hexadecimal digits, in addition to this project's keys.",
  },
  "expect-name": { takes: "text", value: "N", option: "expect", help: "Name that the release must have." },
  "min-version": { takes: "text", value: "V", help: "Oldest version of the release to accept, for example 1.2.0." },
};

export const sourceFlags: Record<string, Flag> = {
  releases: { takes: "text", value: "URL", help: "Base URL of named releases." },
  ...hubFlags,
  "no-cache": { takes: "nothing", option: "cache", help: "Neither cache a download nor use a cached one." },
  offline: { takes: "nothing", help: "Download nothing: use only models that are on this machine." },
  ...trustFlags,
  context: {
    ...flagOf(memoryOptionsRules.contextLength, memoryOptionsWords.contextLength),
    short: "c",
    option: "contextLength",
  },
  "kv-cache": flagOf(memoryOptionsRules.kvCache, memoryOptionsWords.kvCache),
  weights: flagOf(memoryOptionsRules.weights, memoryOptionsWords.weights),
  "max-memory": flagOf(memoryOptionsRules.maxMemory, memoryOptionsWords.maxMemory),
  "max-header-bytes": { takes: "number", help: "Bytes that the header of a model may have (default: 64 MiB)." },
  flavour: {
    takes: "text",
    value: "NAME",
    values: ["auto", "simd", "relaxed"],
    help: "Build of the engine: auto, simd or relaxed (default: auto).",
  },
  "no-worker": { takes: "nothing", option: "worker", help: "Run the engine on the main thread." },
};

export const modelFlags: Record<string, Flag> = {
  model: {
    takes: "text",
    short: "m",
    value: "M",
    option: "source",
    help:
      "Name (camelgpt list shows them), path, URL, owner/repo, owner/repo:Q4_K_M or owner/repo/file.gguf " +
      `(default: $CAMELGPT_MODEL, else ${packagedRelease}).`,
  },
  ...sourceFlags,
  threads: {
    takes: "number",
    short: "t",
    help: "Threads to compute with (default: one for each core, at most 4).",
  },
  epdp: {
    takes: "text",
    value: "MODE",
    values: ["off", "exact", "balanced", "aggressive"],
    help:
      "Dynamic pruning: off, exact, balanced, aggressive, or JSON " +
      "(default: balanced if there is a sidecar, otherwise off).",
  },
  sidecar: {
    takes: "text",
    value: "F",
    help: "Result of camelgpt calibrate (default: the .epdp file beside the model).",
  },
};

/** The options that all commands with a model share. */
export const modelOptions: FlagGroup = {
  name: "model-options",
  title: "Options of the model",
  flags: modelFlags,
};

export function loadOptions(flags: Flags, signal: AbortSignal): LoadOptions {
  return {
    signal,
    worker: !flags.has("no-worker"),
    headers: headersOf(flags),
    releases: flags.text("releases"),
    hub: hubOf(flags),
    offline: flags.has("offline") || undefined,
    cache: flags.has("no-cache") ? false : undefined,
    cacheFolder: flags.text("cache-folder"),
    sha256: flags.text("sha256"),
    ...trustOptions(flags),
    contextLength: flags.number("context"),
    threads: flags.number("threads"),
    // Any text may be in the command line: load() checks the options.
    kvCache: flags.text("kv-cache") as LoadOptions["kvCache"],
    weights: flags.text("weights") as LoadOptions["weights"],
    maxMemory: flags.number("max-memory"),
    maxHeaderBytes: flags.number("max-header-bytes"),
    flavour: flags.text("flavour") as LoadOptions["flavour"],
    epdp: epdpOf(flags.text("epdp")),
    sidecar: flags.text("sidecar"),
    onProgress: showsProgress() && !flags.json ? showProgress : undefined,
  };
}

function trustOptions(flags: Flags): Pick<LoadOptions, "requireSignature" | "trustedKeys" | "expect"> {
  const [name, minVersion] = [flags.text("expect-name"), flags.text("min-version")];
  return {
    requireSignature: flags.has("require-signature") || undefined,
    trustedKeys: flags.texts("trust"),
    expect: name === undefined && minVersion === undefined ? undefined : { name, minVersion },
  };
}

function epdpOf(text: string | undefined): LoadOptions["epdp"] {
  if (!text?.startsWith("{")) return text as LoadOptions["epdp"];
  try {
    return JSON.parse(text) as LoadOptions["epdp"];
  } catch (error) {
    throw new UsageError(`--epdp wants a mode or a JSON object: ${describe(error)}`);
  }
}

/** Loads a model with the options of the flags. A model of a hub is pulled first. */
export async function loadModel(
  name: string,
  flags: Flags,
  signal: AbortSignal,
  own: LoadOptions = {},
): Promise<CamelGPTInference> {
  return CamelGPTInference.load(name, {
    ...loadOptions(flags, signal),
    ...(await getModel(name, flags, signal)),
    ...own,
  });
}

interface OwnOptions extends Omit<LoadOptions, "sequences"> {
  source?: string | undefined;
  /** Generations that run side by side, if the model can and has memory for them. */
  sideBySide?: number;
}

/** Runs `work` with the model that the flags name, then disposes of the model, even after an error. */
export async function withModel<T>(
  flags: Flags,
  signal: AbortSignal,
  work: (model: CamelGPTInference) => Promise<T>,
  { source = flags.text("model"), sideBySide = 1, ...own }: OwnOptions = {},
): Promise<T> {
  const load = (options: LoadOptions) => loadModel(source ?? defaultModel(), flags, signal, options);
  const loadWithSequences = (sequences: number) =>
    load({ ...own, sequences }).catch((error: unknown) => {
      const isTooMany = error instanceof CamelGPTError && ["out-of-memory", "bad-option"].includes(error.code);
      if (!isTooMany) throw error;
      return load(own);
    });
  try {
    const sequences = Math.min(sideBySide, memoryOptionsRules.sequences.max);
    const model = await (sequences > 1 ? loadWithSequences(sequences) : load(own));
    try {
      return await work(model);
    } finally {
      await model.dispose();
    }
  } catch (error) {
    throw explainDefault(error, source === undefined);
  }
}

/** Returns the path of a model file, or of a cached release; undefined for other models. */
export async function modelPath(model: string): Promise<string | undefined> {
  for (const path of [model, nodeFiles.cachedRelease(model)]) {
    if (await isFile(path)) return path;
  }
  return undefined;
}

async function isFile(path: string | undefined): Promise<boolean> {
  return path !== undefined && (await nodeFiles.kindOf(path)) === "file";
}

let isReady = false;

function showProgress({ status, file, progress, loaded }: ProgressEvent): void {
  if (status === "progress" && !isReady) {
    const amount = progress > 0 ? `${progress.toFixed(0)} %` : `${(loaded / 1e6).toFixed(0)} MB`;
    showProgressLine(`loading ${file}: ${amount}`);
  }
  if (status !== "ready") return;
  isReady = true; // from now on the line belongs to the answer
  showProgressLine();
}
