// Exact dot products of 16 weights of at most 8 bits (four columns of four rows) and four activations of 8 or 16 bits.
//
// Each dot has the types Weights (16 unpacked weights), Input (four activations, splat) and Sum (for four rows), and
//   low, high   the nibbles of 16 bytes as weights        byte   16 unsigned bytes (offset 128) as weights
//   load        four activations from memory, splat       add    sum += input · weights
//   load16      16 activations, for 16 weights of one row: the product is the sum of the four totals
//   total       the sums of four rows as int32            kColumnBytes  bytes per activation
// Dots that are only for nibbles have no `byte`.
#pragma once

#include <cstdint>

#include "kernels/wasm_simd.h"

namespace camelgpt {

// V8 rebuilds a 128-bit constant at every use, even inside loops. Loading it once at the top of a function, from memory
// that the compiler must not look into, keeps it in a register: this doubles the speed of the 4-bit kernel.
inline v128_t opaque_splat_i32(const volatile uint32_t& word) { return wasm_i32x4_splat(static_cast<int32_t>(word)); }

// Hides the value from the optimizer. An address advanced this way costs one addition per iteration; otherwise V8
// recomputes it from the loop counter.
template <class T>
inline T opaque(T value) {
  asm("" : "+r"(value));
  return value;
}

inline const volatile uint32_t kWordNibbles = 0x0f0f0f0fu;
inline const volatile uint32_t kWordLowNibble16 = 0x000f000fu;
inline const volatile uint32_t kWordLowByte16 = 0x00ff00ffu;
inline const volatile uint32_t kWordOnes16 = 0x00010001u;

// For simd128: 16-bit multiplications of the even and the odd columns.
struct WideDot {
  static constexpr uint32_t kColumnBytes = 2;
  struct Weights {
    v128_t even, odd;
  };
  struct Input {
    v128_t even, odd;
  };
  using Sum = v128_t;
  v128_t nibble = opaque_splat_i32(kWordLowNibble16);
  v128_t low_byte = opaque_splat_i32(kWordLowByte16);

  Weights low(v128_t x) const { return {wasm_v128_and(x, nibble), wasm_v128_and(wasm_u16x8_shr(x, 8), nibble)}; }
  Weights high(v128_t x) const { return {wasm_v128_and(wasm_u16x8_shr(x, 4), nibble), wasm_u16x8_shr(x, 12)}; }
  Weights byte(v128_t x) const { return {wasm_v128_and(x, low_byte), wasm_u16x8_shr(x, 8)}; }
  Input load(const uint8_t* p) const { return {wasm_v128_load32_splat(p), wasm_v128_load32_splat(p + 4)}; }
  Input load16(const uint8_t* p) const {
    const v128_t a = wasm_v128_load(p), b = wasm_v128_load(p + 16);
    return {wasm_i32x4_shuffle(a, b, 0, 2, 4, 6), wasm_i32x4_shuffle(a, b, 1, 3, 5, 7)};
  }
  static Sum zero() { return wasm_i32x4_splat(0); }
  Sum add(Sum sum, Input a, Weights w) const {
    sum = wasm_i32x4_add(sum, wasm_i32x4_dot_i16x8(a.even, w.even));
    return wasm_i32x4_add(sum, wasm_i32x4_dot_i16x8(a.odd, w.odd));
  }
  v128_t total(Sum sum) const { return sum; }
};

// Base of the relaxed dots: activations of one byte in column order.
struct PackedDot {
  static constexpr uint32_t kColumnBytes = 1;
  using Weights = v128_t;
  using Input = v128_t;
  using Sum = v128_t;
  v128_t nibbles = opaque_splat_i32(kWordNibbles);

  Weights low(v128_t x) const { return wasm_v128_and(x, nibbles); }
  Weights high(v128_t x) const { return wasm_v128_and(wasm_u16x8_shr(x, 4), nibbles); }
  Input load(const uint8_t* p) const { return wasm_v128_load32_splat(p); }
  Input load16(const uint8_t* p) const { return wasm_v128_load(p); }
  static Sum zero() { return wasm_i32x4_splat(0); }
};

// The 32-bit dot instruction. Exact for nibbles on every machine; for bytes only if it treats the second operand as
// unsigned and does not saturate (x86 with VEX-encoded VNNI).
struct Dot32 : PackedDot {
  Weights byte(v128_t x) const { return x; }
  Sum add(Sum sum, Input a, Weights w) const { return wasm_i32x4_relaxed_dot_i8x16_i7x16_add(a, w, sum); }
  v128_t total(Sum sum) const { return sum; }
};

// Sums in 16 bits, widened once per 32 columns: 8 steps of at most 2 * 15 * 128 reach 30,720. One instruction per step
// on machines where the 32-bit dot takes three (x86 without VEX-encoded VNNI).
struct Dot16 : PackedDot {
  v128_t ones = opaque_splat_i32(kWordOnes16);
  Sum add(Sum sum, Input a, Weights w) const { return wasm_i16x8_add(sum, wasm_i16x8_relaxed_dot_i8x16_i7x16(a, w)); }
  v128_t total(Sum sum) const { return wasm_i32x4_dot_i16x8(sum, ones); }
};

}  // namespace camelgpt
