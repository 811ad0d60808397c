// The kernel sets that a build may contain. Only select.cpp knows which of them it does contain.
#pragma once

#include "kernels/kernels.h"

namespace camelgpt {

extern const Kernels kScalarKernels;
extern const Kernels kSimdKernels;
extern const Kernels kRelaxedUnsignedKernels;  // for RelaxedDot::kUnsigned
extern const Kernels kRelaxedSignedKernels;    // for RelaxedDot::kSigned
extern const Kernels kRelaxedDot16Kernels;     // correct on every machine

// How this machine's 32-bit int8 dot treats its second operand: as unsigned without saturation, as signed, or
// otherwise.
enum class RelaxedDot : uint8_t { kUnsigned, kSigned, kOther };
RelaxedDot probe_relaxed_dot();

}  // namespace camelgpt
