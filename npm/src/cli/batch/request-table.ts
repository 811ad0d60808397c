// The state of each request of a batch, by a digest of its name: at most 48 bytes for each of a large batch.
import { createHash } from "node:crypto";

export interface Entry {
  /** Line of the request in the input; 0: not seen yet. */
  line: number;
  /** Distinguishes requests of the same name. */
  check: number;
  /** Whether the output has its answer. */
  isAnswered: boolean;
  /** Whether that answer is an error. */
  hasFailed: boolean;
}

/** Words of a slot: 96 bits of SHA-256, so that names that differ are told apart, the check, and the line. */
const slotWords = 5;
const [checkWord, lineWord] = [3, 4];
/** States of a slot. */
const [free, open, answered, failed] = [0, 1, 2, 3];

/** A hash table with open addressing: an object for each request would take several times the memory. */
export class RequestTable {
  #capacity = 1024;
  #size = 0;
  #words = new Uint32Array(this.#capacity * slotWords);
  #states = new Uint8Array(this.#capacity);

  get(name: string): Entry | undefined {
    const slot = this.#find(digestOf(name));
    if (this.#states[slot] === free) return undefined;
    const at = slot * slotWords;
    return {
      line: this.#words[at + lineWord]!,
      check: this.#words[at + checkWord]!,
      isAnswered: this.#states[slot] !== open,
      hasFailed: this.#states[slot] === failed,
    };
  }

  set(name: string, { line, check, isAnswered, hasFailed }: Entry): void {
    if (2 * (this.#size + 1) > this.#capacity) this.#grow();
    const digest = digestOf(name);
    const slot = this.#find(digest);
    if (this.#states[slot] === free) this.#size++;
    this.#words.set([...digest, check, line], slot * slotWords);
    this.#states[slot] = hasFailed ? failed : isAnswered ? answered : open;
  }

  /** The slot of a digest, or the free one where it belongs. */
  #find(digest: Uint32Array): number {
    for (let slot = digest[0]! & (this.#capacity - 1); ; slot = (slot + 1) & (this.#capacity - 1)) {
      const at = slot * slotWords;
      if (this.#states[slot] === free) return slot;
      if (digest.every((word, i) => this.#words[at + i] === word)) return slot;
    }
  }

  #grow(): void {
    const [words, states] = [this.#words, this.#states];
    this.#capacity *= 2;
    this.#words = new Uint32Array(this.#capacity * slotWords);
    this.#states = new Uint8Array(this.#capacity);
    states.forEach((state, i) => {
      if (state === free) return;
      const entry = words.subarray(i * slotWords, (i + 1) * slotWords);
      const slot = this.#find(entry.subarray(0, checkWord));
      this.#words.set(entry, slot * slotWords);
      this.#states[slot] = state;
    });
  }
}

function digestOf(name: string): Uint32Array {
  const bytes = createHash("sha256").update(name).digest();
  return Uint32Array.of(bytes.readUInt32LE(0), bytes.readUInt32LE(4), bytes.readUInt32LE(8));
}
