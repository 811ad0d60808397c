// The kernel set for simd128, which Chrome has since version 91, Firefox since 89 and Safari since 16.4.
#include "kernels/attention_kernel.h"
#include "kernels/sets.h"

namespace camelgpt {
namespace {

struct Simd {
  using Nibble8 = WideDot;
  using Nibble8Tile = WideDot;
  using Nibble16 = WideDot;
  using Nibble16Tile = WideDot;
  using Byte16 = WideDot;
};

}  // namespace

const Kernels kSimdKernels = make_kernels<Simd>("simd");

}  // namespace camelgpt
