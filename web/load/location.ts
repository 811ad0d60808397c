// The location of a model's bytes, and the options and services for resolving it.
import type { FileCheck } from "./integrity/file-check.js";
import type { ReleaseInfo } from "../types.js";
import { originOf } from "./names.js";
import type { TrustOptions } from "./releases/wants-release.js";
import type { Fetch, HttpSettings } from "./sources/http-options.js";
import type { ByteSource } from "./sources/source.js";
import type { CacheUse } from "./stores/cache.js";
import type { OpenStore } from "./stores/file-store.js";

/** The place of a single file. */
export type FilePlace = { kind: "path"; path: string } | { kind: "url"; url: string };

/** A source that the engine's thread opens. It requests the bytes of a `caller` location from the caller. */
export type Location =
  | { kind: "path"; path: string; check?: FileCheck }
  | { kind: "url"; url: string; http: HttpSettings; cache: CacheUse; check?: FileCheck }
  | { kind: "caller"; name: string; file?: number }
  | { kind: "shards"; files: Location[] };

/** A location, and the release and sidecar that belong to it. */
export interface ResolvedSource {
  location: Location;
  release?: ReleaseInfo;
  /** Sentences about the release, for the user. */
  notes?: readonly string[];
  sidecar?: FoundSidecar | undefined;
  /** The origin of a URL, to which the caller's headers are sent. */
  origin?: string | undefined;
  /** For `caller` locations: opens the bytes of a file on the caller's thread. */
  open?: ((signal: AbortSignal | undefined, file?: number) => Promise<ByteSource>) | undefined;
}

/** The sidecar of a release. */
export type FoundSidecar = { bytes: Uint8Array } | { place: FilePlace; check?: FileCheck };

/** The services of a runtime for resolving sources. */
export interface FilePlatform {
  /** Missing if there is no file system. */
  files?: {
    /** Returns the path of a file: URL. */
    fromUrl(url: URL): string;
    /** Undefined if there is nothing at that path; `denied` if that is unknown, because access to it is denied. */
    kindOf(path: string): Promise<"file" | "folder" | "denied" | undefined>;
    /** Returns the path of a named release in the user's cache, whether or not it exists; undefined without a cache. */
    cachedRelease(name: string): string | undefined;
    open(path: string): Promise<ByteSource>;
  };
  /** The releases in the package: their weights and sidecars, or the URLs of these. */
  packaged: Readonly<Record<string, () => Promise<{ weights: URL | ArrayBuffer; sidecar: URL | ArrayBuffer }>>>;
  /** The base of relative URLs; undefined if there is none. */
  baseUrl(): string | undefined;
  /** Opens the store for downloads; returns undefined if there is none. */
  openStore?: OpenStore;
  /** See `EnginePlatform`. */
  fetch?: Fetch | undefined;
}

export interface ResolveOptions {
  http: HttpSettings;
  /** The origin that the headers are for: that of the model's first file; undefined while this one is resolved. */
  origin?: string | undefined;
  /** Base URL of named releases. */
  releases: string | undefined;
  /** Base URL of the model hub. */
  hub: string;
  fetch: Fetch | undefined;
  /** Undefined: `use` for https: URLs, `off` for others. */
  cache: CacheUse | undefined;
  /** The expected SHA-256 of the file, in hexadecimal. */
  sha256: string | undefined;
  /** The conditions for releases. */
  trust: TrustOptions;
}

/** Returns the settings for a request of `url`: without the caller's headers if these are for another origin. */
export function httpFor(url: string, http: HttpSettings, origin: string | undefined): HttpSettings {
  return originOf(url) === origin ? http : { ...http, headers: {} };
}

/** How the store is used for a URL. Bytes from the caller's own `fetch` are not stored. */
export function cacheUse(url: string, { cache, fetch }: Pick<ResolveOptions, "cache" | "fetch">): CacheUse {
  if (fetch) return "off";
  return cache ?? (/^https:/i.test(url) ? "use" : "off");
}
