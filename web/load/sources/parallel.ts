// A URL → its bytes, over several connections at a time where the server gives parts of files: for those that give each connection
// little, and for links that are long and fast.
import { type HttpOptions, openUrl } from "./http.js";
import type { ByteSource, Ranges } from "./source.js";

/** Bytes that are asked for at a time. What has come of later ones waits in the network's buffers. */
const stretchBytes = 2 << 20;

/** As {@link openUrl}, with `options.connections`. */
export async function openParallel(url: string, options: HttpOptions): Promise<ByteSource> {
  const { connections } = options;
  const first = await openUrl(url, connections > 1 ? { ...options, ranges: true } : options);
  const { ranges, size = 0 } = first;
  return connections > 1 && ranges && size > stretchBytes ? new Parallel(first, ranges, size, connections) : first;
}

class Parallel implements ByteSource {
  readonly name: string;
  /** What is being read, in the order of the file. The first connection was asked for the whole file. */
  readonly #open: { source: ByteSource; left: number }[];
  #next = stretchBytes;

  constructor(
    first: ByteSource,
    readonly ownRanges: Ranges,
    readonly size: number,
    readonly connections: number,
  ) {
    this.name = first.name;
    this.#open = [{ source: first, left: stretchBytes }];
    this.#openMore();
  }

  async read(target: Uint8Array): Promise<number> {
    const current = this.#open[0];
    if (!current) return 0;
    const count = await current.source.read(target.subarray(0, current.left));
    current.left -= count;
    if (current.left > 0) return count;
    this.#open.shift();
    this.#openMore();
    await current.source.close();
    return count;
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.splice(0).map(({ source }) => source.close()));
  }

  #openMore(): void {
    for (; this.#open.length < this.connections && this.#next < this.size; this.#next += stretchBytes) {
      const to = Math.min(this.#next + stretchBytes, this.size);
      this.#open.push({ source: this.ownRanges.part(this.#next, to), left: to - this.#next });
    }
  }
}
