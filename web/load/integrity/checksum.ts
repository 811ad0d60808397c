// A hash against accidental damage, for copies in the store. SHA-256 is slow on processors without instructions for it.

const rotated = (word: number) => (word << 13) | (word >>> 19);

/**
 * Returns four numbers. `bytes` must begin at a multiple of four in its buffer. The rounds are those of XXH32
 * (https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md), but the four lanes are not merged, so every change
 * within one word changes the result.
 */
export function checksum(bytes: Uint8Array): string {
  const stripe = 16;
  const complete = bytes.length - (bytes.length % stripe);
  const lanes = new Int32Array(4);
  const add = (words: Int32Array) => {
    // Local variables: array elements would be loaded and stored for every word.
    let [a, b, c, d] = lanes as unknown as [number, number, number, number];
    for (let i = 0; i + 3 < words.length; i += 4) {
      a = Math.imul(rotated((a + Math.imul(words[i] as number, 0x85ebca77)) | 0), 0x9e3779b1);
      b = Math.imul(rotated((b + Math.imul(words[i + 1] as number, 0x85ebca77)) | 0), 0x9e3779b1);
      c = Math.imul(rotated((c + Math.imul(words[i + 2] as number, 0x85ebca77)) | 0), 0x9e3779b1);
      d = Math.imul(rotated((d + Math.imul(words[i + 3] as number, 0x85ebca77)) | 0), 0x9e3779b1);
    }
    lanes.set([a, b, c, d]);
  };
  add(new Int32Array([0x24234428, 0x85ebca77, bytes.length, 0x61c8864f]));
  add(new Int32Array(bytes.buffer, bytes.byteOffset, complete / 4));
  const last = new Uint8Array(stripe);
  last.set(bytes.subarray(complete));
  add(new Int32Array(last.buffer));
  return lanes.join();
}
