// A download that can be continued by another process: the bytes so far, and a description of the file.
import { type FileHandle, open, readFile, rename, rm, stat, statfs, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

import { CamelGPTError, describe } from "../../../../web/errors.js";
import { FileHasher } from "./file-hasher.js";
import { megabytes } from "./units.js";

const readBytes = 1 << 20;
/** Bytes that stay free on the disk. */
const reserveBytes = 16 << 20;

/** The file that is downloaded. */
export interface PartialState {
  format: 1;
  /** Without query and credentials. */
  url: string;
  bytes: number | undefined;
  sha256: string | undefined;
}

export class PartialFile {
  readonly path: string;
  hasher = new FileHasher();
  readonly #file: FileHandle;

  private constructor(path: string, file: FileHandle) {
    this.path = path;
    this.#file = file;
  }

  /** Bytes that are written. */
  get bytes(): number {
    return this.hasher.bytes;
  }

  /** Opens the file of an earlier attempt at the same file, or an empty one. Errors: `write-failed`. */
  static async open(path: string, state: PartialState): Promise<PartialFile> {
    try {
      if (JSON.stringify(await readPartialState(path)) !== JSON.stringify(state)) await removePartial(path);
      await writeFile(stateOf(path), JSON.stringify(state), { mode: 0o600 });
      const file = await open(path, (await exists(path)) ? "r+" : "wx+", 0o600);
      const partial = new PartialFile(path, file);
      await partial.#hashExisting();
      return partial;
    } catch (error) {
      throw writeFailed(path, error);
    }
  }

  /** Errors: `write-failed` if the disk has no room for the remaining bytes. */
  async requireRoom(bytes: number | undefined): Promise<void> {
    const status = await statfs(dirname(this.path)).catch(() => undefined);
    if (bytes === undefined || !status) return;
    const free = status.bavail * status.bsize;
    const needed = bytes - this.bytes + reserveBytes;
    if (needed > free) throw diskFull(this.path, `${megabytes(needed)} free`, megabytes(free));
  }

  /** Errors: `write-failed`. */
  async write(bytes: Uint8Array): Promise<void> {
    try {
      for (let done = 0; done < bytes.length; ) {
        const position = this.bytes + done;
        done += (await this.#file.write(bytes, done, bytes.length - done, position)).bytesWritten;
      }
    } catch (error) {
      throw writeFailed(this.path, error);
    }
    this.hasher.add(bytes);
  }

  /** The last bytes, at most `count`. */
  async tail(count: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(Math.min(count, this.bytes));
    await this.#file.read(bytes, 0, bytes.length, this.bytes - bytes.length);
    return bytes;
  }

  async clear(): Promise<void> {
    await this.#file.truncate(0);
    this.hasher = new FileHasher();
  }

  /** Completes the file under another name. Errors: `write-failed`. */
  async finish(path: string): Promise<void> {
    try {
      await this.#file.sync();
      await this.#file.close();
      await rename(this.path, path);
      await rm(stateOf(this.path), { force: true });
    } catch (error) {
      throw writeFailed(this.path, error);
    }
  }

  async close(): Promise<void> {
    await this.#file.close().catch(() => {});
  }

  async #hashExisting(): Promise<void> {
    const buffer = new Uint8Array(readBytes);
    for (;;) {
      const { bytesRead } = await this.#file.read(buffer, 0, buffer.length, this.bytes);
      if (bytesRead === 0) return;
      this.hasher.add(buffer.subarray(0, bytesRead));
    }
  }
}

const stateOf = (path: string) => `${path}.json`;

/** Returns undefined if there is none, or one of another format. */
export async function readPartialState(path: string): Promise<PartialState | undefined> {
  try {
    const { format, url, bytes, sha256 } = Object(JSON.parse(await readFile(stateOf(path), "utf8"))) as PartialState;
    return format === 1 && typeof url === "string" ? { format, url, bytes, sha256 } : undefined;
  } catch {
    return undefined;
  }
}

export async function removePartial(path: string): Promise<void> {
  await rm(path, { force: true });
  await rm(stateOf(path), { force: true });
}

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );

/** The disk, the quota of the user, and the largest file that the process may write. */
const fullCodes = /^(ENOSPC|EDQUOT|EFBIG)$/;

export function writeFailed(path: string, error: unknown): CamelGPTError {
  if (error instanceof CamelGPTError) return error;
  if (fullCodes.test(String((error as NodeJS.ErrnoException).code))) return diskFull(path, undefined, describe(error));
  return new CamelGPTError("write-failed", `The download cannot be stored: ${describe(error)}`, {
    expected: `a folder ${dirname(path)} that can be written`,
    hint: "Check its permissions, or give another folder with --cache-folder.",
    cause: error,
  });
}

function diskFull(path: string, expected: string | undefined, found: string): CamelGPTError {
  return new CamelGPTError("write-failed", `The disk with ${dirname(path)} is full.`, {
    expected,
    found,
    hint: "Make room (camelgpt list, camelgpt rm NAME), or give another folder with --cache-folder.",
  });
}
