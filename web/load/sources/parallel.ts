// A URL → its bytes, over several connections at a time if the server supports ranges: for servers that limit the speed
// of a connection, and for fast links with a long round trip.
import { parallelRangeBytes } from "../sizes.js";
import { openUrl } from "./http.js";
import type { HttpOptions } from "./http-options.js";
import type { ByteSource, Ranges } from "./source.js";

/** The same as {@link openUrl}, but with `options.connections`. */
export async function openParallel(url: string, options: HttpOptions): Promise<ByteSource> {
  const { connections } = options;
  const first = await openUrl(url, connections > 1 ? { ...options, ranges: true } : options);
  const { ranges, size = 0 } = first;
  return connections > 1 && ranges && size > parallelRangeBytes
    ? new ParallelSource(first, ranges, size, connections)
    : first;
}

interface Connection {
  source: ByteSource;
  remaining: number;
}

class ParallelSource implements ByteSource {
  readonly name: string;
  /** The open connections, in the order of the file. The first one was opened for the whole file. */
  readonly #open: Connection[];
  readonly #first: Connection;
  #next = parallelRangeBytes;

  constructor(
    first: ByteSource,
    readonly fileRanges: Ranges,
    readonly size: number,
    readonly connections: number,
  ) {
    this.name = first.name;
    this.#first = { source: first, remaining: parallelRangeBytes };
    this.#open = [this.#first];
    this.#openMore();
  }

  get exactSize(): number {
    return this.size;
  }

  async read(target: Uint8Array): Promise<number> {
    const current = this.#open[0];
    if (!current) return 0;
    const count = await current.source.read(target.subarray(0, current.remaining));
    current.remaining -= count;
    if (current.remaining > 0) return count;
    const isFirst = this.#open.shift() === this.#first;
    if (isFirst && !(await this.#canUseParts())) return count;
    this.#openMore();
    await current.source.close();
    return count;
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.splice(0).map(({ source }) => source.close()));
  }

  /**
   * The first connection continues without the others if the server does not answer them with parts of the same file:
   * if the ETag changes with each answer, or if each has the whole file.
   */
  async #canUseParts(): Promise<boolean> {
    const part = this.#open[0]?.source;
    try {
      await part?.opened?.();
      return true;
    } catch {
      const [first, others] = [this.#first, this.#open.splice(0)];
      first.remaining = this.size - parallelRangeBytes;
      this.#open.push(first);
      this.#next = this.size;
      await Promise.all(others.map(({ source }) => source.close()));
      return false;
    }
  }

  #openMore(): void {
    for (; this.#open.length < this.connections && this.#next < this.size; this.#next += parallelRangeBytes) {
      const to = Math.min(this.#next + parallelRangeBytes, this.size);
      this.#open.push({ source: this.fileRanges.part(this.#next, to), remaining: to - this.#next });
    }
  }
}
