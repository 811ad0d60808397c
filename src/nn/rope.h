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
  const float* factors = nullptr;  // [rotated / 2] divide the frequencies (Llama 3, LongRoPE); null: all are 1
  float magnitude = 1.0f;          // multiplies cosines and sines
  // Positions are scaled for pairs from `ramp_end` on, not for those up to `ramp_first`, and in between by a linear
  // mixture (Peng et al. 2023, "YaRN"). Equal to 0: they are scaled for all pairs.
  float ramp_first = 0, ramp_end = 0;
};

// Sets the ramp of YaRN: pairs that turn more than 32 times within the original context are not scaled, those that turn
// less than once are.
void rope_set_ramp(uint32_t original_context, RopeOptions* options);

// cosine, sine [tokens, rotated / 2] for `tokens` positions from `position` on, times the magnitude. The angle of pair
// i at position p is p * position_scale * base^(-2i / rotated) / factors[i]; with a ramp, position_scale becomes 1 for
// the first pairs.
void rope_angles(const RopeOptions& options, uint32_t position, uint32_t tokens, float* cosine, float* sine);

}  // namespace camelgpt
