// Panels for reading single neurons: each row, or each column, of a matrix is one contiguous run, so that neurons that
// do not fire are never touched. The values are bit-identical to those in groups of eight rows.
//
// A neuron is a row in PanelOrder::kRows and a column in PanelOrder::kColumns. Its run has `width` values:
//   bytes    [width] in kRows unsigned with an offset of 128, in kColumns signed
//   nibbles  [width / 32][16 bytes]  low nibble of byte j: value j, high nibble: value 16 + j
//   halves   [width]
// In kRows, the runs of eight rows and then their scales, [8][columns / 32] half, take the place of a group of kGroups,
// so that the order can be changed in place.
// In kColumns, the scales follow the values of all neurons, [columns / 32][width] half: one for 32 columns of a row, as
// in the file. Rows are padded with zeros to a multiple of 32.
#pragma once

#include "base/threads.h"
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

// Byte offsets in a panel in kRows: where the values and the scales of a row begin.
class RowOffsets {
 public:
  explicit RowOffsets(const Panel& panel)
      : group_(panel.group_bytes),
        run_(neuron_run_bytes(panel.kind, panel.columns)),
        scale_run_(panel.columns / kUnitColumns * 2) {}

  size_t values(uint32_t row) const { return row / kPanelRows * group_ + row % kPanelRows * run_; }
  size_t scales(uint32_t row) const {
    return row / kPanelRows * group_ + kPanelRows * run_ + row % kPanelRows * scale_run_;
  }
  size_t run_bytes() const { return run_; }
  size_t scale_run_bytes() const { return scale_run_; }

 private:
  size_t group_, run_, scale_run_;
};

// The start of the scales in kColumns.
inline const uint8_t* column_scales(const Panel& panel) {
  return panel.data + panel.columns * neuron_run_bytes(panel.kind, neuron_width(panel));
}

// The same as panel_bytes and panel_reserve, for kRows and kColumns.
CheckedSize neuron_panel_bytes(PanelKind kind, PanelOrder order, uint64_t rows, uint64_t columns);
Panel neuron_panel_reserve(PanelKind kind, PanelOrder order, uint32_t rows, uint32_t columns, Arena* arena);

// Implement panel_put and panel_row for kRows and kColumns.
bool neuron_panel_put(Panel* panel, TensorType type, uint64_t first, std::span<const uint8_t> blocks);
void neuron_panel_row(const Panel& panel, uint32_t row, float* values);

// Writes eight rows as a group of kGroups, for products with many tokens. out [group_bytes]
void neuron_panel_group(const Panel& panel, uint32_t group, uint8_t* out);

// Changes groups of a panel in kGroups to kRows, or back, in place. `scratch` [group_bytes]. The caller sets the
// panel's order once all groups are changed.
void neuron_panel_reorder(const Panel& panel, Range groups, PanelOrder order, uint8_t* scratch);

}  // namespace camelgpt
