// Parts of a release's weights, checked before they are used: the blocks that they lie in have hashes, in a file beside the weights (docs/formats.md).
import { differs, ofRelease, subtle } from "./checked-source.js";
import type { ByteSource, Ranges } from "../sources/source.js";

/** Bytes of a block, the last one being shorter. */
export const blockBytes = 4096;
/** So many bytes of each block's SHA-256 are in the file, one after the other. */
export const blockHashBytes = 16;

/** Blocks to read at a time. */
const together = 64;

const blocksIn = (bytes: number) => Math.ceil(bytes / blockBytes);
export const bytesOfHashes = (bytes: number) => blocksIn(bytes) * blockHashBytes;

/** Bytes of a file, and the hashes of its blocks. */
interface Hashed {
  bytes: number;
  hashes: Uint8Array;
}

/** Gives bytes of `source`, whatever part of it, when all blocks that they lie in are known to be right. Errors: `integrity`, and those of reading. */
export function blockSource(source: ByteSource, ranges: Ranges, file: Hashed, from = 0, to = file.bytes): ByteSource {
  const begin = (at: number) => at - (at % blockBytes);
  const end = (at: number) => Math.min(blocksIn(at) * blockBytes, file.bytes);
  let buffer = new Uint8Array(0);
  let ready = buffer; // to give on
  const nextBlocks = async (): Promise<void> => {
    const at = begin(from);
    const size = Math.min(end(to) - at, together * blockBytes);
    if (buffer.length < size) buffer = new Uint8Array(size);
    for (let filled = 0; filled < size; ) {
      const count = await source.read(buffer.subarray(filled, size));
      if (count === 0) throw differs(source.name, ofRelease, `${file.bytes} bytes`, `${at + filled} bytes`);
      filled += count;
    }
    await Promise.all(
      Array.from({ length: blocksIn(size) }, async (_, i) => {
        const block = buffer.subarray(i * blockBytes, Math.min((i + 1) * blockBytes, size));
        const hash = new Uint8Array(await subtle().digest("SHA-256", block)).subarray(0, blockHashBytes);
        const index = at / blockBytes + i;
        if (hash.some((byte, j) => byte !== file.hashes[index * blockHashBytes + j])) {
          throw differs(source.name, ofRelease, `the hash of block ${index + 1}`, "another one");
        }
      }),
    );
    ready = buffer.subarray(from - at, size);
  };
  return {
    name: source.name,
    size: file.bytes,
    ranges: {
      async seek(first, behind) {
        [from, to, ready] = [first, behind, buffer.subarray(0, 0)];
        await ranges.seek(begin(first), end(behind));
      },
      part: (first, behind) => blockSource(ranges.part(begin(first), end(behind)), ranges, file, first, behind),
    },
    async read(target) {
      if (from >= to) return 0;
      if (ready.length === 0) await nextBlocks();
      const part = ready.subarray(0, Math.min(target.length, to - from));
      target.set(part);
      ready = ready.subarray(part.length);
      from += part.length;
      return part.length;
    },
    close: () => source.close(),
  };
}
