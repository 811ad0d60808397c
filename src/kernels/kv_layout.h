// How keys and values are stored: as integers with one float scale for a head's key or value at a position, x = scale *
// q.
//
// They lie as the widening multiplication of 16-bit pairs wants them, so that nothing is transposed while attending:
//   keys    [positions / 8][width / 2][8 positions][2 columns]                  a dot adds up two columns
//   values  [positions / 32][width / 8][16 pairs][8 columns][2 positions]       a dot adds up two positions
// Room for positions comes in whole tiles.
#pragma once

#include <cstddef>
#include <cstdint>

namespace camelgpt {

enum class KvType : uint8_t { k16, k8 };  // int16 or int8

inline constexpr uint32_t kAttentionTile = 32;  // positions at a time
inline constexpr uint32_t kKeyBlock = 8;        // positions of keys that lie together

constexpr uint32_t kv_element_bytes(KvType type) { return type == KvType::k16 ? 2 : 1; }

// What a row of integers may reach, so that their products add up to less than 2^31.
struct RowLimits {
  float magnitude;  // of each
  float norm;       // the root of the sum of their squares
};
inline constexpr float kNormRounding = 16;  // what rounding to integers may add to the norm of up to 1024 of them
// A query and a key: at most the product of their norms (Cauchy and Schwarz).
inline constexpr RowLimits kQueryLimits = {32767, 46000};
constexpr RowLimits key_limits(KvType type) { return type == KvType::k16 ? kQueryLimits : RowLimits{127, 46000}; }
// The softmax weights of a tile and a column of its values: at most the sum of the weights times the largest value.
constexpr RowLimits value_limits(KvType type) { return {type == KvType::k16 ? 16383.0f : 127.0f, 1e9f}; }
inline constexpr float kLargestWeight = 32767;
inline constexpr float kLargestWeightSum = 130000;

// A page is a tile of positions. What its keys have in common is summed up by the mean of each column and by
// kPageSpread times its standard deviation, which lie as keys of 8 bits and twice the width do: [pages / 8][width][8
// pages][mean, spread].
inline constexpr float kPageSpread = 0.75f;
inline constexpr RowLimits kPageLimits = key_limits(KvType::k8);
constexpr uint64_t page_room(uint64_t context) {
  return (context / kAttentionTile + kKeyBlock - 1) / kKeyBlock * kKeyBlock;  // unfinished pages have no summary
}

// Positions for which memory is taken where there must be room for `context` of them.
constexpr uint64_t kv_room(uint64_t context) {
  return (context + kAttentionTile - 1) / kAttentionTile * kAttentionTile;
}

// Where a head keeps a column of a position.
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
