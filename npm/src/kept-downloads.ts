// The kept downloads of a model: their folder, their keys, and how long they stay.
import type { Location, ResolveOptions } from "../../web/load/location.js";
import type { OpenStore } from "../../web/load/stores/file-store.js";
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

const stores = () => import("../../web/load/stores/tidy.js");

/** The kept downloads of one model, which are not removed while it uses them. */
export class KeptDownloads {
  readonly #openStore: OpenStore | undefined;
  readonly #quota: number | undefined;
  #keys: Promise<readonly string[]> | undefined;
  #release: (() => void) | undefined;
  #noting: Promise<void> | undefined;

  constructor({ openStore }: CallerPlatform, quota: number | undefined) {
    this.#openStore = openStore;
    this.#quota = quota;
  }

  /** Returns before the keys are known, so that the load does not wait for them. */
  use(location: Location): void {
    this.#release?.();
    this.#release = this.#keys = this.#noting = undefined;
    if (this.#openStore && isKept(location)) this.#keys = this.#use(location).catch(() => []);
  }

  async #use(location: Location): Promise<readonly string[]> {
    const { keysOf, useDownloads } = await stores();
    const keys = await keysOf(location);
    this.#release = useDownloads(keys);
    return keys;
  }

  /** Notes the use, and removes other downloads if there are too many. Does nothing if the model keeps none. */
  async tidy(): Promise<void> {
    const keys = await this.#keys;
    if (!keys || keys.length === 0) return;
    try {
      const store = await this.#openStore?.();
      if (!store) return;
      const { tidyStore, touchDownloads } = await stores();
      this.#noting ??= touchDownloads(store, keys); // a short use, which has ended by now, counts too
      await this.#noting;
      await tidyStore(store, this.#quota);
    } catch {
      // A store that does not work is a note of the load.
    }
  }

  async release(): Promise<void> {
    await this.#keys;
    this.#release?.();
    this.#release = undefined;
    await this.tidy();
    this.#keys = undefined;
  }
}

const isKept = (location: Location): boolean =>
  location.kind === "shards" ? location.files.some(isKept) : location.kind === "url" && location.cache !== "off";
