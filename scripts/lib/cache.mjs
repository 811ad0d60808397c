// Creates folders and files in the user's cache atomically: they are made in a temporary sibling and renamed when
// complete, so an interrupted set-up leaves no partial result.
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";

/** The download folder: `$XDG_CACHE_HOME/camelgpt`, or else `~/.cache/camelgpt`. */
export function cacheFolder(...parts) {
  const base = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
  return join(base, "camelgpt", ...parts);
}

/** Calls `body` with an empty folder next to `path` and removes the folder afterwards, even if `body` fails. */
export async function withTemporaryFolder(path, body) {
  await mkdir(dirname(path), { recursive: true });
  await removeLeftovers(path);
  const temporary = await mkdtemp(join(dirname(path), `.${basename(path)}-`));
  const removeNow = () => rm(temporary, { recursive: true, force: true });
  const stop = (signal) => removeNow().finally(() => process.exit(signal === "SIGINT" ? 130 : 143));
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  try {
    return await body(temporary);
  } finally {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
    await removeNow();
  }
}

/** Removes folders of set-ups that were killed. Folders younger than an hour may belong to a running set-up. */
async function removeLeftovers(path) {
  const hour = 3_600_000;
  for (const name of await readdir(dirname(path))) {
    if (!name.startsWith(`.${basename(path)}-`)) continue;
    const leftover = join(dirname(path), name);
    const { mtimeMs } = await stat(leftover);
    if (Date.now() - mtimeMs > hour) await rm(leftover, { recursive: true, force: true });
  }
}

/** Returns `path`. Calls `make(folder)` first if it does not exist. */
export async function ensureFolder(path, make) {
  if (existsSync(path)) return path;
  return withTemporaryFolder(path, async (temporary) => {
    const folder = join(temporary, basename(path));
    await mkdir(folder);
    await make(folder);
    try {
      await rename(folder, path);
    } catch (error) {
      // Another set-up finished first; its folder is equivalent.
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
    }
    return path;
  });
}
