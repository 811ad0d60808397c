// The file system of Node: models at a path, and the user's cache folder.
import { type FileHandle, open, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { CamelGPTError, describe } from "../../../web/errors.js";
import type { FilePlatform } from "../../../web/load/location.js";
import { fileName } from "../../../web/load/names.js";
import type { ByteSource } from "../../../web/load/sources/source.js";

export const nodeFiles: NonNullable<FilePlatform["files"]> = {
  fromUrl(url) {
    try {
      return fileURLToPath(url);
    } catch (error) {
      throw new CamelGPTError("bad-option", `${url.href} is not the URL of a file: ${describe(error)}`, {
        expected: "a URL such as file:///folder/model.gguf",
        found: url.href,
        cause: error,
      });
    }
  },

  async kindOf(path) {
    try {
      const status = await stat(path);
      return status.isDirectory() ? "folder" : "file";
    } catch {
      return undefined; // missing, or not accessible
    }
  },

  cachedRelease: (name) => join(cacheFolder("models"), `${name}.gguf`),

  open: openFile,
};

export function cacheFolder(name: string): string {
  return join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "camelgpt", name);
}

/** Opens a file as a source that reads directly into the engine's memory. Errors: `not-found`, `read-failed`. */
export async function openFile(path: string): Promise<ByteSource> {
  let file: FileHandle;
  let size: number;
  try {
    file = await open(path, "r");
    size = (await file.stat()).size;
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw new CamelGPTError(missing ? "not-found" : "read-failed", `${path} cannot be opened: ${describe(error)}`, {
      expected: "a readable file",
      hint: "Check the path and its permissions.",
      cause: error,
    });
  }
  let isOpen = true;
  return {
    name: fileName(path, false),
    size: size || undefined, // pipes report 0
    exactSize: size || undefined,
    async read(target) {
      try {
        return (await file.read(target, 0, target.length, null)).bytesRead;
      } catch (error) {
        throw new CamelGPTError("read-failed", `${path} cannot be read: ${describe(error)}`, {
          expected: "a GGUF file",
          cause: error,
        });
      }
    },
    async close() {
      if (!isOpen) return;
      isOpen = false;
      await file.close();
    },
  };
}
