#include "quant/neuron_panel.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "base/half.h"
#include "quant/blocks.h"
#include "quant/float_groups.h"

namespace camelgpt {
namespace {

float load_float(const uint8_t* p) {
  float value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

// The byte offset of a value, or of the byte that contains its nibble.
struct ValueOffset {
  size_t at;
  bool high;  // whether the nibble is the high one
};

ValueOffset value_offset(const Panel& panel, uint32_t row, uint32_t column) {
  const bool by_rows = panel.order == PanelOrder::kRows;
  const uint32_t i = by_rows ? column : row;
  const size_t run =
      by_rows ? RowOffsets(panel).values(row) : column * neuron_run_bytes(panel.kind, neuron_width(panel));
  if (panel.kind == PanelKind::kHalf) return {run + i * size_t{2}, false};
  if (panel.kind == PanelKind::kByte) return {run + i, false};
  return {run + i / kUnitColumns * 16 + i % 16, i % kUnitColumns >= 16};
}

size_t scale_offset(const Panel& panel, uint32_t row, uint32_t unit) {
  if (panel.order == PanelOrder::kRows) return RowOffsets(panel).scales(row) + 2 * size_t{unit};
  return static_cast<size_t>(column_scales(panel) - panel.data) +
         2 * (unit * static_cast<size_t>(neuron_width(panel)) + row);
}

// XOR mask between a quant with an offset of 128 and its stored byte.
uint8_t sign_flip(const Panel& panel) { return panel.order == PanelOrder::kColumns ? 0x80 : 0; }

// Reads the 32 quants of a unit of a row.
void get_unit(const Panel& panel, uint32_t row, uint32_t unit, uint8_t quants[kUnitColumns]) {
  const uint32_t column = unit * kUnitColumns;
  const uint8_t* p = panel.data + value_offset(panel, row, column).at;
  const size_t step = panel.order == PanelOrder::kRows ? 1 : neuron_run_bytes(panel.kind, neuron_width(panel));
  if (panel.kind == PanelKind::kByte) {
    for (uint32_t i = 0; i < kUnitColumns; ++i) quants[i] = p[i * step] ^ sign_flip(panel);
  } else if (panel.order == PanelOrder::kRows) {
    for (uint32_t i = 0; i < 16; ++i) {
      quants[i] = p[i] & 15;
      quants[16 + i] = p[i] >> 4;
    }
  } else {
    const int shift = value_offset(panel, row, column).high ? 4 : 0;
    for (uint32_t i = 0; i < kUnitColumns; ++i) quants[i] = p[i * step] >> shift & 15;
  }
}

void put_unit(Panel* panel, uint32_t row, uint32_t unit, const uint8_t quants[kUnitColumns]) {
  const uint32_t column = unit * kUnitColumns;
  uint8_t* p = panel->data + value_offset(*panel, row, column).at;
  const size_t step = panel->order == PanelOrder::kRows ? 1 : neuron_run_bytes(panel->kind, neuron_width(*panel));
  if (panel->kind == PanelKind::kByte) {
    for (uint32_t i = 0; i < kUnitColumns; ++i) p[i * step] = quants[i] ^ sign_flip(*panel);
  } else if (panel->order == PanelOrder::kRows) {
    for (uint32_t i = 0; i < 16; ++i) p[i] = static_cast<uint8_t>(quants[i] | quants[16 + i] << 4);
  } else {  // each byte also holds a nibble of another row
    const bool high = value_offset(*panel, row, column).high;
    for (uint32_t i = 0; i < kUnitColumns; ++i) {
      uint8_t& byte = p[i * step];
      byte = static_cast<uint8_t>(high ? (byte & 15) | quants[i] << 4 : (byte & 0xf0) | quants[i]);
    }
  }
}

// Writes F16 values, or F32 values rounded to halves. False if one is not finite.
bool put_halves(Panel* panel, TensorType type, uint64_t first, std::span<const uint8_t> numbers) {
  const size_t size = tensor_type_info(type).block_bytes;
  uint32_t row = static_cast<uint32_t>(first / panel->columns), column = static_cast<uint32_t>(first % panel->columns);
  for (size_t at = 0; at + size <= numbers.size(); at += size) {
    assert(row < panel->rows);
    const uint16_t half = size == 2 ? load_half(&numbers[at]) : float_to_half(load_float(&numbers[at]));
    if (!half_is_finite(half)) return false;
    std::memcpy(panel->data + value_offset(*panel, row, column).at, &half, 2);
    if (++column == panel->columns) {
      column = 0;
      ++row;
    }
  }
  return true;
}

// neuron_panel_group for halves.
void half_group(const Panel& panel, uint32_t first, uint32_t lanes, uint8_t* out) {
  if (panel.order == PanelOrder::kRows && lanes == kPanelRows && panel.columns % 8 == 0) {
    return transpose_halves(panel.data + value_offset(panel, first, 0).at, panel.columns, out);
  }
  for (uint32_t c = 0; c < panel.columns; ++c, out += 2 * kPanelRows) {
    if (panel.order == PanelOrder::kColumns) {
      std::memcpy(out, panel.data + value_offset(panel, first, c).at, 2 * size_t{lanes});
    } else {
      for (uint32_t lane = 0; lane < lanes; ++lane) {
        std::memcpy(out + 2 * lane, panel.data + value_offset(panel, first + lane, c).at, 2);
      }
    }
  }
}

// Writes the values of a unit of eight rows of a kColumns panel, in which the rows of a column are contiguous.
void column_unit_group(const Panel& panel, uint32_t first, uint32_t lanes, uint32_t unit, uint8_t* out) {
  const ValueOffset start = value_offset(panel, first, unit * kUnitColumns);
  const size_t run = neuron_run_bytes(panel.kind, neuron_width(panel));
  const auto load_column = [&](uint32_t column) {
    uint64_t bytes;
    std::memcpy(&bytes, panel.data + start.at + column * run, sizeof bytes);
    return bytes;
  };
  const auto store_column = [&](uint64_t bytes, uint32_t column) {  // one byte per lane
    uint8_t* to = out + column / 4 * 32 + column % 4;
    for (uint32_t lane = 0; lane < lanes; ++lane, bytes >>= 8) to[lane * 4] = static_cast<uint8_t>(bytes);
  };
  if (panel.kind == PanelKind::kByte) {
    for (uint32_t i = 0; i < kUnitColumns; ++i) store_column(load_column(i) ^ 0x8080808080808080u, i);
    return;
  }
  constexpr uint64_t kNibbles = 0x0f0f0f0f0f0f0f0fu;
  const int shift = start.high ? 4 : 0;
  for (uint32_t i = 0; i < 16; ++i) {
    store_column((load_column(i) >> shift & kNibbles) | (load_column(i + 16) >> shift & kNibbles) << 4, i);
  }
}

}  // namespace

CheckedSize neuron_panel_bytes(PanelKind kind, PanelOrder order, uint64_t rows, uint64_t columns) {
  assert(has_neuron_order(kind) && order != PanelOrder::kGroups);
  if (order == PanelOrder::kRows) return panel_bytes(kind, rows, columns);
  const CheckedSize padded_rows = CheckedSize(rows).aligned(kUnitColumns);
  const CheckedSize values = padded_rows * columns;
  if (kind == PanelKind::kHalf) return values * 2;
  CheckedSize bytes = values;
  if (kind == PanelKind::kNibble) bytes.value /= 2;  // even: columns are a multiple of 32
  return bytes + padded_rows * (columns / kUnitColumns) * 2;
}

Panel neuron_panel_reserve(PanelKind kind, PanelOrder order, uint32_t rows, uint32_t columns, Arena* arena) {
  Panel panel{kind, order, rows, columns, static_cast<size_t>(panel_group_bytes(kind, columns).value), nullptr};
  const std::span<uint8_t> memory = arena->take<uint8_t>(neuron_panel_bytes(kind, order, rows, columns).value);
  panel.data = memory.data();
  if (panel.data != nullptr && order == PanelOrder::kColumns && rows % kUnitColumns != 0) {
    std::memset(memory.data(), 0, memory.size());
  }
  return panel;
}

bool neuron_panel_put(Panel* panel, TensorType type, uint64_t first, std::span<const uint8_t> blocks) {
  if (panel->kind == PanelKind::kHalf) return put_halves(panel, type, first, blocks);
  const uint8_t offset = panel_layout(panel->kind).offset;
  const TensorTypeInfo info = tensor_type_info(type);
  const uint32_t units = info.block_elements / kUnitColumns, per_row = panel->columns / kUnitColumns;
  for (size_t at = 0; at + info.block_bytes <= blocks.size(); at += info.block_bytes, ++first) {
    for (uint32_t u = 0; u < units; ++u) {
      const uint64_t index = first * units + u;
      const uint32_t row = static_cast<uint32_t>(index / per_row), unit = static_cast<uint32_t>(index % per_row);
      assert(row < panel->rows);
      QuantUnit block;
      unpack_unit(type, &blocks[at], u, &block);
      if (!half_is_finite(block.scale)) return false;
      for (uint8_t& quant : block.quants) quant = static_cast<uint8_t>(quant - block.offset + offset);
      put_unit(panel, row, unit, block.quants);
      std::memcpy(panel->data + scale_offset(*panel, row, unit), &block.scale, sizeof block.scale);
    }
  }
  return true;
}

void neuron_panel_row(const Panel& panel, uint32_t row, float* values) {
  if (panel.kind == PanelKind::kHalf) {
    for (uint32_t c = 0; c < panel.columns; ++c) {
      values[c] = half_to_float(load_half(panel.data + value_offset(panel, row, c).at));
    }
    return;
  }
  const int32_t offset = panel_layout(panel.kind).offset;
  for (uint32_t unit = 0; unit < panel.columns / kUnitColumns; ++unit, values += kUnitColumns) {
    uint8_t quants[kUnitColumns];
    get_unit(panel, row, unit, quants);
    const float scale = half_to_float(load_half(panel.data + scale_offset(panel, row, unit)));
    for (uint32_t i = 0; i < kUnitColumns; ++i) values[i] = scale * static_cast<float>(quants[i] - offset);
  }
}

void neuron_panel_group(const Panel& panel, uint32_t group, uint8_t* out) {
  const uint32_t first = group * kPanelRows, lanes = std::min(kPanelRows, panel.rows - first);
  if (lanes < kPanelRows) std::memset(out, 0, panel.group_bytes);
  if (panel.kind == PanelKind::kHalf) return half_group(panel, first, lanes, out);
  const PanelLayout layout = panel_layout(panel.kind);
  for (uint32_t unit = 0; unit < panel.columns / kUnitColumns; ++unit, out += layout.unit_bytes) {
    if (panel.order == PanelOrder::kRows) {
      for (uint32_t lane = 0; lane < lanes; ++lane) {
        const uint8_t* values = panel.data + value_offset(panel, first + lane, unit * kUnitColumns).at;
        for (uint32_t k = 0; k < layout.values_bytes / 32; ++k) std::memcpy(out + k * 32 + lane * 4, values + k * 4, 4);
      }
    } else {
      column_unit_group(panel, first, lanes, unit, out);
    }
    for (uint32_t lane = 0; lane < lanes; ++lane) {
      std::memcpy(out + layout.values_bytes + lane * 2, panel.data + scale_offset(panel, first + lane, unit), 2);
    }
  }
}

namespace {

// Writes a group of kGroups as eight rows of kRows.
void group_rows(const Panel& panel, const uint8_t* group, uint8_t* out) {
  if (panel.kind == PanelKind::kHalf) {
    for (uint32_t c = 0; c < panel.columns; ++c, group += 2 * kPanelRows) {
      for (size_t lane = 0; lane < kPanelRows; ++lane) {
        std::memcpy(out + (lane * panel.columns + c) * 2, group + lane * 2, 2);
      }
    }
    return;
  }
  const PanelLayout layout = panel_layout(panel.kind);
  const RowOffsets offsets(panel);
  const uint32_t unit_bytes = layout.values_bytes / kPanelRows;  // of a row
  for (uint32_t unit = 0; unit < panel.columns / kUnitColumns; ++unit, group += layout.unit_bytes) {
    for (uint32_t lane = 0; lane < kPanelRows; ++lane) {
      uint8_t* values = out + offsets.values(lane) + unit * unit_bytes;
      for (uint32_t k = 0; k < unit_bytes / 4; ++k) std::memcpy(values + k * 4, group + k * 32 + lane * 4, 4);
      std::memcpy(out + offsets.scales(lane) + unit * 2, group + layout.values_bytes + lane * 2, 2);
    }
  }
}

}  // namespace

void neuron_panel_reorder(const Panel& panel, Range groups, PanelOrder order, uint8_t* scratch) {
  assert(has_neuron_order(panel.kind) && panel.order != PanelOrder::kColumns && order != PanelOrder::kColumns);
  if (panel.order == order) return;
  for (uint32_t g = groups.first; g < groups.end; ++g) {
    uint8_t* group = panel.data + g * panel.group_bytes;
    if (order == PanelOrder::kRows) {
      group_rows(panel, group, scratch);
    } else {
      neuron_panel_group(panel, g, scratch);
    }
    std::memcpy(group, scratch, panel.group_bytes);
  }
}

}  // namespace camelgpt
