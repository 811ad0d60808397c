// The output of a batch: answers are appended as whole lines, and reach the disk at the latest some seconds later.
import { type FileHandle, open, realpath, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

import { CamelGPTError, describe } from "../../../../web/errors.js";
import { FileLock } from "../file-lock.js";
import { writeChunk } from "../output.js";
import { isTornAnswer, type KnownAnswer, readAnswer } from "./answer.js";
import { readLines } from "./lines.js";

/** Where answers go. */
export interface Output {
  /** Answers can be appended concurrently; each line is written as a whole. */
  append(line: string): Promise<void>;
  close(): Promise<void>;
}

export const standardOutput: Output = { append: writeChunk, close: async () => {} };

/** Milliseconds of work that a loss of power can cost. */
const syncInterval = 1000;
/** An answer can be longer than its request: the embeddings of many texts. */
const maxAnswerBytes = 256 << 20;

export class OutputFile implements Output {
  readonly path: string;
  #file: FileHandle;
  readonly #lock: FileLock;
  #bytes = 0;
  /** Writes follow one another, so that lines never mix. */
  #writes: Promise<void> = Promise.resolve();
  #lastSync = performance.now();

  private constructor(path: string, file: FileHandle, lock: FileLock) {
    this.path = path;
    this.#file = file;
    this.#lock = lock;
  }

  /** Waits while another process writes the file. Errors: `write-failed`, `aborted`. */
  static async open(path: string, signal: AbortSignal, onWait: () => void): Promise<OutputFile> {
    const place = await realpath(path).catch(() => path); // the lock and the copy of a link belong to its target
    const lock = new FileLock(`${place}.lock`);
    try {
      await lock.acquire(signal, onWait);
      await rm(copyOf(place), { force: true }); // of a run that was killed
      return new OutputFile(place, await open(place, "a+"), lock);
    } catch (error) {
      await lock.release();
      if (error instanceof CamelGPTError) throw error;
      throw writeFailed(path, error);
    }
  }

  /**
   * Calls `visit` for each answer of an earlier run, in order, and cuts off a last line that is incomplete.
   * Errors: `bad-input` if the file has anything else.
   */
  async recover(visit: (answer: KnownAnswer, line: number) => void): Promise<void> {
    const { size } = await this.#file.stat();
    for await (const { number, begin, text = "", isComplete } of readLines(this.#file, size, maxAnswerBytes)) {
      const answer = isComplete ? readAnswer(text) : undefined;
      if (answer) {
        visit(answer, number);
        continue;
      }
      const isTorn = !isComplete && isTornAnswer(await this.#read(begin, 64, size));
      if (!isTorn) throw this.#foreign(number);
      await this.#file.truncate(begin);
      await this.#file.sync();
      this.#bytes = begin;
      return;
    }
    this.#bytes = size;
  }

  /** Copies all answers but those to remove; the copy replaces the file in one step. Returns how many were removed. */
  async remove(isRemoved: (answer: KnownAnswer) => boolean): Promise<number> {
    const copyPath = copyOf(this.path);
    let removed = 0;
    try {
      const { mode } = await this.#file.stat();
      const copy = await open(copyPath, "ax+", mode);
      let bytes = 0;
      for await (const { text = "" } of readLines(this.#file, this.#bytes, maxAnswerBytes)) {
        const answer = readAnswer(text);
        if (answer && isRemoved(answer)) removed++;
        else bytes += await writeAll(copy, Buffer.from(`${text}\n`));
      }
      await copy.sync();
      await rename(copyPath, this.path);
      await syncFolder(this.path);
      await this.#file.close();
      [this.#file, this.#bytes] = [copy, bytes];
    } catch (error) {
      throw writeFailed(this.path, error);
    }
    return removed;
  }

  /** Errors: `write-failed`. */
  append(line: string): Promise<void> {
    this.#writes = this.#writes.then(async () => {
      try {
        this.#bytes += await writeAll(this.#file, Buffer.from(line));
        if (performance.now() > this.#lastSync + syncInterval) await this.#sync();
      } catch (error) {
        throw writeFailed(this.path, error);
      }
    });
    return this.#writes;
  }

  async close(): Promise<void> {
    await this.#writes.catch(() => {});
    try {
      await this.#file.sync();
      await syncFolder(this.path);
    } finally {
      await this.#file.close();
      await this.#lock.release();
    }
  }

  async #sync(): Promise<void> {
    await this.#file.datasync();
    this.#lastSync = performance.now();
    if (!(await this.#lock.isHeld())) throw new Error("another process writes it since this one was suspended");
  }

  async #read(begin: number, count: number, end: number): Promise<Buffer> {
    const bytes = Buffer.alloc(Math.min(count, end - begin));
    await this.#file.read(bytes, 0, bytes.length, begin);
    return bytes;
  }

  #foreign(line: number): CamelGPTError {
    return new CamelGPTError("bad-input", `Line ${line} of ${this.path} is not an answer of camelgpt batch.`, {
      hint: "A batch continues only its own output. Choose another file.",
    });
  }
}

const copyOf = (path: string) => `${path}.camelgpt-copy`;

async function writeAll(file: FileHandle, bytes: Buffer): Promise<number> {
  for (let done = 0; done < bytes.length; ) done += (await file.write(bytes, done)).bytesWritten;
  return bytes.length;
}

/** Makes the name of a new or replaced file durable. Not every system can do that. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path)).catch(() => undefined);
  await folder?.sync().catch(() => {});
  await folder?.close();
}

function writeFailed(path: string, error: unknown): CamelGPTError {
  return new CamelGPTError("write-failed", `${path} cannot be written: ${describe(error)}`, {
    hint: "The same command continues with the answers that the file has.",
    cause: error,
  });
}
