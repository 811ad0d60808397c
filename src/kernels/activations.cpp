// Numbers of tokens and columns → memory for activations and for attention.
#include "kernels/kernels.h"

namespace camelgpt {

Activations activations_reserve(uint32_t tokens, uint32_t columns, Arena* arena) {
  const uint64_t rows = tokens == 1 ? 1 : (static_cast<uint64_t>(tokens) + kTokenTile - 1) / kTokenTile * kTokenTile;
  const uint64_t units = (static_cast<uint64_t>(columns) + kUnitColumns - 1) / kUnitColumns;
  Activations activations;
  activations.bytes = arena->take<uint8_t>(rows * units * kUnitColumns * 2).data();
  activations.words = arena->take<uint8_t>(rows * units * kUnitColumns * 2).data();
  activations.scales = arena->take<float>(rows * units).data();
  activations.sums = arena->take<int32_t>(rows * units).data();
  activations.half_sums = arena->take<int32_t>(rows * units * 2).data();
  activations.totals = arena->take<float>(rows * units).data();
  activations.half_totals = arena->take<float>(rows * units * 2).data();
  return activations;
}

uint64_t attention_scratch_bytes(uint32_t tokens, uint32_t group, uint32_t head_width) {
  return static_cast<uint64_t>(tokens) * group * (kAttentionRowBytes + head_width * sizeof(int16_t));
}

}  // namespace camelgpt
