// The block formats of GGUF, decoded one block at a time: the readable reference that everything faster is tested
// against. Source of the layouts: ggml-common.h and ggml-quants.c (github.com/ggml-org/ggml).
#pragma once

#include <cstdint>

#include "gguf/tensor_type.h"

namespace camelgpt {

// The sixteen values of the non-linear 4-bit format.
inline constexpr int8_t kIq4NlValues[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

// The parts of a block before they are multiplied out, 32 values at a time ("unit"): value i of the unit is
//   scale * sub_scale[i / 16] * (quants[i] - offset) + minimum * sub_minimum[i / 16].
// Formats of 32-value blocks have one unit a block and sub-scales of 1; K formats have eight units.
struct QuantUnit {
  uint8_t quants[32];
  uint16_t scale;        // half
  uint16_t minimum;      // half; K formats subtract their minimum, so sub_minimum is then negative
  int32_t sub_scale[2];  // for values 0-15 and 16-31
  int32_t sub_minimum[2];
  int32_t offset;  // subtracted from each quant
};

// Takes unit `unit` of a block apart. For every type but the float ones.
void unpack_unit(TensorType type, const uint8_t* block, uint32_t unit, QuantUnit* out);

// All values of a block as floats, by the same formula as ggml's dequantize_row_*. [block_elements]
void dequantize_block(TensorType type, const uint8_t* block, float* values);

}  // namespace camelgpt
