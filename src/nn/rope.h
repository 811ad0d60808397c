// Rotary position embedding: positions → angles (Su et al. 2021, "RoFormer").
#pragma once

#include <cstdint>
#include <span>

#include "base/arena.h"

namespace camelgpt {

struct RopeOptions {
  uint32_t rotated = 0;            // rotated values per head, an even number
  float base = 10000.0f;           // theta
  float position_scale = 1.0f;     // multiplies positions (linear scaling: 1 / factor)
  const float* factors = nullptr;  // [rotated / 2] divide the frequencies (Llama 3); null: all are 1
};

// cosine, sine [tokens, rotated / 2] for `tokens` positions from `position` on. The angle of pair i at position p is
// p * position_scale * base^(-2i / rotated) / factors[i].
void rope_angles(const RopeOptions& options, uint32_t position, uint32_t tokens, float* cosine, float* sine);

}  // namespace camelgpt
