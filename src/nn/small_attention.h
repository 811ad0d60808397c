// A query, and the keys and values of a few positions → attention to all of them, in floats, without a cache.
#pragma once

#include <cstddef>
#include <cstdint>

namespace camelgpt {

inline constexpr uint32_t kMaxSmallAttentionPositions = 16;

// One head of one query: out [width] = softmax(q · key / sqrt(width)) · values, over `count` positions (at most
// kMaxSmallAttentionPositions). Keys and values of adjacent positions are `stride` floats apart; width is a multiple
// of 4.
void small_attention(const float* q, const float* keys, const float* values, size_t stride, uint32_t count,
                     uint32_t width, float* out);

}  // namespace camelgpt
