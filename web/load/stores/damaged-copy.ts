// Repeats a load that has found a damaged copy in the store.
import { CamelGPTError } from "../../errors.js";

/** The error for a damaged copy. The next call downloads the file. */
export class DamagedCopy extends CamelGPTError {}

/** The names of damaged files that the store cannot remove. They are not read again. */
export const damagedFiles = new Set<string>();

/**
 * Calls `work`, which reads files from the store, and calls it again each time it ends at a damaged copy. `warn` is
 * called with a sentence about each.
 */
export async function replaceDamaged<T>(work: () => Promise<T>, warn: (note: string) => void): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof DamagedCopy)) throw error;
      warn(`${error.message} It was downloaded again.`);
    }
  }
}
