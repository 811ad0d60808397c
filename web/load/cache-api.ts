// The Cache API as a store for downloads, where there is no file system: each write to a file is a response of its own, so that none
// has to be in memory as a whole.
import type { FileStore } from "./cache.js";
import { blobSource } from "./source.js";

/** Entries go by addresses; these lead nowhere. */
const root = "https://camelgpt.invalid/";

/** Undefined where there is none: insecure pages, some private modes. */
export async function openCacheApi(): Promise<FileStore | undefined> {
  const cache = await globalThis.caches?.open("camelgpt").catch(() => undefined);
  if (!cache) return undefined;
  const keys = async () => (await cache.keys()).map(({ url }) => url.slice(root.length).split("/"));
  return {
    async open(name) {
      const parts: Blob[] = [];
      for (let part; (part = await cache.match(`${root}${name}/${parts.length}`)); ) parts.push(await part.blob());
      return parts.length > 0 ? blobSource(new Blob(parts), name) : undefined;
    },
    async create(name) {
      let parts = 0;
      return {
        write: (bytes) => cache.put(`${root}${name}/${parts++}`, new Response(bytes as Uint8Array<ArrayBuffer>)),
        async close() {},
      };
    },
    async remove(name) {
      for (const key of await keys()) if (key[0] === name) await cache.delete(root + key.join("/"));
    },
    names: async () => [...new Set((await keys()).map(([name]) => name!))],
  };
}
