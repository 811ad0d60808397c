// WebAssembly's 128-bit SIMD instructions; native builds (tests, sanitizers) emulate them with SIMDe.
#pragma once

#if defined(__wasm_simd128__)
#include <wasm_simd128.h>
#else
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Weverything"
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/wasm/simd128.h>
#pragma clang diagnostic pop

#include <cstdint>

// SIMDe has no int8 dot products. The specification leaves open how bit 7 of the second operand counts, so native
// builds emulate each permitted behaviour, and tests cover all of them.
namespace camelgpt {
enum class DotBehaviour : uint8_t { kUnsigned, kSigned, kSaturating };
inline DotBehaviour native_dot_behaviour = DotBehaviour::kUnsigned;

inline int32_t native_dot_product(int8_t a, uint8_t b) {
  return a * (native_dot_behaviour == DotBehaviour::kSigned ? static_cast<int8_t>(b) : static_cast<int32_t>(b));
}
inline int32_t native_saturate_16(int32_t x) { return x > 32767 ? 32767 : x < -32768 ? -32768 : x; }
}  // namespace camelgpt

inline v128_t wasm_i16x8_relaxed_dot_i8x16_i7x16(v128_t a, v128_t b) {
  int8_t x[16];
  uint8_t y[16];
  int16_t sums[8];
  wasm_v128_store(x, a);
  wasm_v128_store(y, b);
  for (int i = 0; i < 8; ++i) {
    sums[i] = static_cast<int16_t>(camelgpt::native_saturate_16(
        camelgpt::native_dot_product(x[2 * i], y[2 * i]) + camelgpt::native_dot_product(x[2 * i + 1], y[2 * i + 1])));
  }
  return wasm_v128_load(sums);
}

inline v128_t wasm_i32x4_relaxed_dot_i8x16_i7x16_add(v128_t a, v128_t b, v128_t c) {
  int8_t x[16];
  uint8_t y[16];
  int32_t sums[4];
  wasm_v128_store(x, a);
  wasm_v128_store(y, b);
  wasm_v128_store(sums, c);
  for (int i = 0; i < 4; ++i) {
    int32_t pair[2];
    for (int j = 0; j < 2; ++j) {
      pair[j] = camelgpt::native_dot_product(x[4 * i + 2 * j], y[4 * i + 2 * j]) +
                camelgpt::native_dot_product(x[4 * i + 2 * j + 1], y[4 * i + 2 * j + 1]);
      if (camelgpt::native_dot_behaviour == camelgpt::DotBehaviour::kSaturating) {
        pair[j] = camelgpt::native_saturate_16(pair[j]);
      }
    }
    sums[i] += pair[0] + pair[1];
  }
  return wasm_v128_load(sums);
}

inline v128_t wasm_f32x4_relaxed_madd(v128_t a, v128_t b, v128_t c) { return wasm_f32x4_add(wasm_f32x4_mul(a, b), c); }
#endif

namespace camelgpt {

// a * b + c with two roundings. The relaxed instruction rounds once or twice, depending on the processor; without it,
// every flavour gives the same bits on every machine.
inline v128_t madd(v128_t a, v128_t b, v128_t c) { return wasm_f32x4_add(wasm_f32x4_mul(a, b), c); }

}  // namespace camelgpt
