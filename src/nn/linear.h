// Products with rows or columns of a matrix, and their bias.
#pragma once

#include <cassert>

#include "kernels/kernels.h"

namespace camelgpt {

// A matrix as graphs use it. Adapters (LoRA) will be applied here.
struct Linear {
  Panel weight;                 // [rows, columns]
  const float* bias = nullptr;  // [rows], or null
};

// Rows rounded up to whole groups: how many floats a product writes for each token.
inline size_t padded_rows(uint32_t rows) { return static_cast<size_t>(panel_groups(rows)) * kPanelRows; }

// y[token * y_stride + row - first_row] = sum over columns of weights[row, column] * input[token, column], for
// `row_count` rows from `first_row` on (a multiple of eight). Writes padded_rows(row_count) floats for each token. A
// panel that is not in groups needs `group` [group_bytes], scratch for eight rows.
inline void linear_rows(const Panel& weights, uint32_t first_row, uint32_t row_count, const Activations& input,
                        float* y, size_t y_stride, uint8_t* group = nullptr) {
  const MatmulFunction matmul = kernels().matmul[static_cast<int>(weights.kind)];
  if (weights.order == PanelOrder::kGroups) {
    const PanelSlice slice{weights.data + first_row / kPanelRows * weights.group_bytes, weights.group_bytes,
                           weights.columns, panel_groups(row_count)};
    return matmul(slice, input, y, y_stride);
  }
  assert(group != nullptr);
  for (uint32_t row = 0; row < row_count; row += kPanelRows) {
    neuron_panel_group(weights, (first_row + row) / kPanelRows, group);
    matmul({group, weights.group_bytes, weights.columns, 1}, input, y + row, y_stride);
  }
}

// The same as linear_rows() of the weight, plus the bias.
inline void linear_rows(const Linear& linear, uint32_t first_row, uint32_t row_count, const Activations& input,
                        float* y, size_t y_stride, uint8_t* group = nullptr) {
  linear_rows(linear.weight, first_row, row_count, input, y, y_stride, group);
  if (linear.bias == nullptr) return;
  for (uint32_t t = 0; t < input.tokens; ++t) kernels().add(y + t * y_stride, linear.bias + first_row, row_count);
}

// y[token * y_stride + row] = a slice of the rows of the product, plus the bias.
inline void linear_slice(const Linear& linear, Range rows, const Activations& input, float* y, size_t y_stride,
                         uint8_t* group = nullptr) {
  linear_rows(linear, rows.first, rows.size(), input, y + rows.first, y_stride, group);
}

// y[i] = row rows[i] of the product with a single token, for a panel in PanelOrder::kRows. The bits are those of
// linear_slice.
inline void linear_list(const Linear& linear, std::span<const uint32_t> rows, const Activations& input, float* y) {
  kernels().rows[static_cast<int>(linear.weight.kind)](linear.weight, rows, input, y);
  if (linear.bias == nullptr) return;
  for (size_t i = 0; i < rows.size(); ++i) y[i] += linear.bias[rows[i]];
}

// y[row] = some rows of the product with a single token that is zero outside `columns`, for a panel in
// PanelOrder::kColumns. `rows` begins at a multiple of kUnitColumns; y is written up to the next multiple after its
// end. The bits are those of linear_slice.
inline void linear_columns(const Linear& linear, std::span<const uint32_t> columns, const Activations& input,
                           Range rows, float* y) {
  const Range padded{rows.first, (rows.end + kUnitColumns - 1) / kUnitColumns * kUnitColumns};
  kernels().columns[static_cast<int>(linear.weight.kind)](linear.weight, columns, input, padded, y);
  if (linear.bias != nullptr) kernels().add(y + rows.first, linear.bias + rows.first, rows.size());
}

}  // namespace camelgpt
