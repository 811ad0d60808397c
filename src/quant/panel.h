// Blocks of a tensor → panels: weights in the order in which kernels read them.
//
// A panel holds a matrix [rows, columns] in groups of eight rows. Quantised kinds divide the columns into units of 32.
// In a unit, the eight rows are interleaved every four bytes: one 16-byte load holds four columns of four rows, and
// activations are splat, without transposes or horizontal sums. Values and scales of a unit are contiguous and units
// follow one another, so a kernel reads a single stream. Rows past the last one are zero.
//
// One unit of a nibble kind:
//   values  [4 steps][8 rows][4 bytes]  low nibble of byte j in step k: column 4k + j, high nibble: column 16 + 4k + j
// and of a byte kind:
//   values  [8 steps][8 rows][4 bytes]  byte j in step k: column 4k + j, as an unsigned number with an offset of 128
// then, by kind:
//   scales  [8 rows] half, minimums [8 rows] half                         (kinds without "Super")
//   sub-scales [subs][8 rows] int8, sub-minimums [subs][8 rows] int8      ("Super32": subs = 1, "Super16": subs = 2)
// "Super" kinds have, before every eight units, scales [8 rows] half and, if the kind has minimums, minimums [8 rows]
// half. "TableSuper" kinds have scales [8 rows] float and the table [16 bytes], each value with an offset of 128.
//
// Float kinds hold [columns][8 rows] numbers.
//
// Matrices of which only some rows or columns are read use another order (PanelOrder), see quant/neuron_panel.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "base/arena.h"
#include "base/checked.h"
#include "base/half.h"
#include "gguf/tensor_type.h"
#include "quant/blocks.h"

namespace camelgpt {

inline constexpr uint32_t kPanelRows = 8;     // rows in a group
inline constexpr uint32_t kUnitColumns = 32;  // columns in a unit
inline constexpr uint32_t kSuperUnits = 8;    // units under one super-block scale

// Each kind with the value of a weight whose quant is q, and the tensor types that it holds.
enum class PanelKind : uint8_t {
  kNibble,              // scale * (q - 8)                                 Q4_0, TQ1_0, TQ2_0
  kNibbleMin,           // scale * q + minimum                             Q4_1
  kNibbleTable,         // scale * table[q]                                IQ4_NL
  kNibbleTableBfloat,   // the same, scales are bfloat16                   MXFP4
  kByte,                // scale * (q - 128)                               Q8_0, Q5_0
  kByteMin,             // scale * (q - 128) + minimum                     Q5_1
  kNibbleSuper32Min,    // scale * sub * q - minimum * sub_min             Q4_K
  kNibbleSuper16Min,    // the same, two subs per unit                     Q2_K
  kNibbleSuper16,       // scale * sub * (q - 4)                           Q3_K
  kNibbleTableSuper32,  // scale * sub * table[q], table in the panel      IQ4_XS, IQ3_S, IQ3_XXS, IQ2_XXS, IQ1_S
  kNibbleTableSuper16,  // the same, two subs per unit                     IQ2_S, IQ2_XS, IQ1_M
  kByteSuper32Min,      // scale * sub * (q - 128) - minimum * sub_min     Q5_K
  kByteSuper16,         // scale * sub * (q - 128)                         Q6_K
  kHalf,
  kBfloat,
  kFloat,
};
inline constexpr uint32_t kPanelKinds = 16;

// The values of nibbles.
enum class PanelTable : uint8_t {
  kNone,    // 0 to 15
  kIq4Nl,   // kIq4NlValues
  kMxfp4,   // kMxfp4Values
  kStored,  // in the panel
};

// The layout of a kind.
struct PanelLayout {
  const char* name;  // as shown in reports
  bool nibbles;      // two values per byte
  PanelTable table;
  bool minimum;
  uint8_t subs;           // sub-scales per unit and row; 0 for kinds that are not "Super"
  uint8_t offset;         // subtracted from a quant
  uint8_t float_bytes;    // size of a number in a float kind, otherwise 0
  uint32_t values_bytes;  // of a unit without its scales
  uint32_t unit_bytes;    // of a unit with its scales
  uint32_t super_bytes;   // of the super-block scales before every eight units
};

constexpr PanelLayout panel_layout(PanelKind kind) {
  constexpr auto quantised = [](const char* name, bool nibbles, bool minimum, uint8_t subs, uint8_t offset,
                                PanelTable table = PanelTable::kNone) {
    PanelLayout layout{name, nibbles, table, minimum, subs, offset, 0, nibbles ? 128u : 256u, 0, 0};
    const uint32_t scales = kPanelRows * (minimum ? 2 : 1);
    layout.unit_bytes = layout.values_bytes + scales * (subs == 0 ? 2 : subs);
    layout.super_bytes = subs == 0 ? 0 : table == PanelTable::kStored ? kPanelRows * 4 + 16 : scales * 2;
    return layout;
  };
  switch (kind) {
    case PanelKind::kNibble: return quantised("nibble", true, false, 0, 8);
    case PanelKind::kNibbleMin: return quantised("nibble+min", true, true, 0, 0);
    case PanelKind::kNibbleTable: return quantised("nibble table", true, false, 0, 128, PanelTable::kIq4Nl);
    case PanelKind::kNibbleTableBfloat:
      return quantised("nibble table, bfloat16 scales", true, false, 0, 128, PanelTable::kMxfp4);
    case PanelKind::kByte: return quantised("byte", false, false, 0, 128);
    case PanelKind::kByteMin: return quantised("byte+min", false, true, 0, 128);
    case PanelKind::kNibbleSuper32Min: return quantised("nibble super 32+min", true, true, 1, 0);
    case PanelKind::kNibbleSuper16Min: return quantised("nibble super 16+min", true, true, 2, 0);
    case PanelKind::kNibbleSuper16: return quantised("nibble super 16", true, false, 2, 4);
    case PanelKind::kNibbleTableSuper32:
      return quantised("nibble table super 32", true, false, 1, 128, PanelTable::kStored);
    case PanelKind::kNibbleTableSuper16:
      return quantised("nibble table super 16", true, false, 2, 128, PanelTable::kStored);
    case PanelKind::kByteSuper32Min: return quantised("byte super 32+min", false, true, 1, 128);
    case PanelKind::kByteSuper16: return quantised("byte super 16", false, false, 2, 128);
    case PanelKind::kHalf: return {"half", false, PanelTable::kNone, false, 0, 0, 2, 0, 0, 0};
    case PanelKind::kBfloat: return {"bfloat16", false, PanelTable::kNone, false, 0, 0, 2, 0, 0, 0};
    case PanelKind::kFloat: break;
  }
  return {"float", false, PanelTable::kNone, false, 0, 0, 4, 0, 0, 0};
}

// Whether the table is the same for all panels of a kind.
constexpr bool has_fixed_table(const PanelLayout& layout) {
  return layout.table == PanelTable::kIq4Nl || layout.table == PanelTable::kMxfp4;
}

// The fixed table of a kind.
constexpr const int8_t* fixed_table(const PanelLayout& layout) {
  return layout.table == PanelTable::kMxfp4 ? kMxfp4Values : kIq4NlValues;
}

// Where the table of a "TableSuper" kind is, from the super-block scales on.
inline constexpr uint32_t kStoredTableAt = kPanelRows * 4;

// The scale of one of eight rows; `scales` are those of the unit or of the super-block.
inline float panel_scale(const PanelLayout& layout, const uint8_t* scales, uint32_t lane) {
  if (layout.table == PanelTable::kStored) {
    float scale;
    std::memcpy(&scale, scales + lane * 4, sizeof scale);
    return scale;
  }
  const uint16_t bits = load_half(scales + lane * 2);
  return layout.table == PanelTable::kMxfp4 ? bfloat16_to_float(bits) : half_to_float(bits);
}

// The value of a nibble before the offset of the kind is subtracted. `scales` are those of the unit or of the
// super-block.
inline int32_t panel_nibble(const PanelLayout& layout, const uint8_t* scales, uint32_t nibble) {
  if (layout.table == PanelTable::kNone) return static_cast<int32_t>(nibble);
  return layout.table == PanelTable::kStored ? scales[kStoredTableAt + nibble] : fixed_table(layout)[nibble] + 128;
}

// The kind that holds a tensor type without loss. kHalf also holds F32, rounded: see docs/accuracy.md.
PanelKind panel_kind_of(TensorType type);

// Which weights of a matrix are contiguous.
enum class PanelOrder : uint8_t {
  kGroups,   // groups of eight rows, as above
  kRows,     // each row
  kColumns,  // each column
};

// A matrix in memory.
struct Panel {
  PanelKind kind = PanelKind::kFloat;
  PanelOrder order = PanelOrder::kGroups;
  uint32_t rows = 0;
  uint32_t columns = 0;     // a multiple of 32 (of 256 for "Super" kinds), except for float kinds
  size_t group_bytes = 0;   // of eight rows in kGroups
  uint8_t* data = nullptr;  // kGroups: [groups * group_bytes]; aligned to 64 bytes
};

// Groups of a panel, bytes of a group and bytes of a panel, in kGroups.
inline uint32_t panel_groups(uint32_t rows) { return rows / kPanelRows + (rows % kPanelRows != 0); }
CheckedSize panel_group_bytes(PanelKind kind, uint64_t columns);
CheckedSize panel_bytes(PanelKind kind, uint64_t rows, uint64_t columns);

// A panel in kGroups with memory from the arena (null while the arena measures). The caller has checked that
// panel_bytes fits into memory.
Panel panel_reserve(PanelKind kind, uint32_t rows, uint32_t columns, Arena* arena);

// Writes whole blocks of a tensor of `type`, of which the first has number `first` in row-major order. False if a scale
// or value is not finite (after rounding, if floats become halves): the panel is then unusable.
bool panel_put(Panel* panel, TensorType type, uint64_t first, std::span<const uint8_t> blocks);

// Copies row `lane` of a group of the same kind and width to row `row` of a panel in kGroups.
void panel_copy_lane(const Panel& panel, const uint8_t* group, uint32_t lane, uint32_t row);

// Whether all numbers of a kFloat panel, or all scales of a quantised one, are finite. For panels not filled by
// panel_put, in kGroups and not of a "Super" kind.
bool panel_is_finite(const Panel& panel);

// Dequantises a row to values [columns], exactly those that dequantize_block computes.
void panel_row(const Panel& panel, uint32_t row, float* values);

}  // namespace camelgpt
