// Rotary position embedding: angles for positions (Su et al. 2021, "RoFormer").
#pragma once

#include <cstdint>
#include <span>

#include "base/arena.h"

namespace camelgpt {

struct RopeOptions {
  uint32_t rotated = 0;            // values of a head that are rotated, an even number
  float base = 10000.0f;           // theta
  float position_scale = 1.0f;     // positions are multiplied by it (linear scaling: 1 / factor)
  const float* factors = nullptr;  // [rotated / 2] each frequency is divided by its factor (Llama 3); null: by one
};

// cosine, sine [tokens, rotated / 2] for the positions from `position` on: the angle of pair i at position p is
// p * position_scale * base^(-2i / rotated) / factors[i].
void rope_angles(const RopeOptions& options, uint32_t position, uint32_t tokens, float* cosine, float* sine);

}  // namespace camelgpt
