// What masked decoding decides in a step: all masks are predicted at once, the surest of them become tokens, and the
// others are predicted again with these in place. Source: Ghazvininejad et al. 2019, "Mask-Predict".
#pragma once

#include <cstdint>
#include <span>

namespace camelgpt {

struct MaskChoice {
  uint32_t position;
  int32_t token;
  float logprob;  // nats
};

// How many of the masks are tokens after step 1 .. steps: equal parts, all of them in the end.
constexpr uint32_t masks_decided(uint32_t masks, uint32_t step, uint32_t steps) {
  return step >= steps ? masks : static_cast<uint32_t>((static_cast<uint64_t>(masks) * step + steps - 1) / steps);
}

// Sorts the choices, the surest first; of equals the one that comes first in the text.
void sort_surest_first(std::span<MaskChoice> choices);

}  // namespace camelgpt
