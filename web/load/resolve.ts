// What the caller named → where its bytes are. Nothing but a release's manifest is opened here, and errors are those of a wrong name.
import { CamelGPTError, describe, excerpt } from "../errors.js";
import { type Fetch, type HttpSettings, openUrl } from "./http.js";
import { manifestName, readRelease } from "./release.js";
import { blobSource, type ByteSource, bytesSource, fileName, streamSource } from "./source.js";

/** What a model can be loaded from. */
export type ModelSource = string | URL | Blob | Uint8Array | ArrayBuffer | ReadableStream<Uint8Array>;

/** A place that the thread of the engine opens by itself; `caller` stands for bytes that it must ask the caller for. */
export type Location =
  | { kind: "path"; path: string }
  | { kind: "url"; url: string; http: HttpSettings }
  | { kind: "caller"; name: string };

/** A location, and for `caller` the function that opens the bytes on this side. */
export interface ResolvedSource {
  location: Location;
  /** Path or URL of what its release has beside it. */
  sidecar?: string | undefined;
  open?: (signal: AbortSignal | undefined) => Promise<ByteSource>;
}

/** What resolving needs of a runtime. */
export interface ResolveMeans {
  /** Where there is a file system. */
  files?: {
    /** The path that a file: URL means. */
    fromUrl(url: URL): string;
    kindOf(path: string): Promise<"file" | "folder" | undefined>;
    /** Where a release of this name is kept, whether it is there or not. */
    cachedRelease(name: string): string;
    open(path: string): Promise<ByteSource>;
  };
  /** Releases that come with the package: where their weights and sidecars are. */
  packaged: Readonly<Record<string, () => { weights: URL; sidecar: URL }>>;
  /** What relative URLs are relative to; undefined where nothing is. */
  baseUrl(): string | undefined;
}

export interface ResolveOptions {
  http: HttpSettings;
  /** Base URL of named releases. */
  releases: string | undefined;
  /** Base URL of the model hub. */
  hub: string;
  fetch: Fetch | undefined;
}

/** The release that comes with the package. */
export const packagedRelease = "camelgpt-mini";

/** Releases that are known by name. */
export const knownReleases: readonly string[] = [packagedRelease, "smollm2-135m"];

export async function resolveSource(
  source: ModelSource,
  options: ResolveOptions,
  means: ResolveMeans,
): Promise<ResolvedSource> {
  // By tag and not by class: a frame, or a test runner, has classes of its own.
  switch (Object.prototype.toString.call(source).slice(8, -1)) {
    case "String":
    case "URL":
      return resolveName(String(source), options, means);
    case "Uint8Array":
      return fromCaller("bytes", async () => bytesSource(source as Uint8Array));
    case "ArrayBuffer":
    case "SharedArrayBuffer":
      return fromCaller("bytes", async () => bytesSource(new Uint8Array(source as ArrayBuffer)));
    case "File":
    case "Blob": {
      const blob = source as Blob & { name?: string };
      const name = blob.name || "blob";
      return fromCaller(name, async () => blobSource(blob, name));
    }
    case "ReadableStream":
      return fromCaller("stream", async () => openStream(source as ReadableStream<Uint8Array>));
  }
  throw new CamelGPTError("bad-option", "The model's source is of no known kind.", {
    expected: "a path, a URL, the name of a release, a Blob, bytes or a ReadableStream",
    found: source === null ? "null" : typeof source,
  });
}

function fromCaller(name: string, open: (signal: AbortSignal | undefined) => Promise<ByteSource>): ResolvedSource {
  return { location: { kind: "caller", name }, open };
}

function openStream(stream: ReadableStream<Uint8Array>): ByteSource {
  if (stream.locked) {
    throw new CamelGPTError("bad-input", "The stream of the model is already being read.", {
      expected: "a ReadableStream that nobody reads",
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

function fromUrl(url: string, options: ResolveOptions): ResolvedSource {
  const { fetch, http } = options;
  // A function cannot be sent to the engine's thread: with the caller's own fetch the bytes come from here.
  if (fetch) return fromCaller(fileName(url), (signal) => openUrl(url, { ...http, fetch, signal }));
  return { location: { kind: "url", url, http } };
}

const releaseName = /^[a-z0-9][a-z0-9._-]*$/i;
const hubFile = /^[\w.-]+\/[\w.-]+\/[^?#]+\.gguf$/i;

async function resolveName(name: string, options: ResolveOptions, means: ResolveMeans): Promise<ResolvedSource> {
  if (/^https?:.*\/(camelgpt\.json)?$/i.test(name)) return releaseAtUrl(new URL(manifestName, name).href, options);
  if (/^(https?|blob|data):/i.test(name)) return fromUrl(name, options);
  if (/^file:/i.test(name)) {
    if (!means.files) throw noFiles(name);
    return { location: { kind: "path", path: means.files.fromUrl(new URL(name)) } };
  }
  const kind = await means.files?.kindOf(name);
  if (kind === "file") return { location: { kind: "path", path: name } };
  if (means.files && kind === "folder" && (await means.files.kindOf(`${name}/${manifestName}`)) === "file") {
    const { weights, sidecar } = await readRelease(await means.files.open(`${name}/${manifestName}`));
    return { location: { kind: "path", path: `${name}/${weights}` }, sidecar: sidecar && `${name}/${sidecar}` };
  }
  if (releaseName.test(name) && !/\.gguf$/i.test(name)) return resolveRelease(name, options, means);
  const [owner = "", repository, ...path] = name.split("/");
  // A misspelt path below a folder that exists is a path, and not a reason to ask the hub.
  if (hubFile.test(name) && !name.startsWith(".") && (await means.files?.kindOf(owner)) !== "folder") {
    return fromUrl(joinUrl(options.hub, `${owner}/${repository}/resolve/main/${path.map(encodeURIComponent).join("/")}`), options);
  }
  if (means.files) {
    throw new CamelGPTError("not-found", `There is no file ${excerpt(name)}.`, {
      expected: "the path of a GGUF file or of a release's folder, a URL, owner/repo/file.gguf, or the name of a release",
      found: kind === "folder" ? `a folder without ${manifestName}` : "no such file",
      hint: `Check the path. Releases: ${knownReleases.join(", ")}.`,
    });
  }
  try {
    return fromUrl(new URL(name, means.baseUrl()).href, options);
  } catch (error) {
    throw new CamelGPTError("bad-option", `${excerpt(name)} is not an address.`, {
      expected: "a URL, owner/repo/file.gguf, or the name of a release",
      found: excerpt(name),
      cause: error,
    });
  }
}

async function releaseAtUrl(manifest: string, options: ResolveOptions): Promise<ResolvedSource> {
  const { weights, sidecar } = await readRelease(await openUrl(manifest, { ...options.http, fetch: options.fetch }));
  return { ...fromUrl(new URL(weights, manifest).href, options), sidecar: sidecar && new URL(sidecar, manifest).href };
}

async function resolveRelease(name: string, options: ResolveOptions, means: ResolveMeans): Promise<ResolvedSource> {
  if (means.files) {
    const path = means.files.cachedRelease(name);
    if ((await means.files.kindOf(path)) === "file") return { location: { kind: "path", path } };
  }
  const packaged = means.packaged[name]?.();
  if (packaged) return { ...(await resolveName(packaged.weights.href, options, means)), sidecar: packaged.sidecar.href };
  if (options.releases) return fromUrl(joinUrl(options.releases, `${name}.gguf`), options);
  if (!knownReleases.includes(name)) {
    throw new CamelGPTError("unknown-release", `There is no release with the name ${excerpt(name)}.`, {
      expected: `one of ${knownReleases.join(", ")}, a path, or a URL`,
      found: excerpt(name),
      hint: "Name a GGUF file by its path or URL, or give the base URL of your own releases with the option `releases`.",
    });
  }
  throw new CamelGPTError("not-found", `The release ${name} is not on this machine.`, {
    expected: means.files ? means.files.cachedRelease(name) : "the option `releases`, the base URL of named releases",
    found: "neither a cached file nor the option `releases`",
    hint: means.files
      ? "Give the option `releases`, the path or URL of a GGUF file, or fetch the release with `npm start` in the repository."
      : "Give the option `releases`, or the URL of a GGUF file.",
  });
}

function noFiles(name: string): CamelGPTError {
  return new CamelGPTError("unsupported-environment", `${excerpt(name)} cannot be opened here: there is no file system.`, {
    expected: "a URL, a Blob or bytes",
    found: "a file: URL",
    hint: "Let the user choose the file with <input type=\"file\"> and hand in the File.",
  });
}

function joinUrl(base: string, path: string): string {
  return `${base.replace(/\/+$/, "")}/${path}`;
}
