// SHA-256 (FIPS 180-4) of bytes that arrive in parts. WebCrypto hashes only complete data, which would be a whole model
// in memory.
import { toHex } from "../../hex.js";

/** FIPS 180-4, 4.2.2: the fractional parts of the cube roots of the first 64 primes, 32 bits each. */
const roundConstants = wordsOf(
  "428a2f98 71374491 b5c0fbcf e9b5dba5 3956c25b 59f111f1 923f82a4 ab1c5ed5 " +
    "d807aa98 12835b01 243185be 550c7dc3 72be5d74 80deb1fe 9bdc06a7 c19bf174 " +
    "e49b69c1 efbe4786 0fc19dc6 240ca1cc 2de92c6f 4a7484aa 5cb0a9dc 76f988da " +
    "983e5152 a831c66d b00327c8 bf597fc7 c6e00bf3 d5a79147 06ca6351 14292967 " +
    "27b70a85 2e1b2138 4d2c6dfc 53380d13 650a7354 766a0abb 81c2c92e 92722c85 " +
    "a2bfe8a1 a81a664b c24b8b70 c76c51a3 d192e819 d6990624 f40e3585 106aa070 " +
    "19a4c116 1e376c08 2748774c 34b0bcb5 391c0cb3 4ed8aa4a 5b9cca4f 682e6ff3 " +
    "748f82ee 78a5636f 84c87814 8cc70208 90befffa a4506ceb bef9a3f7 c67178f2",
);

/** FIPS 180-4, 5.3.3: the fractional parts of the square roots of the first 8 primes, 32 bits each. */
const initialState = wordsOf("6a09e667 bb67ae85 3c6ef372 a54ff53a 510e527f 9b05688c 1f83d9ab 5be0cd19");

/** Big-endian words. As hexadecimal digits they make the compressed bundle smaller than as numbers. */
function wordsOf(digits: string): Int32Array {
  return Int32Array.from(digits.split(" "), (word) => parseInt(word, 16));
}

/** Size of a block of the message. */
const messageBlockBytes = 64;
const rotated = (word: number, by: number) => (word >>> by) | (word << (32 - by));
const mixed = (word: number, by: number, by2: number, third: number) => rotated(word, by) ^ rotated(word, by2) ^ third;

export class Sha256 {
  readonly #state = Int32Array.from(initialState);
  readonly #schedule = new Int32Array(64);
  /** The incomplete block at the end. */
  readonly #pending = new Uint8Array(messageBlockBytes);
  #length = 0;

  add(bytes: Uint8Array): void {
    let done = 0;
    const waiting = this.#length % messageBlockBytes;
    this.#length += bytes.length;
    if (waiting > 0) {
      done = Math.min(messageBlockBytes - waiting, bytes.length);
      this.#pending.set(bytes.subarray(0, done), waiting);
      if (waiting + done < messageBlockBytes) return;
      this.#addBlocks(this.#pending);
    }
    const complete = bytes.length - ((bytes.length - done) % messageBlockBytes);
    this.#addBlocks(bytes.subarray(done, complete));
    this.#pending.set(bytes.subarray(complete));
  }

  /** Returns the hash in hexadecimal. Nothing can be added afterwards. */
  digest(): string {
    const bits = 8 * this.#length;
    const zeros = (2 * messageBlockBytes - 9 - (this.#length % messageBlockBytes)) % messageBlockBytes;
    const padding = new Uint8Array(1 + zeros + 8);
    padding[0] = 0x80;
    const view = new DataView(padding.buffer);
    view.setUint32(padding.length - 8, bits / 2 ** 32);
    view.setUint32(padding.length - 4, bits % 2 ** 32);
    this.add(padding);
    const hash = new DataView(new ArrayBuffer(32));
    this.#state.forEach((word, i) => hash.setInt32(4 * i, word));
    return toHex(new Uint8Array(hash.buffer));
  }

  #addBlocks(bytes: Uint8Array): void {
    const state = this.#state;
    const w = this.#schedule;
    const k = roundConstants;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at < bytes.length; at += messageBlockBytes) {
      for (let i = 0; i < 16; i++) w[i] = view.getInt32(at + 4 * i);
      for (let i = 16; i < 64; i++) {
        const x = w[i - 15]!;
        const y = w[i - 2]!;
        const sigma0 = mixed(x, 7, 18, x >>> 3);
        const sigma1 = mixed(y, 17, 19, y >>> 10);
        w[i] = (((w[i - 16]! + sigma0) | 0) + ((w[i - 7]! + sigma1) | 0)) | 0;
      }
      let a = state[0]!;
      let b = state[1]!;
      let c = state[2]!;
      let d = state[3]!;
      let e = state[4]!;
      let f = state[5]!;
      let g = state[6]!;
      let h = state[7]!;
      for (let i = 0; i < 64; i++) {
        const temp1 =
          (((((h + mixed(e, 6, 11, rotated(e, 25))) | 0) + ((e & f) ^ (~e & g))) | 0) + ((k[i]! + w[i]!) | 0)) | 0;
        const temp2 = (mixed(a, 2, 13, rotated(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
        h = g;
        g = f;
        f = e;
        e = (d + temp1) | 0;
        d = c;
        c = b;
        b = a;
        a = (temp1 + temp2) | 0;
      }
      state[0]! += a;
      state[1]! += b;
      state[2]! += c;
      state[3]! += d;
      state[4]! += e;
      state[5]! += f;
      state[6]! += g;
      state[7]! += h;
    }
  }
}
