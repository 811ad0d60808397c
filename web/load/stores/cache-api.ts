// The Cache API as a store, for browsers without a private file system. Each write becomes a response named by its
// position, so that no file has to be in memory as a whole.
import { blobSource } from "../sources/memory.js";
import type { FileStore } from "./file-store.js";

/** Entries need a URL; this host cannot exist. */
const root = "https://camelgpt.invalid/";

/** Returns undefined if there is no Cache API: insecure pages, some private modes. */
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
