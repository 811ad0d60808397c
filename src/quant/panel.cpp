#include "quant/panel.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>

#include "base/half.h"
#include "quant/blocks.h"
#include "quant/float_groups.h"
#include "quant/neuron_panel.h"

namespace camelgpt {
namespace {

// Byte offset of unit `unit` in a group.
size_t unit_offset(const PanelLayout& layout, uint32_t unit) {
  const size_t supers = layout.super_bytes == 0 ? 0 : unit / kSuperUnits + 1;
  return static_cast<size_t>(unit) * layout.unit_bytes + supers * layout.super_bytes;
}

// Byte offset of the super-block scales of unit `unit` in a group.
size_t super_offset(const PanelLayout& layout, uint32_t unit) {
  const size_t super = unit / kSuperUnits;
  return super * (kSuperUnits * static_cast<size_t>(layout.unit_bytes) + layout.super_bytes);
}

// Writes `steps` runs of four bytes to one lane.
void put_steps(uint8_t* values, uint32_t lane, const uint8_t* bytes, uint32_t steps) {
  for (uint32_t k = 0; k < steps; ++k) std::memcpy(values + k * 32 + lane * 4, bytes + k * 4, 4);
}

void pack_nibbles(const uint8_t* quants, uint8_t* packed) {
  for (int i = 0; i < 16; ++i) packed[i] = static_cast<uint8_t>(quants[i] | quants[i + 16] << 4);
}

// Writes one unit of any format: the path for the less common types.
bool put_unit(const PanelLayout& layout, uint8_t* group, uint32_t unit, uint32_t lane, const QuantUnit& quants) {
  assert(layout.table != PanelTable::kMxfp4);
  if (!half_is_finite(quants.scale) || !half_is_finite(quants.minimum)) return false;
  uint8_t* values = group + unit_offset(layout, unit);
  uint8_t bytes[32];
  if (layout.nibbles) {
    pack_nibbles(quants.quants, bytes);
    put_steps(values, lane, bytes, 4);
  } else {
    for (int i = 0; i < 32; ++i) bytes[i] = static_cast<uint8_t>(quants.quants[i] - quants.offset + layout.offset);
    put_steps(values, lane, bytes, 8);
  }
  uint8_t* scales = values + layout.values_bytes;
  if (layout.subs == 0) {
    store_half(scales + lane * 2, quants.scale);
    if (layout.minimum) store_half(scales + kPanelRows * 2 + lane * 2, quants.minimum);
    return true;
  }
  for (uint32_t s = 0; s < layout.subs; ++s) {
    scales[s * kPanelRows + lane] = static_cast<uint8_t>(quants.sub_scale[s]);
    // Stored as a positive number, which kernels subtract.
    if (layout.minimum) scales[(layout.subs + s) * kPanelRows + lane] = static_cast<uint8_t>(-quants.sub_minimum[s]);
  }
  uint8_t* super = group + super_offset(layout, unit);
  if (layout.table == PanelTable::kStored) {
    const float scale = half_to_float(quants.scale) * quants.power;
    std::memcpy(super + lane * 4, &scale, sizeof scale);
    // All rows share the table, since a panel has one type.
    for (int i = 0; i < 16; ++i) super[kStoredTableAt + i] = static_cast<uint8_t>(quants.table[i] + 128);
    return true;
  }
  store_half(super + lane * 2, quants.scale);
  if (layout.minimum) store_half(super + kPanelRows * 2 + lane * 2, quants.minimum);
  return true;
}

// Calls put(group, column of blocks, lane, block) for each block in row-major order; stops at the first false.
template <typename Put>
bool for_each_block(const Panel& panel, uint64_t first, uint32_t blocks_per_row, std::span<const uint8_t> bytes,
                    uint32_t block_bytes, Put put) {
  uint32_t row = static_cast<uint32_t>(first / blocks_per_row);
  uint32_t column = static_cast<uint32_t>(first % blocks_per_row);
  for (size_t at = 0; at + block_bytes <= bytes.size(); at += block_bytes) {
    assert(row < panel.rows);
    uint8_t* group = panel.data + static_cast<size_t>(row / kPanelRows) * panel.group_bytes;
    if (!put(group, column, row % kPanelRows, bytes.data() + at)) return false;
    if (++column == blocks_per_row) {
      column = 0;
      ++row;
    }
  }
  return true;
}

}  // namespace

PanelKind panel_kind_of(TensorType type) {
  switch (type) {
    case TensorType::kF32: return PanelKind::kFloat;
    case TensorType::kF16: return PanelKind::kHalf;
    case TensorType::kBF16: return PanelKind::kBfloat;
    case TensorType::kQ4_0:
    case TensorType::kTQ1_0:
    case TensorType::kTQ2_0: return PanelKind::kNibble;
    case TensorType::kQ4_1: return PanelKind::kNibbleMin;
    case TensorType::kIQ4_NL: return PanelKind::kNibbleTable;
    case TensorType::kMXFP4: return PanelKind::kNibbleTableBfloat;
    case TensorType::kIQ1_S:
    case TensorType::kIQ2_XXS:
    case TensorType::kIQ3_XXS:
    case TensorType::kIQ3_S:
    case TensorType::kIQ4_XS: return PanelKind::kNibbleTableSuper32;
    case TensorType::kIQ1_M:
    case TensorType::kIQ2_XS:
    case TensorType::kIQ2_S: return PanelKind::kNibbleTableSuper16;
    case TensorType::kQ5_0:
    case TensorType::kQ8_0: return PanelKind::kByte;
    case TensorType::kQ5_1: return PanelKind::kByteMin;
    case TensorType::kQ2_K: return PanelKind::kNibbleSuper16Min;
    case TensorType::kQ3_K: return PanelKind::kNibbleSuper16;
    case TensorType::kQ4_K: return PanelKind::kNibbleSuper32Min;
    case TensorType::kQ5_K: return PanelKind::kByteSuper32Min;
    case TensorType::kQ6_K: return PanelKind::kByteSuper16;
  }
  assert(!"the tensor type was checked by the GGUF reader");
  return PanelKind::kFloat;
}

CheckedSize panel_group_bytes(PanelKind kind, uint64_t columns) {
  const PanelLayout layout = panel_layout(kind);
  if (layout.float_bytes != 0) return CheckedSize(columns) * kPanelRows * layout.float_bytes;
  const uint64_t units = columns / kUnitColumns;
  return CheckedSize(units) * layout.unit_bytes + CheckedSize(units / kSuperUnits) * layout.super_bytes;
}

CheckedSize panel_bytes(PanelKind kind, uint64_t rows, uint64_t columns) {
  return panel_group_bytes(kind, columns) * CheckedSize(rows / kPanelRows + (rows % kPanelRows != 0));
}

Panel panel_reserve(PanelKind kind, uint32_t rows, uint32_t columns, Arena* arena) {
  Panel panel{kind,   PanelOrder::kGroups, rows, columns, static_cast<size_t>(panel_group_bytes(kind, columns).value),
              nullptr};
  panel.data = arena->take<uint8_t>(panel_bytes(kind, rows, columns).value).data();
  if (panel.data != nullptr && rows % kPanelRows != 0) {
    std::memset(panel.data + (panel_groups(rows) - 1) * panel.group_bytes, 0, panel.group_bytes);
  }
  return panel;
}

namespace {

// panel_put block by block: for quantised formats, and for float values that do not fill a group.
bool put_blocks(const Panel& panel, TensorType type, uint64_t first, std::span<const uint8_t> blocks) {
  const PanelLayout layout = panel_layout(panel.kind);
  const TensorTypeInfo info = tensor_type_info(type);
  const uint32_t per_row = panel.columns / info.block_elements;
  const auto for_each = [&](auto put) { return for_each_block(panel, first, per_row, blocks, info.block_bytes, put); };
  switch (type) {
    case TensorType::kF32:
      return for_each([&panel](uint8_t* group, uint32_t column, uint32_t lane, const uint8_t* block) {
        float value;
        std::memcpy(&value, block, sizeof value);
        if (panel.kind == PanelKind::kHalf) {
          const uint16_t half = float_to_half(value);
          store_half(group + (static_cast<size_t>(column) * kPanelRows + lane) * 2, half);
          return half_is_finite(half);
        }
        std::memcpy(group + (static_cast<size_t>(column) * kPanelRows + lane) * 4, block, 4);
        return std::isfinite(value);
      });
    case TensorType::kF16:
    case TensorType::kBF16: {
      const uint16_t exponent = type == TensorType::kF16 ? 0x7c00 : 0x7f80;
      return for_each([exponent](uint8_t* group, uint32_t column, uint32_t lane, const uint8_t* block) {
        std::memcpy(group + (static_cast<size_t>(column) * kPanelRows + lane) * 2, block, 2);
        return (load_half(block) & exponent) != exponent;
      });
    }
    // Formats that pack values as the panel does: moved four bytes at a time.
    case TensorType::kQ4_0:
    case TensorType::kIQ4_NL:
      return for_each([&layout](uint8_t* group, uint32_t unit, uint32_t lane, const uint8_t* block) {
        uint8_t* values = group + static_cast<size_t>(unit) * layout.unit_bytes;
        put_steps(values, lane, block + 2, 4);
        std::memcpy(values + layout.values_bytes + lane * 2, block, 2);
        return half_is_finite(load_half(block));
      });
    case TensorType::kMXFP4:
      return for_each([&layout, type](uint8_t* group, uint32_t unit, uint32_t lane, const uint8_t* block) {
        QuantUnit quants;
        unpack_unit(type, block, 0, &quants);
        uint8_t* values = group + static_cast<size_t>(unit) * layout.unit_bytes;
        put_steps(values, lane, block + 1, 4);
        std::memcpy(values + layout.values_bytes + lane * 2, &quants.scale, 2);
        return (quants.scale & 0x7f80) != 0x7f80;
      });
    case TensorType::kQ4_1:
      return for_each([&layout](uint8_t* group, uint32_t unit, uint32_t lane, const uint8_t* block) {
        uint8_t* values = group + static_cast<size_t>(unit) * layout.unit_bytes;
        put_steps(values, lane, block + 4, 4);
        std::memcpy(values + layout.values_bytes + lane * 2, block, 2);
        std::memcpy(values + layout.values_bytes + kPanelRows * 2 + lane * 2, block + 2, 2);
        return half_is_finite(load_half(block)) && half_is_finite(load_half(block + 2));
      });
    case TensorType::kQ8_0:
      return for_each([&layout](uint8_t* group, uint32_t unit, uint32_t lane, const uint8_t* block) {
        uint8_t* values = group + static_cast<size_t>(unit) * layout.unit_bytes;
        for (uint32_t k = 0; k < 8; ++k) {
          uint32_t four;
          std::memcpy(&four, block + 2 + k * 4, 4);
          four ^= 0x80808080u;
          std::memcpy(values + k * 32 + lane * 4, &four, 4);
        }
        std::memcpy(values + layout.values_bytes + lane * 2, block, 2);
        return half_is_finite(load_half(block));
      });
    default:
      return for_each([&layout, &info, type](uint8_t* group, uint32_t column, uint32_t lane, const uint8_t* block) {
        const uint32_t units = info.block_elements / kUnitColumns;
        QuantUnit quants;
        for (uint32_t u = 0; u < units; ++u) {
          unpack_unit(type, block, u, &quants);
          if (!put_unit(layout, group, column * units + u, lane, quants)) return false;
        }
        return true;
      });
  }
}

// Whether panel_put can write eight rows in one step.
bool puts_groups(TensorType type, uint32_t columns) {
  switch (type) {
    case TensorType::kF32:
    case TensorType::kF16:
    case TensorType::kBF16: return columns % 8 == 0;
    default: return false;  // quantised formats move four bytes at a time already
  }
}

bool put_group(Panel* panel, TensorType type, uint64_t group, std::span<const uint8_t> rows) {
  uint8_t* out = panel->data + static_cast<size_t>(group) * panel->group_bytes;
  if (type == TensorType::kF32) {
    if (panel->kind == PanelKind::kHalf) return transpose_floats_to_halves(rows.data(), panel->columns, out);
    transpose_floats(rows.data(), panel->columns, out);
    return floats_are_finite(rows.data(), rows.size());
  }
  transpose_halves(rows.data(), panel->columns, out);
  return type == TensorType::kF16 ? halves_are_finite(rows.data(), rows.size())
                                  : bfloats_are_finite(rows.data(), rows.size());
}

}  // namespace

bool panel_put(Panel* panel, TensorType type, uint64_t first, std::span<const uint8_t> blocks) {
  assert(panel->kind == panel_kind_of(type) || (panel->kind == PanelKind::kHalf && type == TensorType::kF32));
  if (panel->order != PanelOrder::kGroups) return neuron_panel_put(panel, type, first, blocks);
  if (!puts_groups(type, panel->columns)) return put_blocks(*panel, type, first, blocks);
  const size_t number = tensor_type_info(type).block_bytes;
  const uint64_t group = static_cast<uint64_t>(panel->columns) * kPanelRows;
  const uint64_t before =
      std::min<uint64_t>((group - first % group) % group, blocks.size() / number);  // rest of a group begun earlier
  const uint64_t whole = (blocks.size() / number - before) / group;
  const auto numbers = [&](uint64_t from, uint64_t count) {
    return blocks.subspan(static_cast<size_t>(from) * number, static_cast<size_t>(count) * number);
  };
  if (!put_blocks(*panel, type, first, numbers(0, before))) return false;
  for (uint64_t i = 0; i < whole; ++i) {
    const uint64_t at = before + i * group;
    if (!put_group(panel, type, (first + at) / group, numbers(at, group))) return false;
  }
  const uint64_t done = before + whole * group;
  return put_blocks(*panel, type, first + done, blocks.subspan(static_cast<size_t>(done) * number));
}

void panel_copy_lane(const Panel& panel, const uint8_t* group, uint32_t lane, uint32_t row) {
  const PanelLayout layout = panel_layout(panel.kind);
  uint8_t* to = panel.data + row / kPanelRows * panel.group_bytes;
  const uint32_t to_lane = row % kPanelRows;
  // At `at`, each lane has `bytes` bytes; copies those of one lane.
  const auto copy = [&](size_t at, size_t bytes) {
    std::memcpy(to + at + to_lane * bytes, group + at + lane * bytes, bytes);
  };
  if (layout.float_bytes != 0) {
    for (size_t c = 0; c < panel.columns; ++c) copy(c * kPanelRows * layout.float_bytes, layout.float_bytes);
    return;
  }
  const uint32_t numbers = layout.minimum ? 2 : 1;
  for (uint32_t unit = 0; unit < panel.columns / kUnitColumns; ++unit) {
    const size_t at = unit_offset(layout, unit);
    for (uint32_t k = 0; k < layout.values_bytes / 32; ++k) copy(at + k * 32, 4);
    const size_t scales = at + layout.values_bytes;
    const bool begins_super = layout.subs != 0 && unit % kSuperUnits == 0;
    if (begins_super && layout.table == PanelTable::kStored) {
      const size_t super = super_offset(layout, unit);
      copy(super, 4);
      std::memcpy(to + super + kStoredTableAt, group + super + kStoredTableAt, 16);
    }
    for (uint32_t i = 0; i < numbers; ++i) {
      if (layout.subs == 0) copy(scales + i * kPanelRows * 2, 2);
      if (begins_super && layout.table != PanelTable::kStored) {
        copy(super_offset(layout, unit) + i * kPanelRows * 2, 2);
      }
    }
    for (uint32_t i = 0; i < numbers * layout.subs; ++i) copy(scales + i * kPanelRows, 1);
  }
}

bool panel_is_finite(const Panel& panel) {
  const PanelLayout layout = panel_layout(panel.kind);
  assert(panel.order == PanelOrder::kGroups && layout.subs == 0 && layout.table == PanelTable::kNone &&
         (layout.float_bytes == 0 || layout.float_bytes == sizeof(float)));
  bool finite = true;
  for (const uint8_t *group = panel.data, *end = group + (panel.rows + kPanelRows - 1) / kPanelRows * panel.group_bytes;
       group < end; group += panel.group_bytes) {
    for (size_t i = 0; layout.float_bytes != 0 && i < panel.group_bytes; i += sizeof(float)) {
      float value;
      std::memcpy(&value, group + i, sizeof value);
      finite = finite && std::isfinite(value);
    }
    for (uint32_t unit = 0; layout.float_bytes == 0 && unit < panel.columns / kUnitColumns; ++unit) {
      uint16_t scales[2 * kPanelRows] = {};
      std::memcpy(scales, group + unit_offset(layout, unit) + layout.values_bytes,
                  (layout.minimum ? 2 : 1) * kPanelRows * 2);
      finite = finite && std::all_of(std::begin(scales), std::end(scales), half_is_finite);
    }
  }
  return finite;
}

void panel_row(const Panel& panel, uint32_t row, float* values) {
  assert(row < panel.rows);
  if (panel.order != PanelOrder::kGroups) return neuron_panel_row(panel, row, values);
  const PanelLayout layout = panel_layout(panel.kind);
  const uint8_t* group = panel.data + static_cast<size_t>(row / kPanelRows) * panel.group_bytes;
  const uint32_t lane = row % kPanelRows;
  if (layout.float_bytes != 0) {
    for (uint32_t c = 0; c < panel.columns; ++c) {
      const uint8_t* p = group + (static_cast<size_t>(c) * kPanelRows + lane) * layout.float_bytes;
      if (panel.kind == PanelKind::kFloat) {
        std::memcpy(&values[c], p, sizeof(float));
      } else {
        values[c] = panel.kind == PanelKind::kHalf ? half_to_float(load_half(p)) : bfloat16_to_float(load_half(p));
      }
    }
    return;
  }
  for (uint32_t unit = 0; unit < panel.columns / kUnitColumns; ++unit) {
    const uint8_t* p = group + unit_offset(layout, unit);
    const uint8_t* scales = p + layout.values_bytes;
    const uint8_t* halves = layout.subs == 0 ? scales : group + super_offset(layout, unit);
    const float scale = panel_scale(layout, halves, lane);
    const float minimum = layout.minimum ? half_to_float(load_half(halves + kPanelRows * 2 + lane * 2)) : 0.0f;
    for (uint32_t i = 0; i < kUnitColumns; ++i) {
      float factor = scale;
      float addend = minimum;
      if (layout.subs != 0) {
        const uint32_t sub = layout.subs == 2 ? i / 16 : 0;
        factor *= static_cast<float>(static_cast<int8_t>(scales[sub * kPanelRows + lane]));
        if (layout.minimum) addend *= -static_cast<float>(scales[(layout.subs + sub) * kPanelRows + lane]);
      }
      int32_t quant;
      if (layout.nibbles) {
        const uint32_t within = i % 16;
        const uint8_t byte = p[within / 4 * 32 + lane * 4 + within % 4];
        quant = panel_nibble(layout, halves, i < 16 ? byte & 15 : byte >> 4);
      } else {
        quant = p[i / 4 * 32 + lane * 4 + i % 4];
      }
      values[unit * kUnitColumns + i] = factor * static_cast<float>(quant - layout.offset) + addend;
    }
  }
}

}  // namespace camelgpt
