// Blocks of GGUF's quantised formats → their values, one block at a time: the readable reference that faster code is
// tested against. Source of the layouts: ggml-common.h and ggml-quants.c (github.com/ggml-org/ggml).
#pragma once

#include <cstdint>

#include "gguf/tensor_type.h"

namespace camelgpt {

// The sixteen values of IQ4_NL and IQ4_XS, the non-linear 4-bit formats.
inline constexpr int8_t kIq4NlValues[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

// The sixteen values of MXFP4, doubled (OCP Microscaling Formats 1.0: E2M1).
inline constexpr int8_t kMxfp4Values[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

// A unit: 32 values of a block, not yet multiplied out. Value i is
//   scale * power * sub_scale[i / 16] * (quants[i] - offset) + minimum * sub_minimum[i / 16],
// with table[quants[i]] in place of quants[i] - offset if there is a table. Blocks of 32 values are one unit with
// sub-scales of 1; blocks of 256 values are eight units.
struct QuantUnit {
  uint8_t quants[32];
  const int8_t* table;   // [16] or null
  float power;           // a power of two
  uint16_t scale;        // half; bfloat16 for MXFP4
  uint16_t minimum;      // half; K formats subtract their minimum, so their sub_minimum is negative
  int32_t sub_scale[2];  // for values 0-15 and 16-31
  int32_t sub_minimum[2];
  int32_t offset;  // subtracted from each quant
};

// Unpacks unit `unit` of a block of a quantised type.
void unpack_unit(TensorType type, const uint8_t* block, uint32_t unit, QuantUnit* out);

// The scale of a unit as a float, with its power of two.
float unit_scale(TensorType type, const QuantUnit& unit);

// Dequantises a block of any type to values [block_elements], by the same formula as ggml's dequantize_row_*.
void dequantize_block(TensorType type, const uint8_t* block, float* values);

}  // namespace camelgpt
