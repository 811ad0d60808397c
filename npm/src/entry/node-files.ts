// The file system of Node: models at a path, and the user's cache folder.
import { type FileHandle, open, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { CamelGPTError, describe } from "../../../web/errors.js";
import type { FilePlatform } from "../../../web/load/location.js";
import { fileName } from "../../../web/load/names.js";
import type { ByteSource } from "../../../web/load/sources/source.js";
import { isAllowed, requirePermission } from "./permissions.js";

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
    if (!isAllowed({ name: "read", path })) return "denied";
    try {
      const status = await stat(path);
      return status.isDirectory() ? "folder" : "file";
    } catch (error) {
      return deniedCodes.test(String((error as NodeJS.ErrnoException).code)) ? "denied" : undefined;
    }
  },

  cachedRelease(name) {
    try {
      return join(cacheFolder("models"), `${name}.gguf`);
    } catch {
      return undefined;
    }
  },

  open: openFile,
};

/** The codes of errors of permissions: of the system, and of Node's own. */
const deniedCodes = /^(EACCES|EPERM|ERR_ACCESS_DENIED)$/;

/** A folder for the user's files. Errors: `unsupported-environment` if this program may not ask for it. */
export function cacheFolder(name: string): string {
  const variable = "XDG_CACHE_HOME";
  const given = isAllowed({ name: "env", variable }) ? process.env[variable] : undefined;
  if (!given) requirePermission({ name: "sys", kind: "homedir" });
  return join(given || join(homedir(), ".cache"), "camelgpt", name);
}

/**
 * Opens a file as a source that reads directly into the engine's memory. Errors: `not-found`, `read-failed`,
 * `unsupported-environment`.
 */
export async function openFile(path: string): Promise<ByteSource> {
  requirePermission({ name: "read", path });
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
