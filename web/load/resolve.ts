// What the caller named → where its bytes are. Nothing but a release's manifest is opened here, and errors are those of a wrong name.
import { asCamelGPTError, CamelGPTError, describe, excerpt } from "../errors.js";
import { type FileStore, keepBytes, keptBytes } from "./stores/cache.js";
import { type Fetch, type HttpSettings, openUrl } from "./sources/http.js";
import { openParallel } from "./sources/parallel.js";
import { checkedSource, type FileCheck } from "./integrity/checked-source.js";
import { readAll } from "./sources/read-all.js";
import { largestManifest, manifestName, readRelease, type Release, type ReleaseFile } from "./releases/manifest.js";
import { inOrder, shardsOf } from "./sources/shard-names.js";
import { blobSource, type ByteSource, bytesSource, fileName, streamSource } from "./sources/source.js";

/** What a file can be read from. */
export type FileSource = string | URL | Blob | Uint8Array | ArrayBuffer | ReadableStream<Uint8Array>;

/** What a model can be loaded from: one file, or the files that it is split into. */
export type ModelSource = FileSource | readonly FileSource[];

/** A place that the thread of the engine opens by itself; `caller` stands for bytes that it must ask the caller for. */
export type Location =
  | { kind: "path"; path: string; check?: FileCheck }
  | { kind: "url"; url: string; http: HttpSettings; cache: CacheUse; check?: FileCheck }
  | { kind: "caller"; name: string; file?: number }
  | { kind: "shards"; files: Location[] };

/** Whether a download is kept, and an earlier one used. */
export type CacheUse = "use" | "reload" | "off";

/** A location, and for `caller` the function that opens the bytes of a file on this side. */
export interface ResolvedSource {
  location: Location;
  release?: Release;
  sidecar?: FoundSidecar | undefined;
  open?: ((signal: AbortSignal | undefined, file?: number) => Promise<ByteSource>) | undefined;
}

/** The sidecar of a release: `name` is its path or URL where its bytes are not at hand. */
export interface FoundSidecar {
  name: string;
  bytes?: Uint8Array;
  /** What it has to be. */
  check?: FileCheck;
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
  /** Releases that come with the package: where their weights and sidecars are, or these themselves. */
  packaged: Readonly<Record<string, () => Promise<{ weights: URL | ArrayBuffer; sidecar: URL | ArrayBuffer }>>>;
  /** What relative URLs are relative to; undefined where nothing is. */
  baseUrl(): string | undefined;
  /** Where downloads are kept; undefined where they cannot be. */
  openStore?(): Promise<FileStore | undefined>;
}

export interface ResolveOptions {
  http: HttpSettings;
  /** Base URL of named releases. */
  releases: string | undefined;
  /** Base URL of the model hub. */
  hub: string;
  fetch: Fetch | undefined;
  /** Undefined: for https: alone. */
  cache: CacheUse | undefined;
  /** What the file has to be, as hexadecimal digits. */
  sha256: string | undefined;
}

/** What becomes of a download, given what the caller said; that of a `fetch` of the caller's own is not kept. */
export function cacheUse(url: string, { cache, fetch }: Pick<ResolveOptions, "cache" | "fetch">): CacheUse {
  if (fetch) return "off";
  return cache ?? (/^https:/i.test(url) ? "use" : "off");
}

/** The release that comes with the package. */
export const packagedRelease = "camelgpt-mini";

/** Releases that are known by name. */
export const knownReleases: readonly string[] = [packagedRelease, "smollm2-135m"];

// By tag and not by class: a frame, or a test runner, has classes of its own.
const kindOf = (source: unknown) => Object.prototype.toString.call(source).slice(8, -1);

export async function resolveSource(
  source: ModelSource,
  options: ResolveOptions,
  means: ResolveMeans,
): Promise<ResolvedSource> {
  const resolved = await resolveUnchecked(source, options, means);
  return options.sha256 === undefined ? resolved : checkedLocation(resolved, options.sha256);
}

function checkedLocation({ location, open, ...more }: ResolvedSource, sha256: string): ResolvedSource {
  if (location.kind === "shards" || more.release) {
    throw new CamelGPTError("bad-option", "The option sha256 is for a model that is one file.", {
      expected: "the source of one GGUF file",
      found: more.release ? "a release, whose manifest says what its files are" : "the files of a split model",
    });
  }
  const check = { sha256 };
  if (location.kind !== "caller") return { ...more, location: { ...location, check } };
  return { ...more, location, open: open && (async (signal, file) => checkedSource(await open(signal, file), check)) };
}

async function resolveUnchecked(
  source: ModelSource,
  options: ResolveOptions,
  means: ResolveMeans,
): Promise<ResolvedSource> {
  switch (kindOf(source)) {
    case "String":
    case "URL":
      return resolveName(String(source), options, means);
    case "Array": {
      const files = source as readonly FileSource[];
      if (files.length > 0) return resolveFiles(inOrder(files, nameOfFile), options, means);
    }
  }
  return resolveFile(source as FileSource, options, means);
}

/** One file, whatever its name says of others. */
async function resolveFile(source: FileSource, options: ResolveOptions, means: ResolveMeans): Promise<ResolvedSource> {
  switch (kindOf(source)) {
    case "String":
    case "URL":
      return resolveName(String(source), options, means, true);
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
  throw new CamelGPTError("bad-option", "The model's source is of no known kind.", {
    expected:
      "a path, a URL, the name of a release, a Blob, bytes, a ReadableStream, or an array of the files of a split model",
    found: source === null ? "null" : typeof source,
  });
}

/** Empty where it has none. */
function nameOfFile(source: FileSource): string {
  const kind = kindOf(source);
  return kind === "String" || kind === "URL" ? String(source) : ((source as { name?: string }).name ?? "");
}

/** The files of a split model, in order. */
async function resolveFiles(
  files: readonly FileSource[],
  options: ResolveOptions,
  means: ResolveMeans,
): Promise<ResolvedSource> {
  const parts: ResolvedSource[] = [];
  for (const file of files) parts.push(await resolveFile(file, options, means));
  return {
    location: {
      kind: "shards",
      files: parts.map(({ location }, file) => (location.kind === "caller" ? { ...location, file } : location)),
    },
    open: async (signal, file = 0) => {
      const open = parts[file]?.open;
      if (open) return open(signal);
      throw new CamelGPTError("internal", "The worker asked for a file that nobody has.");
    },
  };
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

function fromUrl(url: string, options: ResolveOptions, check?: FileCheck): ResolvedSource {
  const { fetch, http } = options;
  // A function cannot be sent to the engine's thread: with the caller's own fetch the bytes come from here.
  if (fetch)
    return fromCaller(fileName(url), async (signal) =>
      checkedSource(await openParallel(url, { ...http, fetch, signal }), check),
    );
  return { location: { kind: "url", url, http, cache: cacheUse(url, options), ...(check && { check }) } };
}

const releaseName = /^[a-z0-9][a-z0-9._-]*$/i;
const hubFile = /^[\w.-]+\/[\w.-]+\/[^?#]+\.gguf$/i;

/** `isPart`: the other files of its model have been named already. */
async function resolveName(
  name: string,
  options: ResolveOptions,
  means: ResolveMeans,
  isPart = false,
): Promise<ResolvedSource> {
  const files = isPart ? undefined : shardsOf(name);
  if (files) return resolveFiles(files, options, means);
  const found = await findRelease(name, options, means);
  if (found) return fromRelease(found, options);
  if (/^(https?|blob|data):/i.test(name)) return fromUrl(name, options);
  if (/^file:/i.test(name)) {
    if (!means.files) throw noFiles(name);
    return { location: { kind: "path", path: means.files.fromUrl(new URL(name)) } };
  }
  const kind = await means.files?.kindOf(name);
  if (kind === "file") return { location: { kind: "path", path: name } };
  if (releaseName.test(name) && !/\.gguf$/i.test(name)) return resolveRelease(name, options, means);
  const [owner = "", repository, ...path] = name.split("/");
  // A misspelt path below a folder that exists is a path, and not a reason to ask the hub.
  if (hubFile.test(name) && !name.startsWith(".") && (await means.files?.kindOf(owner)) !== "folder") {
    return fromUrl(
      joinUrl(options.hub, `${owner}/${repository}/resolve/main/${path.map(encodeURIComponent).join("/")}`),
      options,
    );
  }
  if (means.files) {
    throw new CamelGPTError("not-found", `There is no file ${excerpt(name)}.`, {
      expected:
        "the path of a GGUF file or of a release's folder, a URL, owner/repo/file.gguf, or the name of a release",
      found: kind === "folder" ? `a folder without ${manifestName}` : "no such file",
      hint: `Check the path. Releases: ${knownReleases.join(", ")}.`,
    });
  }
  let url: string;
  try {
    url = new URL(name, means.baseUrl()).href;
  } catch (error) {
    throw new CamelGPTError("bad-option", `${excerpt(name)} is not an address.`, {
      expected: "a URL, owner/repo/file.gguf, or the name of a release",
      found: excerpt(name),
      cause: error,
    });
  }
  return /^https?:/.test(url) ? resolveName(url, options, means, isPart) : fromUrl(url, options);
}

/** A release, and where its files are. */
export interface FoundRelease {
  release: Release;
  /** Path or URL of a file; `isUrl` says which. */
  nameOf(file: ReleaseFile): string;
  isUrl: boolean;
}

/** Undefined where the name is not that of a release's folder or manifest. Errors: those of {@link readRelease}. */
export async function findRelease(
  name: string,
  options: ResolveOptions,
  means: ResolveMeans,
): Promise<FoundRelease | undefined> {
  const { files } = means;
  if (/^https?:.*\/(camelgpt\.json)?$/i.test(name)) {
    const manifest = new URL(manifestName, name).href;
    const release = await readManifest(manifest, options, means);
    return { release, nameOf: ({ path }) => new URL(path, manifest).href, isUrl: true };
  }
  if (!files || /^(https?|blob|data|file):/i.test(name)) return undefined;
  const folder = name.endsWith(`/${manifestName}`) ? name.slice(0, -manifestName.length - 1) : name;
  if ((await files.kindOf(folder)) !== "folder" || (await files.kindOf(`${folder}/${manifestName}`)) !== "file")
    return undefined;
  const release = await readRelease(await files.open(`${folder}/${manifestName}`));
  return { release, nameOf: ({ path }) => `${folder}/${path}`, isUrl: false };
}

/** The newest one, since it says what is new; without the network the one that was read last. */
async function readManifest(url: string, options: ResolveOptions, { openStore }: ResolveMeans): Promise<Release> {
  const { http, fetch } = options;
  const isKept = cacheUse(url, options) !== "off";
  const last = isKept ? await keptBytes(url, openStore) : undefined;
  let bytes: Uint8Array;
  try {
    const source = await openUrl(url, { ...http, retries: last ? 0 : http.retries, fetch });
    bytes = await readAll(source, largestManifest, "the manifest of a release");
  } catch (error) {
    if (last && asCamelGPTError(error).code === "network") return readRelease(bytesSource(last));
    throw error;
  }
  const release = await readRelease(bytesSource(bytes));
  if (isKept && String(bytes) !== String(last)) await keepBytes(url, bytes, openStore);
  return release;
}

function fromRelease({ release, nameOf, isUrl }: FoundRelease, options: ResolveOptions): ResolvedSource {
  const { weights, sidecar, blocks } = release;
  const check = { ...weights.check, ...(isUrl && blocks && { blocks: { url: nameOf(blocks), check: blocks.check } }) };
  const source: ResolvedSource = isUrl
    ? fromUrl(nameOf(weights), options, check)
    : { location: { kind: "path", path: nameOf(weights), check } };
  return { ...source, release, sidecar: sidecar && { name: nameOf(sidecar), check: sidecar.check } };
}

async function resolveRelease(name: string, options: ResolveOptions, means: ResolveMeans): Promise<ResolvedSource> {
  if (means.files) {
    const path = means.files.cachedRelease(name);
    if ((await means.files.kindOf(path)) === "file") return { location: { kind: "path", path } };
  }
  const packaged = await means.packaged[name]?.();
  if (packaged) {
    const { weights, sidecar } = packaged;
    const found = "href" in sidecar ? { name: sidecar.href } : { name: "the sidecar", bytes: new Uint8Array(sidecar) };
    return { ...(await resolveUnchecked(weights, options, means)), sidecar: found };
  }
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
  return new CamelGPTError(
    "unsupported-environment",
    `${excerpt(name)} cannot be opened here: there is no file system.`,
    {
      expected: "a URL, a Blob or bytes",
      found: "a file: URL",
      hint: 'Let the user choose the file with <input type="file"> and hand in the File.',
    },
  );
}

function joinUrl(base: string, path: string): string {
  return `${base.replace(/\/+$/, "")}/${path}`;
}
