// When files of the origin private file system were used, for the thread that removes old ones. Apart from the store
// itself, since the worker has no use for it.
import type { FileStore } from "./file-store.js";

/** Adds times, and the quota that the browser grants. */
export function withTimes(store: FileStore): FileStore {
  const fileOf = async (name: string) => {
    const root = await navigator.storage.getDirectory();
    return (await root.getDirectoryHandle("camelgpt")).getFileHandle(name);
  };
  return {
    ...store,
    async touch(name) {
      const file = await fileOf(name);
      const bytes = await (await file.getFile()).arrayBuffer();
      const stream = await file.createWritable();
      await stream.write(bytes);
      await stream.close(); // replaces the file by an equal one
    },
    async usedAt(name) {
      try {
        return (await (await fileOf(name)).getFile()).lastModified;
      } catch {
        return undefined; // in the Cache API
      }
    },
    quota: async () => (await navigator.storage?.estimate?.())?.quota,
  };
}
