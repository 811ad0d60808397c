// The kept downloads of a model: their folder, their keys, and how long they stay.
import type { Location, ResolveOptions } from "../../web/load/location.js";
import type { FileStore, OpenStore } from "../../web/load/stores/file-store.js";
import type { CallerPlatform } from "../../web/worker/platform.js";

/** The platform with another folder for downloads and named releases. */
export function withCacheFolder(platform: CallerPlatform, folder: string | undefined): CallerPlatform {
  const { files, openStore } = platform;
  if (folder === undefined || !files || !openStore) return platform;
  return {
    ...platform,
    files: { ...files, cachedRelease: (name) => files.cachedRelease(name, folder) },
    openStore: (warn) => openStore(warn, folder),
  };
}

/** Adds the digest of the headers, if there are any and a download of the source can be kept. */
export async function withHeaderKey(
  source: unknown,
  options: ResolveOptions,
  openStore: OpenStore | undefined,
): Promise<ResolveOptions> {
  const { http, cache, fetch } = options;
  const isKept = cache === undefined ? !/^http:/i.test(String(source)) : cache !== "off";
  if (fetch || !openStore || !isKept || Object.keys(http.headers).length === 0) return options;
  return (await import("../../web/load/stores/header-key.js")).withHeaderKey(options, openStore);
}

/** The kept downloads of one model, which are not removed while it uses them. */
export class KeptDownloads {
  readonly #openStore: OpenStore | undefined;
  readonly #quota: number | undefined;
  #keys: readonly string[] = [];
  #release: (() => void) | undefined;

  constructor({ openStore }: CallerPlatform, quota: number | undefined) {
    this.#openStore = openStore;
    this.#quota = quota;
  }

  async use(location: Location): Promise<void> {
    this.#release?.();
    this.#release = undefined;
    if (!this.#openStore || !isUrl(location)) return;
    const { keysOf, useDownloads } = await import("../../web/load/stores/tidy.js");
    this.#keys = await keysOf(location).catch(() => []);
    if (this.#keys.length > 0) this.#release = useDownloads(this.#keys);
  }

  /** Removes other downloads if there are too many. Does nothing if the model keeps none. */
  async tidy(): Promise<void> {
    if (!this.#release) return;
    try {
      const store: FileStore | undefined = await this.#openStore?.();
      if (!store) return;
      const { tidyStore, touchDownloads } = await import("../../web/load/stores/tidy.js");
      await touchDownloads(store, this.#keys);
      await tidyStore(store, this.#quota);
    } catch {
      // A store that does not work is a note of the load.
    }
  }

  async release(): Promise<void> {
    if (!this.#release) return;
    this.#release();
    await this.tidy();
    this.#release = undefined;
  }
}

const isUrl = (location: Location): boolean =>
  location.kind === "shards" ? location.files.some(isUrl) : location.kind === "url" && location.cache !== "off";
