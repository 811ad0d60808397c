// The kernels on simd128: every browser since 2021.
#include "kernels/attention_kernel.h"
#include "kernels/sets.h"

namespace camelgpt {
namespace {

struct Simd {
  using NibbleDot = WideDot;
  using NibbleTileDot = WideDot;
  using ByteDot = WideDot;
};

}  // namespace

const Kernels kSimdKernels = make_kernels<Simd>("simd");

}  // namespace camelgpt
