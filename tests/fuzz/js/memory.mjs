// Watches the memory of WebAssembly modules. Import it before a model is made.
import { require } from "./harness.mjs";

const memories = new Set();
let maxPages = 65536;
const { Memory } = WebAssembly;
WebAssembly.Memory = class extends Memory {
  constructor(descriptor) {
    super({ ...descriptor, maximum: Math.min(descriptor.maximum ?? 65536, maxPages) });
    memories.add(new WeakRef(this));
  }
};

/** The size of the largest memory, in bytes. */
export function largestMemory() {
  let largest = 0;
  for (const reference of memories) {
    const memory = reference.deref();
    if (memory === undefined) memories.delete(reference);
    else largest = Math.max(largest, memory.buffer.byteLength);
  }
  return largest;
}

/** Forgets the memories made so far. Further ones grow to at most `pages` pages of 64 KiB. */
export function forgetMemories(pages = 65536) {
  memories.clear();
  maxPages = pages;
}

export function requireMemory(bytes) {
  const largest = largestMemory();
  require(largest <= bytes, `at most ${bytes} bytes of memory, found ${largest}`);
}
