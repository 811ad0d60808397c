// A small source → all of its bytes.
import { CamelGPTError, excerpt } from "../../errors.js";
import type { ByteSource } from "./source.js";

/**
 * Reads and closes the source. `what` names the expected contents for messages.
 * Errors: `bad-format` if there are more than `maxBytes`, and those of reading.
 */
export async function readAll(source: ByteSource, maxBytes: number, what: string): Promise<Uint8Array> {
  try {
    let bytes = new Uint8Array(source.size ? Math.min(source.size, maxBytes) + 1 : 1 << 16);
    let filled = 0;
    for (;;) {
      const count = await source.read(bytes.subarray(filled));
      if (count === 0) {
        source.expect?.(filled);
        return bytes.subarray(0, filled);
      }
      filled += count;
      if (filled > maxBytes) {
        throw new CamelGPTError("bad-format", `${excerpt(source.name)} is not ${what}.`, {
          expected: `at most ${maxBytes} bytes`,
          found: `more than ${maxBytes}`,
        });
      }
      if (filled < bytes.length) continue;
      const larger = new Uint8Array(2 * bytes.length);
      larger.set(bytes);
      bytes = larger;
    }
  } finally {
    await source.close();
  }
}
