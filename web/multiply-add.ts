// A module of WebAssembly that tells by what it computes how the relaxed multiply-add rounds. The build writes it to a file, too.
// (a, b) → whether a * a + b is not zero, by the relaxed multiply-add.
export const multiplyAdd = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, // the format and its version
  1, 7, 1, 96, 2, 125, 125, 1, 127, // (f32, f32) → i32
  3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, // one function, exported as f
  10, 28, 1, 26, 0, // its code, no locals
  32, 0, 253, 19, 32, 0, 253, 19, 32, 1, 253, 19, // splat a, a and b
  253, 133, 2, 253, 31, 0, 67, 0, 0, 0, 0, 92, 11, // relaxed_madd, its first lane, 0, is it another
);
