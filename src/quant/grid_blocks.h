// Units of IQ1, IQ2, IQ3 and ternary (TQ) blocks → quants. The IQ formats store groups of four or eight magnitudes as
// an index of a grid, with a sign for each: together at most sixteen values, so that a unit has nibbles and a table.
// Source of the layouts: ggml-common.h and ggml-quants.c (github.com/ggml-org/ggml).
#pragma once

#include "quant/blocks.h"

namespace camelgpt {

// Implement unpack_unit for these types.
void unpack_grid_unit(TensorType type, const uint8_t* block, uint32_t unit, QuantUnit* out);
void unpack_ternary_unit(TensorType type, const uint8_t* block, uint32_t unit, QuantUnit* out);

}  // namespace camelgpt
