// A source that is small → its bytes.
import { CamelGPTError, excerpt } from "../../errors.js";
import type { ByteSource } from "./source.js";

/** Closes the source. Errors: `bad-format` where there are more than `largest` bytes, and those of reading. `what` is for messages. */
export async function readAll(source: ByteSource, largest: number, what: string): Promise<Uint8Array> {
  try {
    let bytes = new Uint8Array(source.size ? Math.min(source.size, largest) + 1 : 1 << 16);
    let filled = 0;
    for (;;) {
      const count = await source.read(bytes.subarray(filled));
      if (count === 0) return bytes.subarray(0, filled);
      filled += count;
      if (filled > largest) {
        throw new CamelGPTError("bad-format", `${excerpt(source.name)} is not ${what}.`, {
          expected: `at most ${largest} bytes`,
          found: `more than ${largest}`,
        });
      }
      if (filled < bytes.length) continue;
      const grown = new Uint8Array(2 * bytes.length);
      grown.set(bytes);
      bytes = grown;
    }
  } finally {
    await source.close();
  }
}
