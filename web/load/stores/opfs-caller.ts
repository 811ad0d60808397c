// The part of the store in browsers that only the caller's thread uses: it removes downloads, and the worker does not.
import { CamelGPTError } from "../../errors.js";
import type { FileStore } from "./file-store.js";

/** Milliseconds to wait for a locked file. A worker that ends, and a note of a download's use, lock it briefly. */
const maxLockedTime = 3000;
const retryTime = 20;

const isLocked = (error: unknown) => (error as Error).name === "NoModificationAllowedError";

/** Adds times of use, the quota that the browser grants, and waits for files in use. */
export function forCaller(store: FileStore): FileStore {
  const fileOf = async (name: string) => {
    const root = await navigator.storage.getDirectory();
    return (await root.getDirectoryHandle("camelgpt")).getFileHandle(name);
  };
  return {
    ...store,
    remove: (name) => whenUnlocked(() => store.remove(name)),
    async touch(name) {
      const file = await fileOf(name);
      const bytes = await (await file.getFile()).arrayBuffer();
      const stream = await whenUnlocked(() => file.createWritable());
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

/** Repeats an action while it fails because the file is locked. Error: `bad-state` after `maxLockedTime`. */
async function whenUnlocked<T>(action: () => Promise<T>): Promise<T> {
  const end = performance.now() + maxLockedTime;
  for (;;) {
    try {
      return await action();
    } catch (error) {
      if (!isLocked(error)) throw error;
      if (performance.now() > end) throw inUse(error);
    }
    await new Promise((resolve) => setTimeout(resolve, retryTime));
  }
}

const inUse = (cause: unknown) =>
  new CamelGPTError("bad-state", "The stored download is in use, so it cannot be removed.", {
    cause,
    hint: "Dispose the models that were loaded from it, also those in other tabs.",
  });
