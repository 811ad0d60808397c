// Only one process writes a file at a time: a lock file that names the process.
import { randomUUID } from "node:crypto";
import { open, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";

import { throwIfAborted } from "../../../web/errors.js";

const beatTime = 2000;
/** Milliseconds without a sign of life after which a process of another machine counts as dead. */
const maxSilence = 60_000;
const pollTime = 300;
/** Milliseconds after which a process that has replaced a dead one's lock looks whether another did so too. */
const settleTime = 50;

interface Owner {
  id: string;
  pid: number;
  host: string;
}

export class FileLock {
  readonly #path: string;
  readonly #owner: Owner = { id: randomUUID(), pid: process.pid, host: hostname() };
  #beat: ReturnType<typeof setInterval> | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** Waits while another process holds the lock; `onWait` is called once. Errors: `aborted`, those of the folder. */
  async acquire(signal: AbortSignal | undefined, onWait: () => void): Promise<void> {
    for (let hasWaited = false; !(await this.#tryAcquire()); hasWaited = true) {
      if (!hasWaited) onWait();
      throwIfAborted(signal);
      await sleep(pollTime);
    }
    this.#beat = setInterval(() => void utimes(this.#path, new Date(), new Date()).catch(() => {}), beatTime);
    this.#beat.unref();
  }

  /** Whether this process still has the lock: another one may take it while this one is suspended. */
  async isHeld(): Promise<boolean> {
    return (await readOwner(this.#path))?.id === this.#owner.id;
  }

  async release(): Promise<void> {
    clearInterval(this.#beat);
    if (await this.isHeld()) await rm(this.#path, { force: true });
  }

  async #tryAcquire(): Promise<boolean> {
    if (await this.#create()) return true;
    if (!(await isAbandoned(this.#path))) return false;
    const old = `${this.#path}.${this.#owner.id}`;
    await rename(this.#path, old).catch(() => {});
    await rm(old, { force: true });
    if (!(await this.#create())) return false;
    await sleep(settleTime);
    return this.isHeld();
  }

  async #create(): Promise<boolean> {
    try {
      const file = await open(this.#path, "wx", 0o600);
      await file.writeFile(JSON.stringify(this.#owner));
      await file.close();
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
      throw error;
    }
  }
}

async function readOwner(path: string): Promise<Partial<Owner> | undefined> {
  try {
    return Object(JSON.parse(await readFile(path, "utf8"))) as Partial<Owner>;
  } catch {
    return undefined; // missing, or being written
  }
}

async function isAbandoned(path: string): Promise<boolean> {
  const status = await stat(path).catch(() => undefined);
  if (!status) return false;
  const { pid, host } = (await readOwner(path)) ?? {};
  const isSilent = Date.now() - status.mtimeMs > maxSilence;
  return host === hostname() && pid !== undefined ? !isAlive(pid) : isSilent;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"; // it is another user's
  }
}
