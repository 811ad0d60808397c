// Masked decoding: orders the predictions of all masks by confidence. Each step fixes the most probable ones and
// predicts the rest again (Ghazvininejad et al. 2019, "Mask-Predict").
#pragma once

#include <cstdint>
#include <span>

namespace camelgpt {

// The predicted token of one mask.
struct MaskChoice {
  uint32_t position;  // in the sequence
  int32_t token;
  float logprob;  // nats
};

// Returns how many of `masks` are decided after `step` of 1 to `steps`: ceil(masks * step / steps).
constexpr uint32_t masks_decided(uint32_t masks, uint32_t step, uint32_t steps) {
  return step >= steps ? masks : static_cast<uint32_t>((static_cast<uint64_t>(masks) * step + steps - 1) / steps);
}

// Sorts by descending log-probability, ties by ascending position.
void sort_surest_first(std::span<MaskChoice> choices);

}  // namespace camelgpt
