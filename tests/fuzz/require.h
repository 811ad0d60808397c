// Aborts if an invariant is broken; libFuzzer then keeps the input.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace camelgpt {

inline void require(bool condition, const char* invariant) {
  if (condition) return;
  std::fprintf(stderr, "broken invariant: %s\n", invariant);
  std::abort();
}

}  // namespace camelgpt
