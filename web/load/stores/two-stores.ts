// Two stores → one: files are created in the first one as long as that works, and otherwise in the second one.
import { describe } from "../../errors.js";
import type { FileStore } from "./file-store.js";

/** `warn` is called when the first store turns out not to work. */
export function twoStores(first: FileStore, second: FileStore, warn: (note: string) => void): FileStore {
  let isFirstUsable = true;
  /** Returns undefined if the first store does not work. */
  const tryFirst = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
    if (!isFirstUsable) return undefined;
    try {
      return await work();
    } catch (error) {
      isFirstUsable = false;
      warn(`The private file system cannot be written (${describe(error)}), so the Cache API keeps the download.`);
      return undefined;
    }
  };
  return {
    open: async (name) => (await first.open(name).catch(() => undefined)) ?? second.open(name),
    async create(name) {
      const created = await tryFirst(() => first.create(name));
      if (!created) return second.create(name);
      let writer = created;
      let hasWritten = false;
      return {
        async write(bytes, at) {
          if (hasWritten) return writer.write(bytes, at);
          hasWritten = true;
          if (await tryFirst(() => writer.write(bytes, at).then(() => true))) return;
          await writer.close().catch(() => {});
          await first.remove(name).catch(() => {});
          writer = await second.create(name);
          return writer.write(bytes, at);
        },
        close: () => writer.close(),
      };
    },
    async remove(name) {
      // Files in a store that does not work cannot be removed either.
      await first.remove(name).catch((error: unknown) => {
        if (isFirstUsable) throw error;
      });
      await second.remove(name);
    },
    names: async () => [...new Set([...(await first.names().catch(() => [])), ...(await second.names())])],
  };
}
