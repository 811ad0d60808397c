// The kernel sets for relaxed SIMD, one for each behaviour of the int8 dot product.
#include "kernels/attention_kernel.h"
#include "kernels/sets.h"

namespace camelgpt {
namespace {

// A single instruction multiplies bytes and adds the products in 32 bits, so for 16-bit activations two byte dots beat
// 16-bit multiplications. With VNNI, 16-bit sums win by 8 % in tiles and the 32-bit dot by 3 % for one token (Zen 5,
// SmolLM2 Q4_1 in Chromium 156).
struct Unsigned {
  using Nibble = Dot32;
  using NibbleTile = Dot16;
  using Byte = Dot32;
};

// ARM adds two products in 16 bits, which overflows for bytes of -128: bytes use the widening multiplication.
struct Signed {
  using Nibble = Dot32;
  using NibbleTile = Dot32;
  using Byte = WideDot;
};

// Assumes that the 32-bit dot takes several instructions. For 16-bit activations, simd128's dot is as fast.
struct AnyDot {
  using Nibble = Dot16;
  using NibbleTile = Dot16;
  using Byte = WideDot;
};

}  // namespace

const Kernels kRelaxedUnsignedKernels = make_kernels<Unsigned>("relaxed dot32 unsigned");
const Kernels kRelaxedSignedKernels = make_kernels<Signed>("relaxed dot32 signed");
const Kernels kRelaxedDot16Kernels = make_kernels<AnyDot>("relaxed dot16");

RelaxedDot probe_relaxed_dot() {
  // Fixed vectors that distinguish the permitted behaviours: some weights have bit 7 set, and some sums saturate.
  static const volatile int8_t kInputs[2][16] = {
      {127, 127, 127, 127, -127, -127, -127, -127, 1, -2, 3, -4, 127, -127, 127, -127},
      {5, -6, 7, 8, 100, 100, -100, -100, 127, 127, -1, -1, 0, 0, 0, 1}};
  static const volatile uint8_t kWeights[2][16] = {
      {255, 255, 255, 255, 255, 255, 255, 255, 128, 129, 200, 127, 255, 255, 1, 128},
      {130, 3, 255, 0, 250, 251, 252, 253, 128, 128, 128, 128, 255, 255, 255, 255}};
  bool is_unsigned = true, is_signed = true;
  for (int v = 0; v < 2; ++v) {
    int8_t a[16];
    uint8_t b[16];
    for (int i = 0; i < 16; ++i) {
      a[i] = kInputs[v][i];
      b[i] = kWeights[v][i];
    }
    int32_t sums[4];
    wasm_v128_store(sums,
                    wasm_i32x4_relaxed_dot_i8x16_i7x16_add(wasm_v128_load(a), wasm_v128_load(b), wasm_i32x4_splat(7)));
    for (int i = 0; i < 4; ++i) {
      int32_t as_unsigned = 7, as_signed = 7;
      for (int j = 0; j < 4; ++j) {
        as_unsigned += a[4 * i + j] * b[4 * i + j];
        as_signed += a[4 * i + j] * static_cast<int8_t>(b[4 * i + j]);
      }
      is_unsigned = is_unsigned && sums[i] == as_unsigned;
      is_signed = is_signed && sums[i] == as_signed;
    }
  }
  return is_unsigned ? RelaxedDot::kUnsigned : is_signed ? RelaxedDot::kSigned : RelaxedDot::kOther;
}

}  // namespace camelgpt
