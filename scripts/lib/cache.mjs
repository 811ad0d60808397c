// A name and a recipe go in, a complete folder or file in the user's cache comes out: made in a temporary sibling and
// renamed when it is whole, so an interrupted set-up never leaves half of one.
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";

/** Where downloads live: `$XDG_CACHE_HOME/camelgpt`, else `~/.cache/camelgpt`. */
export function cacheFolder(...parts) {
  const base = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
  return join(base, "camelgpt", ...parts);
}

/** Gives `body` an empty folder beside `path` and removes it afterwards, however `body` ends. */
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

/** What a killed set-up left behind; a younger folder may belong to one that runs. */
async function removeLeftovers(path) {
  const hour = 3_600_000;
  for (const name of await readdir(dirname(path))) {
    if (!name.startsWith(`.${basename(path)}-`)) continue;
    const leftover = join(dirname(path), name);
    const { mtimeMs } = await stat(leftover);
    if (Date.now() - mtimeMs > hour) await rm(leftover, { recursive: true, force: true });
  }
}

/** Returns `path`, calling `make(folder)` first when it does not exist yet. */
export async function ensureFolder(path, make) {
  if (existsSync(path)) return path;
  return withTemporaryFolder(path, async (temporary) => {
    const folder = join(temporary, basename(path));
    await mkdir(folder);
    await make(folder);
    try {
      await rename(folder, path);
    } catch (error) {
      // Another set-up finished first: its folder is as good as ours.
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
    }
    return path;
  });
}
