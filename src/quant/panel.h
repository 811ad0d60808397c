// Panels: weights in the order in which the kernels read them.
//
// A panel holds a matrix [rows, columns] in groups of eight rows. Quantised kinds go along the columns in units of 32
// columns; in a unit the eight rows are interleaved by four bytes, so that one 16-byte load holds four columns of four
// rows and the activations are splat, with no transposes and no horizontal sums. All that a unit needs (values, scales)
// is contiguous, and units follow one another: a kernel reads one stream. Rows past the last one are zero.
//
// One unit of a nibble kind:
//   values  [4 steps][8 rows][4 bytes]  low nibble of byte j in step k: column 4k + j, high nibble: column 16 + 4k + j
// and of a byte kind:
//   values  [8 steps][8 rows][4 bytes]  byte j in step k: column 4k + j, as an unsigned number with an offset of 128
// then, by kind:
//   scales  [8 rows] half, minimums [8 rows] half                         (kinds without "Super")
//   sub-scales [1 or 2][8 rows] int8, sub-minimums [1 or 2][8 rows] int8  ("Super32": one for 32 columns, "Super16":
//   two)
// "Super" kinds put before every eight units: scales [8 rows] half, and minimums [8 rows] half if they have minimums.
//
// Float kinds hold [columns][8 rows] numbers.
//
// Matrices of which some rows or columns alone are read have another order (PanelOrder), see quant/neuron_panel.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/arena.h"
#include "base/checked.h"
#include "gguf/tensor_type.h"

namespace camelgpt {

inline constexpr uint32_t kPanelRows = 8;     // rows in a group
inline constexpr uint32_t kUnitColumns = 32;  // columns in a unit
inline constexpr uint32_t kSuperUnits = 8;    // units under one super-block scale

// Value of a weight, with q its quant: see each kind.
enum class PanelKind : uint8_t {
  kNibble,            // scale * (q - 8)                                 Q4_0
  kNibbleMin,         // scale * q + minimum                             Q4_1
  kNibbleTable,       // scale * table[q]                                IQ4_NL
  kByte,              // scale * (q - 128)                               Q8_0, Q5_0
  kByteMin,           // scale * (q - 128) + minimum                     Q5_1
  kNibbleSuper32Min,  // scale * sub * q - minimum * sub_minimum       Q4_K
  kNibbleSuper16Min,  // likewise, two subs a unit                     Q2_K
  kNibbleSuper16,     // scale * sub * (q - 4)                         Q3_K
  kByteSuper32Min,    // scale * sub * (q - 128) - minimum * sub_min   Q5_K
  kByteSuper16,       // scale * sub * (q - 128)                       Q6_K
  kHalf,
  kBfloat,
  kFloat,
};
inline constexpr uint32_t kPanelKinds = 13;

// How a kind is laid out.
struct PanelLayout {
  const char* name;  // as reports show it
  bool nibbles;      // two values a byte
  bool table;        // values go through kIq4NlValues
  bool minimum;
  uint8_t subs;           // sub-scales a unit: 0 for kinds that are not "Super"
  uint8_t offset;         // subtracted from a quant
  uint8_t float_bytes;    // of a number in a float kind, otherwise 0
  uint32_t values_bytes;  // of a unit
  uint32_t unit_bytes;    // of a unit with its scales
  uint32_t super_bytes;   // before every eight units
};

constexpr PanelLayout panel_layout(PanelKind kind) {
  constexpr auto quantised = [](const char* name, bool nibbles, bool table, bool minimum, uint8_t subs,
                                uint8_t offset) {
    PanelLayout layout{name, nibbles, table, minimum, subs, offset, 0, nibbles ? 128u : 256u, 0, 0};
    const uint32_t scales = kPanelRows * (minimum ? 2 : 1);
    layout.unit_bytes = layout.values_bytes + scales * (subs == 0 ? 2 : subs);
    layout.super_bytes = subs == 0 ? 0 : scales * 2;
    return layout;
  };
  switch (kind) {
    case PanelKind::kNibble: return quantised("nibble", true, false, false, 0, 8);
    case PanelKind::kNibbleMin: return quantised("nibble+min", true, false, true, 0, 0);
    case PanelKind::kNibbleTable: return quantised("nibble table", true, true, false, 0, 128);
    case PanelKind::kByte: return quantised("byte", false, false, false, 0, 128);
    case PanelKind::kByteMin: return quantised("byte+min", false, false, true, 0, 128);
    case PanelKind::kNibbleSuper32Min: return quantised("nibble super 32+min", true, false, true, 1, 0);
    case PanelKind::kNibbleSuper16Min: return quantised("nibble super 16+min", true, false, true, 2, 0);
    case PanelKind::kNibbleSuper16: return quantised("nibble super 16", true, false, false, 2, 4);
    case PanelKind::kByteSuper32Min: return quantised("byte super 32+min", false, false, true, 1, 128);
    case PanelKind::kByteSuper16: return quantised("byte super 16", false, false, false, 2, 128);
    case PanelKind::kHalf: return {"half", false, false, false, 0, 0, 2, 0, 0, 0};
    case PanelKind::kBfloat: return {"bfloat16", false, false, false, 0, 0, 2, 0, 0, 0};
    case PanelKind::kFloat: break;
  }
  return {"float", false, false, false, 0, 0, 4, 0, 0, 0};
}

// The kind that holds a tensor type without loss. kHalf holds F32 too: rounded, see docs/accuracy.md.
PanelKind panel_kind_of(TensorType type);

// What lies together.
enum class PanelOrder : uint8_t {
  kGroups,   // eight rows, as above
  kRows,     // each row
  kColumns,  // each column
};

// A matrix in memory.
struct Panel {
  PanelKind kind = PanelKind::kFloat;
  PanelOrder order = PanelOrder::kGroups;
  uint32_t rows = 0;
  uint32_t columns = 0;     // a multiple of 32 (of 256 for "Super" kinds) unless the kind is a float one
  size_t group_bytes = 0;   // of eight rows as a group
  uint8_t* data = nullptr;  // [groups * group_bytes], aligned to 64 bytes
};

inline uint32_t panel_groups(uint32_t rows) { return rows / kPanelRows + (rows % kPanelRows != 0); }

CheckedSize panel_group_bytes(PanelKind kind, uint64_t columns);
CheckedSize panel_bytes(PanelKind kind, uint64_t rows, uint64_t columns);

// Describes a matrix and takes its memory from the arena (null while the arena measures). The caller has checked that
// panel_bytes fits memory and that rows and columns fit 32 bits.
Panel panel_reserve(PanelKind kind, uint32_t rows, uint32_t columns, Arena* arena);

// Writes `blocks` whole blocks of a tensor of `type`, starting with block `first` in row-major order. False where a
// scale or value is not finite, as a half where it becomes one: the panel is then unusable.
bool panel_put(Panel* panel, TensorType type, uint64_t first, std::span<const uint8_t> blocks);

// Copies a row out of eight rows of the same kind and width that lie as a group to a row of the panel, which is in
// groups.
void panel_copy_lane(const Panel& panel, const uint8_t* group, uint32_t lane, uint32_t row);

// Whether all numbers of a panel in groups, of floats or of a kind that is not "Super", are finite: of one that was not
// made by panel_put.
bool panel_is_finite(const Panel& panel);

// One row as floats, exactly what dequantize_block gives. [columns]
void panel_row(const Panel& panel, uint32_t row, float* values);

}  // namespace camelgpt
