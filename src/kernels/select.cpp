// Which kernel set runs: the one place that knows what a build contains.
#include "kernels/sets.h"

namespace camelgpt {
namespace {

#if CAMELGPT_RELAXED
// The dot's behaviour also tells its cost. Where it is exact it is one instruction; where it saturates it is made of
// pmaddubsw and two more (x86 without VEX-encoded VNNI), and 16-bit sums are faster.
const Kernels& relaxed_kernels() {
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

const Kernels* const* kernels_all() {
  static const Kernels* all[5] = {};
  int count = 0;
  all[count++] = &kScalarKernels;
  all[count++] = &kSimdKernels;
#if CAMELGPT_RELAXED
  all[count++] = &kRelaxedSplitKernels;
  const Kernels& best = relaxed_kernels();
  if (&best != &kRelaxedSplitKernels) all[count++] = &best;
#endif
  all[count] = nullptr;
  return all;
}

}  // namespace camelgpt
