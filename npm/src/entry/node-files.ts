// The file system of Node: models at a path, and the user's cache folder.
import { constants, type Stats } from "node:fs";
import { type FileHandle, open, readdir, realpath, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";

import { CamelGPTError, describe, excerpt } from "../../../web/errors.js";
import { pathNotAllowed } from "../../../web/load/allow.js";
import type { FilePlatform } from "../../../web/load/location.js";
import { fileName } from "../../../web/load/names.js";
import { manifestName } from "../../../web/load/releases/manifest-name.js";
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
      return status.isFile() ? "file" : status.isDirectory() ? "folder" : "other";
    } catch (error) {
      return deniedCodes.test(String((error as NodeJS.ErrnoException).code)) ? "denied" : undefined;
    }
  },

  modelIn,

  isInside,

  absolute: (path) => resolve(path),

  cachedRelease(name, folder) {
    try {
      return join(cacheFolder("models", folder), `${name}.gguf`);
    } catch {
      return undefined;
    }
  },

  async names(folder) {
    return isAllowed({ name: "read", path: folder }) ? readdir(folder).catch(() => []) : [];
  },

  open: openFile,
};

async function modelIn(path: string, folders?: readonly string[]): Promise<string | undefined> {
  if ((folders && !(await isInside(path, folders))) || (await nodeFiles.kindOf(path)) !== "folder") return undefined;
  const names = await readdir(path).catch((): string[] => []);
  if (names.includes(manifestName)) return undefined;
  // Of a split model only the first file counts.
  const isModel = (name: string) => /\.gguf$/i.test(name) && !/-(?!00001)\d{5}-of-\d{5}\.gguf$/i.test(name);
  const [model, ...others] = names.filter(isModel).sort();
  if (model === undefined || others.length === 0) return model && join(path, model);
  const found = [model, ...others];
  throw new CamelGPTError("bad-option", `The folder ${excerpt(path)} has ${found.length} models.`, {
    expected: "a folder with one model",
    found: `${found.slice(0, maxNamedModels).join(", ")}${found.length > maxNamedModels ? ", …" : ""}`,
    hint: `Name one of its files, for example ${join(path, model)}.`,
  });
}

/** How many files of a folder a message names at most. */
const maxNamedModels = 8;

async function isInside(path: string, folders: readonly string[]): Promise<boolean> {
  return (await placeInside(path, folders)) !== undefined;
}

/**
 * Returns a path without symbolic links; undefined if it is not inside of a folder, by its segments and after resolving
 * links. A path that is outside by its segments is not looked at: on Windows it can name another machine.
 */
async function placeInside(path: string, folders: readonly string[]): Promise<string | undefined> {
  if (path.includes("\0") || !isAllowed({ name: "read", path })) return undefined;
  const named = resolve(path);
  for (const each of folders) {
    try {
      const folder = resolve(each);
      const place = await placeOf(folder);
      if (!isBelow(named, folder) && !isBelow(named, place)) continue;
      const found = await placeOf(named);
      if (isBelow(found, place)) return found;
    } catch {
      // It may not be read, or it is a circle of links.
    }
  }
  return undefined;
}

function isBelow(path: string, folder: string): boolean {
  const below = relative(folder, path);
  return below !== ".." && !below.startsWith(`..${sep}`) && !isAbsolute(below);
}

/** Resolves the symbolic links of an absolute path, of which the last segments may be missing. */
async function placeOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    const folder = dirname(path);
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || folder === path) throw error;
    return join(await placeOf(folder), basename(path));
  }
}

/** The codes of errors of permissions: of the system, and of Node's own. */
const deniedCodes = /^(EACCES|EPERM|ERR_ACCESS_DENIED)$/;

/** The value of an environment variable; undefined if it is empty, or this program may not read it. */
const environment = (variable: string): string | undefined =>
  (isAllowed({ name: "env", variable }) && process.env[variable]) || undefined;

/** The base URL of the model hub that the user has chosen. */
export const environmentHub = (): string | undefined => environment("HF_ENDPOINT");

/**
 * A folder in the user's cache, or in `folder`. Errors: `unsupported-environment` if this program may not ask for the
 * former.
 */
export function cacheFolder(name: string, folder?: string): string {
  if (folder !== undefined) return resolve(folder, name);
  const given = environment("XDG_CACHE_HOME");
  if (!given) requirePermission({ name: "sys", kind: "homedir" });
  return join(given || join(homedir(), ".cache"), "camelgpt", name);
}

/** Opening a pipe would wait for its other end. Windows has no such flag. */
const openFlags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/**
 * Opens a regular file as a source that reads directly into the engine's memory. If there are `folders`, the file must
 * be inside of one. Errors: `not-found`, `not-allowed`, `read-failed` (a folder, pipe, socket or device too),
 * `unsupported-environment`.
 */
export async function openFile(path: string, folders?: readonly string[]): Promise<ByteSource> {
  requirePermission({ name: "read", path });
  const place = folders ? await placeInside(path, folders) : path;
  if (place === undefined) throw pathNotAllowed(path);
  let file: FileHandle;
  let size: number;
  try {
    requireRegular(await stat(place), path); // opening a device may have an effect
    file = await open(place, openFlags | (folders ? (constants.O_NOFOLLOW ?? 0) : 0));
    try {
      const status = await file.stat();
      requireRegular(status, path); // another one may have taken its place
      size = status.size;
    } catch (error) {
      await file.close();
      throw error;
    }
  } catch (error) {
    if (error instanceof CamelGPTError) throw error;
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
    size: size || undefined, // files of /proc report 0
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

function requireRegular(status: Stats, path: string): void {
  if (status.isFile()) return;
  const kinds = {
    "a folder": status.isDirectory(),
    "a pipe": status.isFIFO(),
    "a socket": status.isSocket(),
    "a device": status.isCharacterDevice() || status.isBlockDevice(),
  };
  throw new CamelGPTError("read-failed", `${path} is not a file.`, {
    expected: "a regular file",
    found: Object.entries(kinds).find(([, is]) => is)?.[0],
    hint: "Pass bytes that come from a pipe as a ReadableStream.",
  });
}
