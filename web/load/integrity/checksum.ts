// A hash against damage, not against people: what SHA-256 costs is felt where a processor has no instructions for it.

const rotated = (word: number) => (word << 13) | (word >>> 19);

/**
 * Of all bytes, which begin at a whole word of their buffer, as four numbers. The rounds are XXH32's
 * (https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md), but its four lanes are kept apart to the end: no change within a single word goes unseen.
 */
export function checksum(bytes: Uint8Array): string {
  const stretch = 16;
  const whole = bytes.length - (bytes.length % stretch);
  const lanes = new Int32Array(4);
  const add = (words: Int32Array) => {
    // Variables of their own: in an array they would be stored and loaded again for every word.
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
  add(new Int32Array(bytes.buffer, bytes.byteOffset, whole / 4));
  const last = new Uint8Array(stretch);
  last.set(bytes.subarray(whole));
  add(new Int32Array(last.buffer));
  return lanes.join();
}
