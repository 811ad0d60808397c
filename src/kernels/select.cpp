// Which kernel set runs: the one place that knows what a build contains.
#include "kernels/sets.h"

namespace camelgpt {
namespace {

#if CAMELGPT_RELAXED
// The dot's behaviour also tells its cost. Where it is exact it is one instruction; where it saturates it is made of
// pmaddubsw and two more (x86 without VEX-encoded VNNI), and 16-bit sums are faster.
//
// Only processors without FMA do not fuse multiply-add, x86 before 2013 and some small ones since. Without AVX V8 there compiles
// the int8 dots wrongly when register allocation is unlucky (seen in V8 13.6 with --no-enable-avx), which no probe can find for
// sure: they get the simd kernels.
const Kernels& relaxed_kernels() {
  if (!relaxed_madd_is_fused()) return kSimdKernels;
  switch (probe_relaxed_dot()) {
    case RelaxedDot::kUnsigned: return kRelaxedUnsignedKernels;
    case RelaxedDot::kSigned: return kRelaxedSignedKernels;
    case RelaxedDot::kOther: break;
  }
  return kRelaxedSplitKernels;
}
#endif

const Kernels& choose() {
#if CAMELGPT_RELAXED
  return relaxed_kernels();
#else
  return kSimdKernels;
#endif
}

}  // namespace

const Kernels& kernels() {
  static const Kernels& chosen = choose();
  return chosen;
}

}  // namespace camelgpt
