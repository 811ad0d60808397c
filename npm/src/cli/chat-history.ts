// The lines that were typed in earlier chats: a file in the cache folder that only the user can read.
import { appendFile, chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

import { cacheFolder } from "../entry/node-files.js";

export const maxHistoryLines = 1000;
const onlyUser = { mode: 0o600 };

/** Without a path nothing is kept. A history that cannot be read or written is none: a chat works without it. */
export class ChatHistory {
  readonly #path: string | undefined;

  constructor(path: string | undefined) {
    this.#path = path;
  }

  /** Returns the lines, newest first. */
  async read(): Promise<string[]> {
    if (this.#path === undefined) return [];
    try {
      const lines = (await readFile(this.#path, "utf8")).split("\n").filter((line) => line !== "");
      await chmod(this.#path, onlyUser.mode);
      if (lines.length > 2 * maxHistoryLines)
        await writeFile(this.#path, `${lines.slice(-maxHistoryLines).join("\n")}\n`, onlyUser);
      return lines.slice(-maxHistoryLines).reverse();
    } catch {
      return [];
    }
  }

  async add(line: string): Promise<void> {
    if (this.#path === undefined || line === "") return;
    try {
      await mkdir(dirname(this.#path), { recursive: true });
      await appendFile(this.#path, `${line}\n`, onlyUser);
    } catch {
      // See above.
    }
  }
}

/** The path of the history, in the cache folder or in `folder`. */
export function historyPath(folder?: string): string | undefined {
  try {
    return cacheFolder("chat-history", folder);
  } catch {
    return undefined;
  }
}
