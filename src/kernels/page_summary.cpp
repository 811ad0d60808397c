// The keys of a page → mean and spread of each column. Plain C++: compilers vectorise loops of 16 iterations.
#include <cmath>

#include "kernels/kernels.h"

namespace camelgpt {
namespace {

template <class Element>
void summarize(const Element* keys, const float* scales, uint32_t width, float* summary) {
  constexpr uint32_t kLanes = 2 * kKeyBlock;  // a lane is a position and one of two columns
  constexpr uint32_t kBlocks = kAttentionTile / kKeyBlock;
  float lane_scales[kBlocks][kLanes];
  for (uint32_t p = 0; p < kAttentionTile; ++p) {
    float* pair = &lane_scales[p / kKeyBlock][p % kKeyBlock * 2];
    pair[0] = pair[1] = scales[p];
  }
  const auto fold = [](const float* lanes, uint32_t column) {
    float sum = 0;
    for (uint32_t i = column; i < kLanes; i += 2) sum += lanes[i];
    return sum / kAttentionTile;
  };
  for (uint32_t i = 0; i < width; i += 2) {
    float x[kBlocks][kLanes], sums[kLanes] = {}, squares[kLanes] = {}, means[kLanes];
#pragma clang loop unroll(disable)  // saves 12 KB of code
    for (uint32_t b = 0; b < kBlocks; ++b) {
      const Element* from = keys + key_index(width, b * kKeyBlock, i);
      for (uint32_t j = 0; j < kLanes; ++j) {
        x[b][j] = static_cast<float>(from[j]) * lane_scales[b][j];
        sums[j] += x[b][j];
      }
    }
    for (uint32_t c = 0; c < 2; ++c) {
      const float mean = summary[2 * (i + c)] = fold(sums, c);
      for (uint32_t j = c; j < kLanes; j += 2) means[j] = mean;
    }
#pragma clang loop unroll(disable)
    for (uint32_t b = 0; b < kBlocks; ++b) {
      for (uint32_t j = 0; j < kLanes; ++j) squares[j] += (x[b][j] - means[j]) * (x[b][j] - means[j]);
    }
    for (uint32_t c = 0; c < 2; ++c) summary[2 * (i + c) + 1] = kPageSpread * std::sqrt(fold(squares, c));
  }
}

}  // namespace

void summarize_keys(KvType type, const void* keys, const float* scales, uint32_t head_width, float* summary) {
  if (type == KvType::k16) {
    summarize(static_cast<const int16_t*>(keys), scales, head_width, summary);
  } else {
    summarize(static_cast<const int8_t*>(keys), scales, head_width, summary);
  }
}

}  // namespace camelgpt
