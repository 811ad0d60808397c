// Panels of which single neurons are read: the rows of a matrix, or its columns, each in one run, so that those of
// neurons that do not fire are never touched. The values are the same as in groups of eight rows, to the last bit.
//
// A neuron is a row of PanelOrder::kRows and a column of PanelOrder::kColumns. Its run has `width` values:
//   bytes    [width] of kRows unsigned numbers with an offset of 128, of kColumns signed ones
//   nibbles  [width / 32][16 bytes]  low nibble of byte j: value j, high nibble: value 16 + j
//   halves   [width]
// Scales follow behind the values of all neurons:
//   kRows     [rows][columns / 32] half
//   kColumns  [columns / 32][width] half: each row has one for 32 columns, as its file has
// The rows of kColumns are padded with zeros to whole units.
#pragma once

#include "quant/panel.h"

namespace camelgpt {

// Whether a kind can lie so; the others are read in groups of rows alone.
constexpr bool has_neuron_order(PanelKind kind) {
  return kind == PanelKind::kByte || kind == PanelKind::kNibble || kind == PanelKind::kHalf;
}

// Values in the run of a neuron.
inline uint64_t neuron_width(const Panel& panel) {
  if (panel.order == PanelOrder::kRows) return panel.columns;
  return (static_cast<uint64_t>(panel.rows) + kUnitColumns - 1) / kUnitColumns * kUnitColumns;
}

// Bytes of `width` values.
inline size_t neuron_run_bytes(PanelKind kind, uint64_t width) {
  const PanelLayout layout = panel_layout(kind);
  return static_cast<size_t>(layout.float_bytes != 0 ? width * layout.float_bytes : layout.nibbles ? width / 2 : width);
}

// Where the scales begin.
inline const uint8_t* neuron_scales(const Panel& panel) {
  const size_t neurons = panel.order == PanelOrder::kRows ? panel.rows : panel.columns;
  return panel.data + neurons * neuron_run_bytes(panel.kind, neuron_width(panel));
}

// As panel_bytes and panel_reserve. `order` is not kGroups.
CheckedSize neuron_panel_bytes(PanelKind kind, PanelOrder order, uint64_t rows, uint64_t columns);
Panel neuron_panel_reserve(PanelKind kind, PanelOrder order, uint32_t rows, uint32_t columns, Arena* arena);

// As panel_put and panel_row, which come here.
bool neuron_panel_put(Panel* panel, TensorType type, uint64_t first, std::span<const uint8_t> blocks);
void neuron_panel_row(const Panel& panel, uint32_t row, float* values);

// Eight rows as a group [group_bytes], for the products of many tokens.
void neuron_panel_group(const Panel& panel, uint32_t group, uint8_t* out);

}  // namespace camelgpt
