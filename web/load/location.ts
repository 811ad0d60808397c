// The location of a model's bytes, and the options and services for resolving it.
import type { FileCheck } from "./integrity/file-check.js";
import type { ReleaseInfo, SamplingDefaults } from "../types.js";
import { originOf } from "./names.js";
import type { TrustOptions } from "./releases/wants-release.js";
import type { CheckedFetch, HttpSettings } from "./sources/http-options.js";
import type { ByteSource } from "./sources/source.js";
import type { CacheUse } from "./stores/cache.js";
import type { OpenStore } from "./stores/file-store.js";

/** The place of a single file. */
export type FilePlace = { kind: "path"; path: string } | { kind: "url"; url: string };

/** A source that the engine's thread opens. It requests the bytes of a `caller` location from the caller. */
export type Location =
  | { kind: "path"; path: string; folders?: readonly string[] | undefined; check?: FileCheck }
  | { kind: "url"; url: string; http: HttpSettings; cache: CacheUse; keep?: KeepSettings; check?: FileCheck }
  | { kind: "caller"; name: string; file?: number }
  | { kind: "shards"; files: Location[] };

/** Where and how much is kept of downloads. */
export interface KeepSettings {
  /** Replaces the user's cache folder. */
  folder?: string | undefined;
  /** In bytes; undefined: that of the store. */
  quota?: number | undefined;
}

/** A location, and the release and sidecar that belong to it. */
export interface ResolvedSource {
  location: Location;
  release?: ReleaseInfo;
  /** Sentences about the release, for the user. */
  notes?: readonly string[];
  sidecar?: FoundSidecar | undefined;
  /** The sampling that the catalogue recommends for the model. */
  sampling?: SamplingDefaults | undefined;
  /** The origin of a URL, to which the caller's headers are sent. */
  origin?: string | undefined;
  /** Whether the file has to be read to its end, where its hash is compared. */
  toEnd?: true;
  /** For `caller` locations: opens the bytes of a file on the caller's thread. */
  open?: ((signal: AbortSignal | undefined, file?: number) => Promise<ByteSource>) | undefined;
}

/** The sidecar of a release. That of the package is not subject to the option `allow`. */
export type FoundSidecar = { bytes: Uint8Array } | { place: FilePlace; check?: FileCheck; isPackaged?: true };

/** The services of a runtime for resolving sources. */
export interface FilePlatform {
  /** Missing if there is no file system. */
  files?: {
    /** Returns the path of a file: URL. */
    fromUrl(url: URL): string;
    /**
     * Undefined if there is nothing at that path; `other` for pipes, sockets and devices; `denied` if that is unknown,
     * because access to it is denied.
     */
    kindOf(path: string): Promise<"file" | "folder" | "other" | "denied" | undefined>;
    /**
     * Returns the path of the only model in a folder, the first file of a split one; undefined if `path` is no such
     * folder, has a manifest, or is outside of `folders`. Errors: `bad-option` if there are several models.
     */
    modelIn(path: string, folders?: readonly string[]): Promise<string | undefined>;
    /** Resolves a path against the working directory. */
    absolute(path: string): string;
    /** Whether a path leads into one of these folders, after resolving symbolic links. It need not exist. */
    isInside(path: string, folders: readonly string[]): Promise<boolean>;
    /**
     * Returns the path of a named release in the user's cache, or in `folder`, whether or not it exists; undefined
     * without a cache.
     */
    cachedRelease(name: string, folder?: string): string | undefined;
    /** Returns the names in a folder; none if it cannot be read. */
    names(folder: string): Promise<string[]>;
    /** Errors: those of opening, and `not-allowed` for a path outside of `folders`, if these are given. */
    open(path: string, folders?: readonly string[]): Promise<ByteSource>;
  };
  /** The releases in the package: their weights and sidecars, or the URLs of these. */
  packaged: Readonly<Record<string, () => Promise<{ weights: URL | ArrayBuffer; sidecar: URL | ArrayBuffer }>>>;
  /** The base of relative URLs; undefined if there is none. */
  baseUrl(): string | undefined;
  /** Opens the store for downloads; returns undefined if there is none. */
  openStore?: OpenStore;
  /** See `EnginePlatform`. */
  fetch: CheckedFetch;
  /** Checks whether this program may connect to a URL. Missing if it always may. Errors: `unsupported-environment`. */
  requireAccess?(url: string): void;
}

export interface ResolveOptions {
  http: HttpSettings;
  /** The origin that the headers are for: that of the model's first file; undefined while this one is resolved. */
  origin?: string | undefined;
  /** Base URL of named releases. */
  releases: string | undefined;
  /** Base URL of the model hub. */
  hub: string;
  /** The caller's own. */
  fetch: CheckedFetch | undefined;
  /** Undefined: `use` for https: URLs, `off` for others. */
  cache: CacheUse | undefined;
  keep: KeepSettings;
  /** The expected SHA-256 of the file, in hexadecimal. */
  sha256: string | undefined;
  /** The conditions for releases. */
  trust: TrustOptions;
}

/** Returns the settings for a request of `url`: without the caller's headers if these are for another origin. */
export function httpFor<T extends HttpSettings>(url: string, http: T, origin: string | undefined): T {
  return originOf(url) === origin ? http : { ...http, headers: {}, headerKey: undefined };
}

/** Returns the options for files of the package: without the caller's headers, and without `allow`. */
export function packageOptions(options: ResolveOptions): ResolveOptions {
  return { ...options, http: { ...options.http, headers: {}, headerKey: undefined, allow: undefined } };
}

/** How the store is used for a URL. Bytes from the caller's own `fetch` are not stored. */
export function cacheUse(url: string, { cache, fetch }: Pick<ResolveOptions, "cache" | "fetch">): CacheUse {
  if (fetch) return "off";
  return cache ?? (/^https:/i.test(url) ? "use" : "off");
}
