// Ranges and pieces of a file that are compared with hashes: whatever the source, the hashes and the reads are, the
// bytes returned are those of the file, or the error is typed.
import { createHash } from "node:crypto";

import { importSource } from "../../web/lib/source.mjs";
import { committedSeeds, outcomeOf, require, runHarness } from "./harness.mjs";
import { randomFrom } from "./mutator.mjs";

const block = 4096;
const hashBytes = 16;
const sha256 = (bytes) => createHash("sha256").update(bytes).digest();

/** A source of bytes in pieces of random sizes, whose answers are wrong in `fault` of 64 reads. */
function faultySource(file, pick, fault, start = 0, stop = file.length) {
  let [at, end] = [start, stop];
  return {
    source: {
      name: "file",
      size: pick(8) ? file.length : undefined,
      async read(target) {
        let count = Math.min(target.length, end - at, 1 + pick(1 << (1 + pick(14))));
        if (pick(64) < fault) count = pick(2) ? 0 : Math.min(count, 1);
        file.copy(target, 0, at, at + count);
        if (count > 0 && pick(64) < fault) target[pick(count)] ^= 1 << pick(8);
        at += count;
        if (pick(64) < fault && pick(4) === 0) at += pick(3) - 1; // skips or repeats a byte
        at = Math.max(0, Math.min(at, end));
        return count;
      },
      async close() {},
    },
    ranges: {
      async seek(from, to) {
        [at, end] = [from, to];
      },
      part: (from, to) => faultySource(file, pick, fault, from, to).source,
    },
  };
}

async function readAndCompare(source, file, from, to, pick) {
  let at = from;
  for (const target = new Uint8Array(1 + pick(9000)); ; ) {
    const count = await source.read(target);
    if (count === 0) break;
    require(count <= target.length && at + count <= to, "no more bytes than there are");
    require(file.subarray(at, at + count).equals(target.subarray(0, count)), "the bytes are those of the file");
    at += count;
  }
  return at;
}

await runHarness({
  url: import.meta.url,
  seeds: () => [...committedSeeds("fuzz-blocks"), Buffer.from([0]), Buffer.from("0123456789abcdef")],
  setUp: async () => ({
    ...(await importSource("web/load/integrity/blocks.ts")),
    ...(await importSource("web/load/integrity/checked-source.ts")),
  }),
  // The input is a seed, a count of faults, and damage of the hashes.
  async execute(input, _, { blockSource, checkedSource, blockHashesSize }) {
    const bytes = Buffer.concat([input, Buffer.alloc(16)]);
    const pick = randomFrom(bytes.readUInt32LE(0));
    const fault = [0, 0, 1, 8][bytes[4] % 4];
    const file = Buffer.alloc(1 + pick(1 << (4 + pick(14))));
    for (let i = 0; i < file.length; ++i) file[i] = pick(256);
    const hashes = Buffer.concat(
      Array.from({ length: Math.ceil(file.length / block) }, (_, i) =>
        sha256(file.subarray(i * block, (i + 1) * block)).subarray(0, hashBytes),
      ),
    );
    require(blockHashesSize(file.length) === hashes.length, "the size of the file of hashes");
    const isDamaged = bytes[5] % 4 === 0;
    if (isDamaged) hashes[pick(hashes.length)] ^= 1 << pick(8);
    const from = pick(file.length);
    const to = from + pick(file.length - from + 1);
    const { source, ranges } = faultySource(file, pick, fault);
    let outcome = "";
    try {
      const blocks = blockSource(source, ranges, { bytes: file.length, hashes });
      if (from > 0 || to < file.length) await blocks.ranges.seek(from, to);
      const end = await readAndCompare(blocks, file, from, to, pick);
      require(end === to, "the whole range is read");
      outcome += `range of ${Math.ceil((to - from) / block)} blocks`;
      await readAndCompare(blocks.ranges.part(from, to), file, from, to, pick);
      await blocks.close();
    } catch (error) {
      outcome += outcomeOf(error);
      require(fault > 0 || isDamaged, "only a fault is an error");
    }
    const pieceBytes = 1 + pick(10000);
    const pieces = Array.from({ length: Math.ceil(file.length / pieceBytes) }, (_, i) =>
      sha256(file.subarray(i * pieceBytes, (i + 1) * pieceBytes)).toString("hex"),
    );
    try {
      const whole = checkedSource(faultySource(file, pick, fault).source, { bytes: file.length, pieceBytes, pieces });
      require((await readAndCompare(whole, file, 0, file.length, pick)) === file.length, "the whole file is read");
      await whole.close();
      outcome += `, ${Math.min(pieces.length, 20)} pieces`;
    } catch (error) {
      outcome += outcomeOf(error);
      require(fault > 0, "only a fault is an error");
    }
    return outcome;
  },
});
