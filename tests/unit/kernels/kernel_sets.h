// Runs a check with every kernel set that is correct on this machine.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "kernels/sets.h"
#include "kernels/wasm_simd.h"
#include "random_weights.h"

namespace camelgpt {

#if CAMELGPT_RELAXED
// Calls `body` for every available behaviour of the relaxed dot: each permitted one in native builds, the machine's own
// in WebAssembly.
template <typename Body>
void for_each_dot(Body body) {
#if defined(__wasm_simd128__)
  body();
#else
  for (const DotBehaviour behaviour : {DotBehaviour::kUnsigned, DotBehaviour::kSigned, DotBehaviour::kSaturating}) {
    native_dot_behaviour = behaviour;
    CAPTURE(static_cast<int>(behaviour));
    CHECK((probe_relaxed_dot() == RelaxedDot::kOther) == (behaviour == DotBehaviour::kSaturating));
    body();
  }
  native_dot_behaviour = DotBehaviour::kUnsigned;
#endif
}
#endif

// Calls `check` with every set that is correct on this machine, except the scalar one.
template <typename Check>
void for_each_set(Check check) {
  const auto run = [&](const Kernels& kernels) {
    CAPTURE(std::string(kernels.name));
    check(kernels);
  };
  run(kSimdKernels);
#if CAMELGPT_RELAXED
  for_each_dot([&] {
    run(kRelaxedDot16Kernels);
    switch (probe_relaxed_dot()) {
      case RelaxedDot::kUnsigned: run(kRelaxedUnsignedKernels); break;
      case RelaxedDot::kSigned: run(kRelaxedSignedKernels); break;
      case RelaxedDot::kOther: break;
    }
  });
#endif
}

template <typename Check>
void for_scalar_and_each_set(Check check) {
  check(kScalarKernels);
  for_each_set(check);
}

inline std::vector<float> random_floats(size_t count, uint64_t seed, float size = 1.0f) {
  TestRandom random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = random.real() * size;
  return values;
}

}  // namespace camelgpt
