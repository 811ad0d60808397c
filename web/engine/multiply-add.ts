// A WebAssembly module that detects whether the relaxed multiply-add rounds once. The build also writes it to a file.
import { fromHex } from "../hex.js";

/** Exports `f(a, b)`, which is 1 if the relaxed `a * a + b` is not zero, and 0 otherwise. */
export const multiplyAdd = fromHex(
  "0061736d01000000" + // magic number and version
    "0107016002" + // type section: a function with two parameters
    "7d7d017f" + // f32, f32 → i32
    "03020100" + // function section: one function of type 0
    "07050101660000" + // export section: function 0 as "f"
    "0a1c011a00" + // code section: one body without locals
    "2000fd132000fd132001fd13" + // splat a, a and b
    "fd8502fd1f00" + // f32x4.relaxed_madd, lane 0
    "4300000000" + // f32.const 0
    "5c0b", // f32.ne, end
);
