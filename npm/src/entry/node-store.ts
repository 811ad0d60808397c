// The store for downloads in Node: a folder.
import { chmod, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";

import type { FileStore } from "../../../web/load/stores/file-store.js";
import { cacheFolder, openFile } from "./node-files.js";
import { requirePermission } from "./permissions.js";

export async function openStore(): Promise<FileStore> {
  const folder = cacheFolder("downloads");
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
      const file = await open(`${path}.part`, "w", 0o600);
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
          await rename(`${path}.part`, path);
        },
      };
    },
    async remove(name) {
      await rm(join(folder, name), { force: true });
      await rm(join(folder, `${name}.part`), { force: true });
    },
    names: () => readdir(folder),
  };
}
