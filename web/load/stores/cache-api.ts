// The Cache API as a store for downloads, where there is no file system: each write to a file is a response of its own, by its position, so that none
// has to be in memory as a whole.
import type { FileStore } from "./cache.js";
import { blobSource } from "../sources/source.js";

/** Entries go by addresses; these lead nowhere. */
const root = "https://camelgpt.invalid/";

/** Undefined where there is none: insecure pages, some private modes. */
export async function openCacheApi(): Promise<FileStore | undefined> {
  const cache = await globalThis.caches?.open("camelgpt").catch(() => undefined);
  if (!cache) return undefined;
  const keys = async () => (await cache.keys()).map(({ url }) => url.slice(root.length).split("/"));
  return {
    async open(name) {
      const positions = (await keys()).flatMap(([file, at]) => (file === name ? Number(at) : []));
      const parts = positions
        .sort((a, b) => a - b)
        .map(async (at) => (await cache.match(`${root}${name}/${at}`))?.blob());
      const blobs = (await Promise.all(parts)).filter((part) => part !== undefined);
      return blobs.length > 0 ? blobSource(new Blob(blobs), name) : undefined;
    },
    async create(name) {
      return {
        write: (bytes, at) => cache.put(`${root}${name}/${at}`, new Response(bytes as Uint8Array<ArrayBuffer>)),
        async close() {},
      };
    },
    async remove(name) {
      for (const key of await keys()) if (key[0] === name) await cache.delete(root + key.join("/"));
    },
    names: async () => [...new Set((await keys()).map(([name]) => name!))],
  };
}
