// The kernels on simd128: every browser since 2021.
#include "kernels/attention_kernel.h"
#include "kernels/sets.h"

namespace camelgpt {
namespace {

struct Unfused {
  static v128_t madd(v128_t a, v128_t b, v128_t c) { return wasm_f32x4_add(wasm_f32x4_mul(a, b), c); }
};

struct Simd {
  using Arithmetic = Unfused;
  using NibbleDot = WideDot;
  using NibbleTileDot = WideDot;
  using ByteDot = WideDot;
};

}  // namespace

const Kernels kSimdKernels = make_kernels<Simd>("simd");

}  // namespace camelgpt
