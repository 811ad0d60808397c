// The kernel set for simd128, which Chrome has since version 91, Firefox since 89 and Safari since 16.4.
#include "kernels/attention_kernel.h"
#include "kernels/sets.h"

namespace camelgpt {
namespace {

struct Simd {
  using Nibble = WideDot;
  using NibbleTile = WideDot;
  using Byte = WideDot;
};

}  // namespace

const Kernels kSimdKernels = make_kernels<Simd>("simd");

}  // namespace camelgpt
