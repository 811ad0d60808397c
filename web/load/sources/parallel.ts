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

class ParallelSource implements ByteSource {
  readonly name: string;
  /** The open connections, in the order of the file. The first one was opened for the whole file. */
  readonly #open: { source: ByteSource; remaining: number }[];
  #next = parallelRangeBytes;

  constructor(
    first: ByteSource,
    readonly fileRanges: Ranges,
    readonly size: number,
    readonly connections: number,
  ) {
    this.name = first.name;
    this.#open = [{ source: first, remaining: parallelRangeBytes }];
    this.#openMore();
  }

  async read(target: Uint8Array): Promise<number> {
    const current = this.#open[0];
    if (!current) return 0;
    const count = await current.source.read(target.subarray(0, current.remaining));
    current.remaining -= count;
    if (current.remaining > 0) return count;
    this.#open.shift();
    this.#openMore();
    await current.source.close();
    return count;
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.splice(0).map(({ source }) => source.close()));
  }

  #openMore(): void {
    for (; this.#open.length < this.connections && this.#next < this.size; this.#next += parallelRangeBytes) {
      const to = Math.min(this.#next + parallelRangeBytes, this.size);
      this.#open.push({ source: this.fileRanges.part(this.#next, to), remaining: to - this.#next });
    }
  }
}
