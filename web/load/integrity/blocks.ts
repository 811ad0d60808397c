// Ranges of a release's weights, verified before they are used: a separate file holds a hash for each block
// (docs/formats.md).
import { blockHashBytes, hashedBlockBytes } from "../sizes.js";
import type { ByteSource, Ranges } from "../sources/source.js";
import { notOfRelease } from "./checked-source.js";
import { sha256Bytes } from "./web-crypto.js";

/** Blocks that are read at a time. */
const maxBlocksPerRead = 64;

const blockCount = (bytes: number) => Math.ceil(bytes / hashedBlockBytes);
/** Size of the file with the hashes for a file of `bytes` bytes. */
export const blockHashesSize = (bytes: number) => blockCount(bytes) * blockHashBytes;

/** The size of a file and the hashes of its blocks, one after the other. */
interface HashedFile {
  bytes: number;
  hashes: Uint8Array;
}

/**
 * Returns the bytes [from, to) of a file, once all blocks that contain them have been verified. `source` and `ranges`
 * read the file.
 * Errors: `integrity`, and those of reading.
 */
export function blockSource(
  source: ByteSource,
  ranges: Ranges,
  file: HashedFile,
  from = 0,
  to = file.bytes,
): ByteSource {
  const blockStart = (at: number) => at - (at % hashedBlockBytes);
  const blockEnd = (at: number) => Math.min(blockCount(at) * hashedBlockBytes, file.bytes);
  let buffer = new Uint8Array(0);
  let verified = buffer;
  const readBlocks = async (): Promise<void> => {
    const start = blockStart(from);
    const size = Math.min(blockEnd(to) - start, maxBlocksPerRead * hashedBlockBytes);
    if (buffer.length < size) buffer = new Uint8Array(size);
    for (let filled = 0; filled < size; ) {
      const count = await source.read(buffer.subarray(filled, size));
      if (count === 0) throw notOfRelease(source.name, `${file.bytes} bytes`, `${start + filled} bytes`);
      filled += count;
    }
    await Promise.all(
      Array.from({ length: blockCount(size) }, async (_, i) => {
        const block = buffer.subarray(i * hashedBlockBytes, Math.min((i + 1) * hashedBlockBytes, size));
        const hash = (await sha256Bytes(block)).subarray(0, blockHashBytes);
        const index = start / hashedBlockBytes + i;
        if (hash.some((byte, j) => byte !== file.hashes[index * blockHashBytes + j])) {
          throw notOfRelease(source.name, `the hash of block ${index + 1}`, "another hash");
        }
      }),
    );
    verified = buffer.subarray(from - start, size);
  };
  return {
    name: source.name,
    size: file.bytes,
    ranges: {
      async seek(first, end) {
        [from, to, verified] = [first, end, buffer.subarray(0, 0)];
        await ranges.seek(blockStart(first), blockEnd(end));
      },
      part: (first, end) => blockSource(ranges.part(blockStart(first), blockEnd(end)), ranges, file, first, end),
    },
    async read(target) {
      if (from >= to) return 0;
      if (verified.length === 0) await readBlocks();
      const part = verified.subarray(0, Math.min(target.length, to - from));
      target.set(part);
      verified = verified.subarray(part.length);
      from += part.length;
      return part.length;
    },
    pause: async () => source.pause?.(),
    close: () => source.close(),
  };
}
