// Attention over a few positions, all of which every query sees: floats throughout, no cache.
#pragma once

#include <cstddef>
#include <cstdint>

namespace camelgpt {

// Positions at most.
inline constexpr uint32_t kMaxSmallAttention = 16;

// One head of one query: out [width] = softmax over `count` keys of q · k / sqrt(width), times the values. Keys and
// values are `stride` apart; width is a multiple of 4.
void small_attention(const float* q, const float* keys, const float* values, size_t stride, uint32_t count,
                     uint32_t width, float* out);

}  // namespace camelgpt
