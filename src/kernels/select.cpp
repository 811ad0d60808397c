// The machine's behaviour → the kernel set to use. The only file that knows which sets a build contains.
#include "kernels/sets.h"

namespace camelgpt {
namespace {

#if CAMELGPT_RELAXED && defined(__wasm_simd128__)
// The dot's behaviour also reveals its cost. If it is exact, it is one instruction; if it saturates, it is pmaddubsw
// and two more (x86 without VEX-encoded VNNI), and 16-bit sums are faster. Machines without fused multiply-add never
// load this build (web/features.ts).
const Kernels& choose() {
  switch (probe_relaxed_dot()) {
    case RelaxedDot::kUnsigned: return kRelaxedUnsignedKernels;
    case RelaxedDot::kSigned: return kRelaxedSignedKernels;
    case RelaxedDot::kOther: break;
  }
  return kRelaxedDot16Kernels;
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
