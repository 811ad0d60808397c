// Panels for reading single neurons: each row, or each column, of a matrix is one contiguous run, so that neurons that
// do not fire are never touched. The values are bit-identical to those in groups of eight rows.
//
// A neuron is a row in PanelOrder::kRows and a column in PanelOrder::kColumns. Its run has `width` values:
//   bytes    [width] in kRows unsigned with an offset of 128, in kColumns signed
//   nibbles  [width / 32][16 bytes]  low nibble of byte j: value j, high nibble: value 16 + j
//   halves   [width]
// The scales follow the values of all neurons:
//   kRows     [rows][columns / 32] half
//   kColumns  [columns / 32][width] half: one for 32 columns of a row, as in the file
// In kColumns, rows are padded with zeros to a multiple of 32.
#pragma once

#include "quant/panel.h"

namespace camelgpt {

// Whether a kind supports kRows and kColumns; all others support only kGroups.
constexpr bool has_neuron_order(PanelKind kind) {
  return kind == PanelKind::kByte || kind == PanelKind::kNibble || kind == PanelKind::kHalf;
}

// Number of values in a neuron's run.
inline uint64_t neuron_width(const Panel& panel) {
  if (panel.order == PanelOrder::kRows) return panel.columns;
  return (static_cast<uint64_t>(panel.rows) + kUnitColumns - 1) / kUnitColumns * kUnitColumns;
}

// Size in bytes of a run of `width` values.
inline size_t neuron_run_bytes(PanelKind kind, uint64_t width) {
  const PanelLayout layout = panel_layout(kind);
  return static_cast<size_t>(layout.float_bytes != 0 ? width * layout.float_bytes : layout.nibbles ? width / 2 : width);
}

// The start of the scales.
inline const uint8_t* neuron_scales(const Panel& panel) {
  const size_t neurons = panel.order == PanelOrder::kRows ? panel.rows : panel.columns;
  return panel.data + neurons * neuron_run_bytes(panel.kind, neuron_width(panel));
}

// The same as panel_bytes and panel_reserve, for kRows and kColumns.
CheckedSize neuron_panel_bytes(PanelKind kind, PanelOrder order, uint64_t rows, uint64_t columns);
Panel neuron_panel_reserve(PanelKind kind, PanelOrder order, uint32_t rows, uint32_t columns, Arena* arena);

// Implement panel_put and panel_row for kRows and kColumns.
bool neuron_panel_put(Panel* panel, TensorType type, uint64_t first, std::span<const uint8_t> blocks);
void neuron_panel_row(const Panel& panel, uint32_t row, float* values);

// Writes eight rows as a group of kGroups, for products with many tokens. out [group_bytes]
void neuron_panel_group(const Panel& panel, uint32_t group, uint8_t* out);

}  // namespace camelgpt
