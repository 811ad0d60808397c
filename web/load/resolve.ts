// The source of a model, as passed by the caller → the location of its bytes. Opens only the manifests of releases.
import { CamelGPTError, describe } from "../errors.js";
import type { FilePlatform, ResolvedSource, ResolveOptions } from "./location.js";
import { fileName } from "./names.js";
import { isUrl } from "./place.js";
import { wantsRelease } from "./releases/wants-release.js";
import { fromCaller, joinFiles, resolveName } from "./resolve-name.js";
import { blobSource, bytesSource } from "./sources/memory.js";
import { shardNames, sortShards } from "./sources/shard-names.js";
import type { ByteSource } from "./sources/source.js";
import { streamSource } from "./sources/stream.js";

/** A source of one file. */
export type FileSource = string | URL | Blob | Uint8Array | ArrayBuffer | ReadableStream<Uint8Array>;

/** A source of a model: one file, or an array of the files of a split model. */
export type ModelSource = FileSource | readonly FileSource[];

// By tag instead of instanceof: a frame, or a test runner, has classes of its own.
const kindOf = (source: unknown) => Object.prototype.toString.call(source).slice(8, -1);

/** Errors: `bad-option`, `not-found`, `unknown-release`, `unsupported-environment`, and those of reading a manifest. */
export async function resolveSource(
  source: ModelSource,
  options: ResolveOptions,
  platform: FilePlatform,
): Promise<ResolvedSource> {
  const resolved = await resolveUnchecked(source, options, platform);
  if (wantsRelease(options.trust) && !resolved.release) {
    const { notARelease } = await import("./releases/trust.js");
    throw notARelease(shortNameOf(source as FileSource, platform) || "The source");
  }
  return options.sha256 === undefined ? resolved : withHash(resolved, options.sha256);
}

function withHash({ location, open, ...found }: ResolvedSource, sha256: string): ResolvedSource {
  if (location.kind === "shards" || found.release) {
    throw new CamelGPTError("bad-option", "The option sha256 is for a model that is one file.", {
      expected: "the source of one GGUF file",
      found: found.release ? "a release, whose manifest has the hashes of its files" : "the files of a split model",
    });
  }
  const check = { sha256 };
  if (location.kind !== "caller") return { ...found, location: { ...location, check } };
  return {
    ...found,
    location,
    open:
      open &&
      (async (signal, file) => {
        const { checkedSource } = await import("./caller-downloads.js");
        return checkedSource(await open(signal, file), check);
      }),
  };
}

async function resolveUnchecked(
  source: ModelSource,
  options: ResolveOptions,
  platform: FilePlatform,
): Promise<ResolvedSource> {
  switch (kindOf(source)) {
    case "String":
    case "URL": {
      const name = String(source);
      const model = (await platform.files?.modelIn(name, options.http.allow?.folders)) ?? name;
      const names = shardNames(model, isAddress(model, platform));
      return names ? resolveFiles(names, options, platform) : resolveName(model, options, platform);
    }
    case "Array": {
      const files = source as readonly FileSource[];
      if (files.length > 0)
        return resolveFiles(
          sortShards(files, (file) => shortNameOf(file, platform)),
          options,
          platform,
        );
    }
  }
  return resolveFile(source as FileSource, options, platform);
}

/** Resolves a single file, even if its name is that of one file of a split model. */
async function resolveFile(
  source: FileSource,
  options: ResolveOptions,
  platform: FilePlatform,
): Promise<ResolvedSource> {
  switch (kindOf(source)) {
    case "String":
    case "URL":
      return resolveName(String(source), options, platform);
    case "Uint8Array":
      return fromCaller("bytes", async () => bytesSource(source as Uint8Array));
    case "ArrayBuffer":
    case "SharedArrayBuffer":
      return fromCaller("bytes", async () => bytesSource(new Uint8Array(source as ArrayBuffer)));
    case "File":
    case "Blob": {
      const name = nameOfFile(source) || "blob";
      return fromCaller(name, async () => blobSource(source as Blob, name));
    }
    case "ReadableStream":
      return fromCaller("stream", async () => openStream(source as ReadableStream<Uint8Array>));
  }
  throw new CamelGPTError("bad-option", "The source of the model is of an unknown kind.", {
    expected:
      "a path, a URL, the name of a model, a Blob, bytes, a ReadableStream, or an array of a split model's files",
    found: source === null ? "null" : typeof source,
  });
}

/** Whether a name is a URL, in which a query can follow the path. In a path ? and # are letters. */
const isAddress = (name: string, { files }: FilePlatform) => isUrl(name) || !files;

/** The name without folders and query; empty if the file has none. */
function shortNameOf(source: FileSource, platform: FilePlatform): string {
  const name = nameOfFile(source);
  const kind = kindOf(source);
  return fileName(name, (kind === "String" || kind === "URL") && isAddress(name, platform));
}

/** Empty if it has none. */
function nameOfFile(source: FileSource): string {
  const kind = kindOf(source);
  return kind === "String" || kind === "URL" ? String(source) : ((source as { name?: string }).name ?? "");
}

/** Resolves the files of a split model, given in order. */
async function resolveFiles(
  files: readonly FileSource[],
  options: ResolveOptions,
  platform: FilePlatform,
): Promise<ResolvedSource> {
  const resolved: ResolvedSource[] = [];
  for (const file of files) {
    const origin = resolved[0] && (resolved[0].origin ?? "none");
    resolved.push(await resolveFile(file, { ...options, origin }, platform));
  }
  return joinFiles(resolved);
}

function openStream(stream: ReadableStream<Uint8Array>): ByteSource {
  if (stream.locked) {
    throw new CamelGPTError("bad-input", "The stream of the model is already being read.", {
      expected: "a ReadableStream without a reader",
      found: "a locked one",
    });
  }
  return streamSource(stream, "stream", undefined, (error, received) =>
    error instanceof CamelGPTError
      ? error
      : new CamelGPTError("read-failed", `The stream of the model failed: ${describe(error)}`, {
          found: `${received} bytes before`,
          cause: error,
        }),
  );
}
