// The kernel sets that a build may contain. Only select.cpp knows which of them it has.
#pragma once

#include "kernels/kernels.h"

namespace camelgpt {

extern const Kernels kScalarKernels;
extern const Kernels kSimdKernels;
extern const Kernels
    kRelaxedUnsignedKernels;  // right where the dot's second operand counts as unsigned, without saturation
extern const Kernels kRelaxedSignedKernels;  // right where it counts as signed
extern const Kernels kRelaxedSplitKernels;   // right everywhere

// What this machine's 32-bit int8 dot does with bit 7 of its second operand.
enum class RelaxedDot : uint8_t { kUnsigned, kSigned, kOther };
RelaxedDot probe_relaxed_dot();

}  // namespace camelgpt
