// SHA-256 of bytes that come in parts (FIPS 180-4): WebCrypto takes them only all at once, which for a model is its whole file in memory.

const blockBytes = 64;
const rotated = (word: number, by: number) => (word >>> by) | (word << (32 - by));
const mixed = (word: number, by: number, more: number, third: number) =>
  rotated(word, by) ^ rotated(word, more) ^ third;
/** The first 32 bits behind the point. */
const fraction = (number: number) => ((number % 1) * 2 ** 32) | 0;

export class Sha256 {
  readonly #constants = new Int32Array(64);
  readonly #state = new Int32Array(8);
  readonly #words = new Int32Array(64);
  /** What is no whole block yet. */
  readonly #rest = new Uint8Array(blockBytes);
  #length = 0;

  constructor() {
    let found = 0;
    for (let n = 2; found < 64; n++) {
      let divisor = 2;
      while (n % divisor !== 0) divisor++;
      if (divisor < n) continue;
      if (found < 8) this.#state[found] = fraction(Math.sqrt(n));
      this.#constants[found++] = fraction(Math.cbrt(n));
    }
  }

  add(bytes: Uint8Array): void {
    let done = 0;
    const waiting = this.#length % blockBytes;
    this.#length += bytes.length;
    if (waiting > 0) {
      done = Math.min(blockBytes - waiting, bytes.length);
      this.#rest.set(bytes.subarray(0, done), waiting);
      if (waiting + done < blockBytes) return;
      this.#addBlocks(this.#rest);
    }
    const whole = bytes.length - ((bytes.length - done) % blockBytes);
    this.#addBlocks(bytes.subarray(done, whole));
    this.#rest.set(bytes.subarray(whole));
  }

  /** As hexadecimal digits. Nothing can be added after it. */
  digest(): string {
    const bits = 8 * this.#length;
    const zeros = (2 * blockBytes - 9 - (this.#length % blockBytes)) % blockBytes;
    const padding = new Uint8Array(1 + zeros + 8);
    padding[0] = 0x80;
    const view = new DataView(padding.buffer);
    view.setUint32(padding.length - 8, bits / 2 ** 32);
    view.setUint32(padding.length - 4, bits % 2 ** 32);
    this.add(padding);
    return Array.from(this.#state, (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
  }

  #addBlocks(bytes: Uint8Array): void {
    const state = this.#state;
    const w = this.#words;
    const k = this.#constants;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at < bytes.length; at += blockBytes) {
      for (let i = 0; i < 16; i++) w[i] = view.getInt32(at + 4 * i);
      for (let i = 16; i < 64; i++) {
        const x = w[i - 15]!;
        const y = w[i - 2]!;
        const near = mixed(x, 7, 18, x >>> 3);
        const far = mixed(y, 17, 19, y >>> 10);
        w[i] = (((w[i - 16]! + near) | 0) + ((w[i - 7]! + far) | 0)) | 0;
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
        const first =
          (((((h + mixed(e, 6, 11, rotated(e, 25))) | 0) + ((e & f) ^ (~e & g))) | 0) + ((k[i]! + w[i]!) | 0)) | 0;
        const second = (mixed(a, 2, 13, rotated(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
        h = g;
        g = f;
        f = e;
        e = (d + first) | 0;
        d = c;
        c = b;
        b = a;
        a = (first + second) | 0;
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
