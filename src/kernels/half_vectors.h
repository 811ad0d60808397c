// Four halves or bfloat16 numbers → four floats.
#pragma once

#include "kernels/dots.h"
#include "kernels/wasm_simd.h"

namespace camelgpt {

inline const volatile uint32_t kWordHalfMask = 0x8fffffffu;
inline const volatile uint32_t kWordHalfScale = 0x77800000u;  // 2^112 as a float

// Exact for every finite half, including subnormals: the sign-extended bits are shifted to their place in a float, and
// a multiplication corrects the exponent. Infinities and NaN are rejected when weights are loaded.
struct HalfConverter {
  v128_t mask = opaque_splat_i32(kWordHalfMask);
  v128_t scale = opaque_splat_i32(kWordHalfScale);
  v128_t load4(const void* p) const { return convert(wasm_i32x4_load16x4(p)); }
  // Takes four halves, sign-extended to 32 bits.
  v128_t convert(v128_t words) const { return wasm_f32x4_mul(wasm_v128_and(wasm_i32x4_shl(words, 13), mask), scale); }
};

inline v128_t load_bfloat4(const void* p) { return wasm_i32x4_shl(wasm_u32x4_load16x4(p), 16); }

}  // namespace camelgpt
