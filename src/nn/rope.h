// Angles of rotary position embedding (Su et al. 2021, "RoFormer").
#pragma once

#include <cstdint>
#include <span>

#include "base/arena.h"

namespace camelgpt {

struct RopeOptions {
  uint32_t rotated = 0;            // values of a head that are rotated, even
  float base = 10000.0f;           // theta
  float position_scale = 1.0f;     // positions are multiplied by it (linear scaling: 1 / factor)
  const float* factors = nullptr;  // [rotated / 2] divisors of the frequencies (Llama 3); null: ones
};

// cosine, sine [tokens, rotated / 2] of the positions from `position` on. The angle of pair i at position p is
// p * position_scale * base^(-2i / rotated) / factors[i].
void rope_angles(const RopeOptions& options, uint32_t position, uint32_t tokens, float* cosine, float* sine);

}  // namespace camelgpt
