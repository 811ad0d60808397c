// Matrix products of a whole panel, or of some of its rows.
#pragma once

#include <cassert>

#include "kernels/kernels.h"

namespace camelgpt {

// Rows rounded up to whole groups: how many floats a product writes for each token.
inline size_t padded_rows(uint32_t rows) { return static_cast<size_t>(panel_groups(rows)) * kPanelRows; }

// y[token * y_stride + row - first_row] = sum over columns of weights[row, column] * input[token, column], for
// `row_count` rows from `first_row` on (a multiple of eight). Writes padded_rows(row_count) each.
inline void linear_rows(const Panel& weights, uint32_t first_row, uint32_t row_count, const Activations& input,
                        float* y, size_t y_stride) {
  assert(weights.order == PanelOrder::kGroups);
  const PanelSlice slice{weights.data + first_row / kPanelRows * weights.group_bytes, weights.group_bytes,
                         weights.columns, panel_groups(row_count)};
  kernels().matmul[static_cast<int>(weights.kind)](slice, input, y, y_stride);
}

// The same for a range of rows, to their place among all of them.
inline void linear_part(const Panel& weights, Range rows, const Activations& input, float* y, size_t y_stride) {
  linear_rows(weights, rows.first, rows.size(), input, y + rows.first, y_stride);
}

// The same two for a panel in any order; `group` [group_bytes] is memory for eight rows of one that has no groups.
inline void linear_rows(const Panel& weights, uint32_t first_row, uint32_t row_count, const Activations& input,
                        float* y, size_t y_stride, uint8_t* group) {
  if (weights.order == PanelOrder::kGroups) return linear_rows(weights, first_row, row_count, input, y, y_stride);
  for (uint32_t row = 0; row < row_count; row += kPanelRows) {
    neuron_panel_group(weights, (first_row + row) / kPanelRows, group);
    const PanelSlice slice{group, weights.group_bytes, weights.columns, 1};
    kernels().matmul[static_cast<int>(weights.kind)](slice, input, y + row, y_stride);
  }
}
inline void linear_part(const Panel& weights, Range rows, const Activations& input, float* y, size_t y_stride,
                        uint8_t* group) {
  linear_rows(weights, rows.first, rows.size(), input, y + rows.first, y_stride, group);
}

}  // namespace camelgpt
