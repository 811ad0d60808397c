// The part of the store in browsers that only the caller's thread uses: it removes downloads, and the worker does not.
import { CamelGPTError } from "../../errors.js";
import type { FileStore } from "./file-store.js";

/** Milliseconds to wait for a locked file. A worker that ends, and a note of a download's use, lock it briefly. */
const maxLockedTime = 3000;
const retryTime = 20;

const isLocked = (error: unknown) => (error as Error).name === "NoModificationAllowedError";

/** Adds times of use, the quota that the browser grants, and removal that waits for files in use. */
export function forCaller(store: FileStore): FileStore {
  const fileOf = async (name: string) => {
    const root = await navigator.storage.getDirectory();
    return (await root.getDirectoryHandle("camelgpt")).getFileHandle(name);
  };
  return {
    ...store,
    async remove(name) {
      const end = performance.now() + maxLockedTime;
      for (;;) {
        try {
          return await store.remove(name);
        } catch (error) {
          if (!isLocked(error)) throw error;
          if (performance.now() > end) throw inUse(error);
        }
        await new Promise((resolve) => setTimeout(resolve, retryTime));
      }
    },
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

const inUse = (cause: unknown) =>
  new CamelGPTError("bad-state", "The stored download is in use, so it cannot be removed.", {
    cause,
    hint: "Dispose the models that were loaded from it, also those in other tabs.",
  });
