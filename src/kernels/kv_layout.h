// The layout of stored keys and values: integers with one float scale per head and position, x = scale * q.
//
// The order suits the widening multiplication of 16-bit pairs, so attention transposes nothing:
//   keys    [positions / 8][width / 2][8 positions][2 columns]                  a dot adds two columns
//   values  [positions / 32][width / 8][16 pairs][8 columns][2 positions]       a dot adds two positions
// Memory is reserved for whole tiles of positions.
#pragma once

#include <cstddef>
#include <cstdint>

namespace camelgpt {

enum class KvType : uint8_t { k16, k8 };  // int16 or int8

inline constexpr uint32_t kAttentionTile = 32;  // positions that attention processes together
inline constexpr uint32_t kKeyBlock = 8;        // positions whose keys are interleaved

constexpr uint32_t kv_element_bytes(KvType type) { return type == KvType::k16 ? 2 : 1; }

// Limits of a row of integers that keep sums of products below 2^31.
struct RowLimits {
  float magnitude;  // of each integer
  float norm;       // Euclidean norm of the row
};
inline constexpr float kNormRounding = 16;  // by how much rounding up to 1024 numbers to integers can raise their norm
// A query times a key is at most the product of their norms (Cauchy-Schwarz).
inline constexpr RowLimits kQueryLimits = {32767, 46000};
constexpr RowLimits key_limits(KvType type) { return type == KvType::k16 ? kQueryLimits : RowLimits{127, 46000}; }
// The softmax weights of a tile times a column of its values is at most the sum of the weights times the largest value.
constexpr RowLimits value_limits(KvType type) { return {type == KvType::k16 ? 16383.0f : 127.0f, 1e9f}; }
inline constexpr float kMaxSoftmaxWeight = 32767;
inline constexpr float kMaxSoftmaxWeightSum = 130000;

// A page is a tile of positions. Its keys are summarised by the mean of each column and by kPageSpread times the
// column's standard deviation, stored like 8-bit keys of twice the width: [pages / 8][width][8 pages][mean, spread].
inline constexpr float kPageSpread = 0.75f;
inline constexpr RowLimits kPageLimits = key_limits(KvType::k8);
// Pages for which memory is reserved in a context of `context` positions.
constexpr uint64_t page_room(uint64_t context) {
  return (context / kAttentionTile + kKeyBlock - 1) / kKeyBlock * kKeyBlock;  // incomplete pages have no summary
}

// Positions for which memory is reserved in a context of `context` positions.
constexpr uint64_t kv_room(uint64_t context) {
  return (context + kAttentionTile - 1) / kAttentionTile * kAttentionTile;
}

// The index, within its head, of one column of the key or value at a position.
constexpr size_t key_index(uint32_t width, uint32_t position, uint32_t column) {
  return static_cast<size_t>(position / kKeyBlock) * kKeyBlock * width + column / 2 * (2 * kKeyBlock) +
         position % kKeyBlock * 2 + column % 2;
}
constexpr size_t value_index(uint32_t width, uint32_t position, uint32_t column) {
  const uint32_t in_tile = position % kAttentionTile;
  return static_cast<size_t>(position / kAttentionTile) * kAttentionTile * width + column / 8 * (8 * kAttentionTile) +
         in_tile / 2 * 16 + column % 8 * 2 + in_tile % 2;
}

}  // namespace camelgpt
