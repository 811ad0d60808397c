// The store for downloads in Node: a folder.
import { randomUUID } from "node:crypto";
import { chmod, mkdir, open, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";

import type { FileStore, OpenStore } from "../../../web/load/stores/file-store.js";
import { cacheFolder, openFile } from "./node-files.js";
import { requirePermission } from "./permissions.js";

/** Bytes that are kept if the option `cacheQuota` is not given. */
const defaultQuota = 10e9;

export const openStore: OpenStore = async (_warn, given): Promise<FileStore> => {
  const folder = cacheFolder("downloads", given);
  requirePermission({ name: "write", path: folder });
  // Downloads may be private. `mkdir` does not change the mode of an older folder.
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700).catch(() => {});
  return {
    async open(name) {
      const path = join(folder, name);
      const isThere = await stat(path).then(
        () => true,
        () => false,
      );
      return isThere ? openFile(path) : undefined;
    },
    async create(name) {
      const path = join(folder, name);
      const part = `${path}.${randomUUID()}.part`;
      const file = await open(part, "wx", 0o600);
      let isOpen = true;
      return {
        async write(bytes, at) {
          for (let done = 0; done < bytes.length; )
            done += (await file.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
        },
        async close() {
          if (!isOpen) return;
          isOpen = false;
          await file.close();
          await rename(part, path);
        },
      };
    },
    async remove(name) {
      const isOf = (each: string) => each === name || (each.startsWith(`${name}.`) && each.endsWith(".part"));
      for (const each of (await readdir(folder)).filter(isOf)) await rm(join(folder, each), { force: true });
    },
    async touch(name) {
      const now = new Date();
      await utimes(join(folder, name), now, now);
    },
    usedAt: async (name) => (await stat(join(folder, name)).catch(() => undefined))?.mtimeMs,
    quota: async () => defaultQuota,
    names: () => readdir(folder),
  };
};
