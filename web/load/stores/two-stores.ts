// Two stores → one: files are created in the first one as long as that works, and otherwise in the second one.
import { describe } from "../../errors.js";
import type { FileStore } from "./file-store.js";

/** `warn` is called when the first store turns out not to work. */
export function twoStores(first: FileStore, second: FileStore, warn: (note: string) => void): FileStore {
  let isFirstUsable = true;
  return {
    open: async (name) => (await first.open(name).catch(() => undefined)) ?? second.open(name),
    async create(name) {
      if (isFirstUsable) {
        try {
          return await first.create(name);
        } catch (error) {
          isFirstUsable = false;
          warn(`The private file system cannot be written (${describe(error)}), so the Cache API keeps the download.`);
        }
      }
      return second.create(name);
    },
    async remove(name) {
      // Files in a store that does not work cannot be removed either.
      await first.remove(name).catch((error: unknown) => {
        if (isFirstUsable) throw error;
      });
      await second.remove(name);
    },
    names: async () => [...new Set([...(await first.names()), ...(await second.names())])],
  };
}
