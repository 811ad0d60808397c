// Which kernel set runs: the one place that knows what a build contains.
#include "kernels/sets.h"

namespace camelgpt {
namespace {

#if CAMELGPT_RELAXED && defined(__wasm_simd128__)
// The dot's behaviour also tells its cost. Where it is exact it is one instruction; where it saturates it is made of
// pmaddubsw and two more (x86 without VEX-encoded VNNI), and 16-bit sums are faster. Machines that do not fuse
// multiply-add never load this build (web/features.ts).
const Kernels& choose() {
  switch (probe_relaxed_dot()) {
    case RelaxedDot::kUnsigned: return kRelaxedUnsignedKernels;
    case RelaxedDot::kSigned: return kRelaxedSignedKernels;
    case RelaxedDot::kOther: break;
  }
  return kRelaxedSplitKernels;
}
#else
const Kernels& choose() { return kSimdKernels; }
#endif

}  // namespace

const Kernels& kernels() {
  static const Kernels& chosen = choose();
  return chosen;
}

}  // namespace camelgpt
