// Panels and activations → matrix products, in one implementation for all instruction sets.
//
// An Isa names the dots (see dots.h) that multiply nibbles by inputs of 8 bits, for one token and for a tile, and bytes
// by inputs of 16. The functions here process eight rows of a panel for one token (decode) or for a tile of four
// (prefill).
#pragma once

#include <cassert>
#include <cstring>

#include "kernels/half_vectors.h"
#include "kernels/kernels.h"
#include "quant/blocks.h"

namespace camelgpt {

#define CAMELGPT_UNROLL _Pragma("clang loop unroll(full)")

// Tokens whose quantised inputs are interleaved: one, or a tile of four.
inline uint32_t activation_tile(uint32_t tokens) { return tokens == 1 ? 1 : kTokenTile; }

// The eight sub-scales of a unit, or of half a unit, as floats.
inline void load_sub_scales(const uint8_t* p, bool is_signed, v128_t out[2]) {
  if (is_signed) {
    const v128_t words = wasm_i16x8_load8x8(p);
    out[0] = wasm_f32x4_convert_i32x4(wasm_i32x4_extend_low_i16x8(words));
    out[1] = wasm_f32x4_convert_i32x4(wasm_i32x4_extend_high_i16x8(words));
  } else {
    const v128_t words = wasm_u16x8_load8x8(p);
    out[0] = wasm_f32x4_convert_i32x4(wasm_u32x4_extend_low_u16x8(words));
    out[1] = wasm_f32x4_convert_i32x4(wasm_u32x4_extend_high_u16x8(words));
  }
}

// Whether a dot reads its inputs as words: every four columns in the order 0, 2, 1, 3. Others read bytes: 16-bit inputs
// q = 256 * high + low are split into the high bytes of a unit, followed by the low ones; 8-bit inputs are followed by
// the words of an ExactColumn of each token, [words][tokens].
template <class Dot>
inline constexpr bool kReadsWords = Dot::kColumnBytes == 2;

// The column of a unit whose quant may exceed a byte, for products with nibbles; its byte among the others is zero. Its
// nibble is one of four in 16 bits of the weights: bits * factor >> 12 extracts it.
struct ExactColumn {
  uint32_t factor;    // in both halves
  uint32_t quant[3];  // in the half of the column, the other is zero; [1], [2]: zero unless in this half of the unit
  uint32_t place;     // the column << 16 | the offset in a group of eight rows to the four columns that hold the nibble

  static constexpr uint32_t kWords = 5, kQuant = 1, kPlace = 4;
};
static_assert(sizeof(ExactColumn) == ExactColumn::kWords * 4);

inline ExactColumn exact_column(uint32_t column, int32_t quant) {
  const uint32_t placed = (static_cast<uint32_t>(quant) & 0xffff) << (column & 2) * 8;
  return {0x10001u << (12 - (column % 2 * 8 + column / 16 * 4)),
          {placed, column < 16 ? placed : 0, column < 16 ? 0 : placed},
          column << 16 | column % 16 / 4 * 32};
}

// Products of four rows with an exact column, given the step of each row that holds it.
inline v128_t dot_exact(v128_t steps, v128_t factor, v128_t quant) {
  return wasm_i32x4_dot_i16x8(wasm_u16x8_shr(wasm_i16x8_mul(steps, factor), 12), quant);
}

// Bytes of the quantised input of a unit and a token.
template <class Dot, Precision kPrecision>
inline constexpr uint32_t kInputBytes =
    kReadsWords<Dot> || kPrecision == Precision::k16 ? kUnitColumns * 2 : kUnitColumns + sizeof(ExactColumn);

// Eight rows of one panel kind times kTokens tokens, by one dot. The template parameters are only what the code depends
// on, so code that kernel sets have in common is compiled once.
template <class Dot, Precision kPrecision, PanelKind kKind, int kTokens>
struct PanelTile {
  static constexpr bool kPairs = !kReadsWords<Dot> && kPrecision == Precision::k16;
  static constexpr bool kExact = !kReadsWords<Dot> && kPrecision == Precision::k8;
  static constexpr PanelLayout kLayout = panel_layout(kKind);
  static constexpr uint32_t kUnitBytes = kTokens * kInputBytes<Dot, kPrecision>;  // of inputs
  static constexpr int kSections = kLayout.subs == 2 ? 2 : 1;  // sections of a unit, each with its own scales
  static constexpr bool kOffset = kLayout.offset != 0;
  static constexpr int kOffsetShift = __builtin_ctz(kLayout.offset == 0 ? 1u : kLayout.offset);
  // Each pair of steps reads the low and the high nibbles of the same bytes.
  static constexpr bool kBothNibbles = kLayout.nibbles && kSections == 1;
  static_assert(!kOffset || kLayout.offset == 1u << kOffsetShift);

  // Constants to keep in registers.
  struct Constants {
    Dot dot;
    HalfConverter half;
    v128_t nibbles{}, table{};  // for kinds with a table; a stored one is loaded with the super-block scales

    Constants() {
      if constexpr (kLayout.table != PanelTable::kNone) nibbles = opaque_splat_i32(kWordNibbles);
      if constexpr (has_fixed_table(kLayout)) {
        uint8_t bytes[16];
        for (int i = 0; i < 16; ++i) bytes[i] = static_cast<uint8_t>(fixed_table(kLayout)[i] + 128);
        table = wasm_v128_load(bytes);
      }
    }
  };

  // The quantised input of one tile of tokens, unit by unit (see Quantizer).
  struct TileInput {
    const uint8_t* values;
    const float* scales;
    const int32_t* sums;  // of the values of each section
    const float* totals;  // the sums times the scales
  };

  static TileInput tile_input(const Activations& input, uint32_t first_token, uint32_t units) {
    const size_t at = static_cast<size_t>(first_token) * units;  // tokens before this tile, times units
    return {(kReadsWords<Dot> ? input.words : input.bytes) + at / kTokens * kUnitBytes, input.scales + at,
            kSections == 2 ? input.half_sums + 2 * at : input.sums + at,
            kSections == 2 ? input.half_totals + 2 * at : input.totals + at};
  }

  // totals[input][half of the rows] = values · inputs, for one section of a unit. An input has four columns per step,
  // and steps are kTokens * 4 columns apart.
  template <int kCount>
  __attribute__((always_inline)) static void dot_section(const Constants& c, const uint8_t* values,
                                                         const uint8_t* const inputs[kCount], int section,
                                                         v128_t totals[kCount][2]) {
    constexpr uint32_t kStepBytes = kTokens * 4 * Dot::kColumnBytes;  // of inputs
    constexpr int kIterations = kSections == 2 ? 2 : 4;               // of two steps each
    typename Dot::Sum sums[kCount][2];
    CAMELGPT_UNROLL
    for (int t = 0; t < kCount; ++t) sums[t][0] = sums[t][1] = Dot::zero();
    if (!kLayout.nibbles) values += section * 4 * 32;
    constexpr uint32_t kIterationBytes = (kBothNibbles ? 1 : 2) * kStepBytes;
    const uint8_t* input = inputs[0] + section * 4 * kStepBytes;
    const uint8_t* const end = input + kIterations * kIterationBytes;
    // If it were unrolled, the compiler would compute one sum after another, but the weights that they share do not fit
    // into registers.
#pragma clang loop unroll(disable)
    do {
      CAMELGPT_UNROLL
      for (int i = 0; i < 2; ++i) {
        const bool high = kBothNibbles ? i == 1 : section == 1;
        const uint8_t* p = kBothNibbles ? values : values + i * 32;
        const typename Dot::Weights weights[2] = {unit_weights(c, wasm_v128_load(p), high),
                                                  unit_weights(c, wasm_v128_load(p + 16), high)};
        CAMELGPT_UNROLL
        for (int t = 0; t < kCount; ++t) {
          const auto four = c.dot.load(input + (inputs[t] - inputs[0]) + i * (kBothNibbles ? 4 : 1) * kStepBytes);
          for (int h = 0; h < 2; ++h) sums[t][h] = c.dot.add(sums[t][h], four, weights[h]);
        }
      }
      values = opaque(values + (kBothNibbles ? 32 : 64));
      input = opaque(input + kIterationBytes);
    } while (input != end);
    CAMELGPT_UNROLL
    for (int t = 0; t < kCount; ++t) {
      for (int h = 0; h < 2; ++h) totals[t][h] = c.dot.total(sums[t][h]);
    }
  }

  // Unpacks 16 bytes of a unit's values; of nibbles, the high or the low ones.
  static inline typename Dot::Weights unit_weights(const Constants& c, v128_t x, bool high) {
    if constexpr (kLayout.table != PanelTable::kNone) {
      return c.dot.byte(wasm_i8x16_swizzle(c.table, wasm_v128_and(high ? wasm_u16x8_shr(x, 4) : x, c.nibbles)));
    } else if constexpr (kLayout.nibbles) {
      return high ? c.dot.high(x) : c.dot.low(x);
    } else {
      return c.dot.byte(x);
    }
  }

  // totals += the products with the exact column of each token, for one section of a unit.
  __attribute__((always_inline)) static void add_exact(const uint8_t* values, const uint8_t* exact, int section,
                                                       v128_t totals[kTokens][2]) {
    constexpr uint32_t kWordBytes = kTokens * 4;
    const uint8_t* quants = exact + (ExactColumn::kQuant + (kSections == 2 ? 1 + section : 0)) * kWordBytes;
    v128_t factor[kTokens], quant[kTokens];
    load_splats(exact, factor);
    load_splats(quants, quant);
    CAMELGPT_UNROLL
    for (int t = 0; t < kTokens; ++t) {
      const uint8_t* step = values + load_half(exact + ExactColumn::kPlace * kWordBytes + t * 4);  // the low half
      for (int h = 0; h < 2; ++h) {
        totals[t][h] = wasm_i32x4_add(totals[t][h], dot_exact(wasm_v128_load(step + h * 16), factor[t], quant[t]));
      }
    }
  }

  // Four bytes of each token, splat.
  static inline void load_splats(const uint8_t* p, v128_t splats[kTokens]) {
    if constexpr (kTokens == 1) {
      splats[0] = wasm_v128_load32_splat(p);
    } else {
      static_assert(kTokens == 4);
      const v128_t all = wasm_v128_load(p);
      splats[0] = wasm_i32x4_shuffle(all, all, 0, 0, 0, 0);
      splats[1] = wasm_i32x4_shuffle(all, all, 1, 1, 1, 1);
      splats[2] = wasm_i32x4_shuffle(all, all, 2, 2, 2, 2);
      splats[3] = wasm_i32x4_shuffle(all, all, 3, 3, 3, 3);
    }
  }

  // totals = values · inputs of the tile, for one section of a unit.
  __attribute__((always_inline)) static void dot_tile(const Constants& c, const uint8_t* values, const uint8_t* input,
                                                      int section, v128_t totals[kTokens][2]) {
    if constexpr (!kPairs) {
      const uint8_t* inputs[kTokens];
      for (int t = 0; t < kTokens; ++t) inputs[t] = input + t * 4 * Dot::kColumnBytes;
      dot_section<kTokens>(c, values, inputs, section, totals);
    } else {
      constexpr int kTokensPerPass = kTokens == 1 ? 1 : 2;  // as many as the registers hold sums for
      CAMELGPT_UNROLL
      for (int t = 0; t < kTokens; t += kTokensPerPass) {
        const uint8_t* inputs[2 * kTokensPerPass];
        for (int i = 0; i < kTokensPerPass; ++i) {
          inputs[i] = input + (t + i) * 4;
          inputs[kTokensPerPass + i] = inputs[i] + kTokens * kUnitColumns;
        }
        v128_t sums[2 * kTokensPerPass][2];
        dot_section<2 * kTokensPerPass>(c, values, inputs, section, sums);
        for (int i = 0; i < kTokensPerPass; ++i) {
          for (int h = 0; h < 2; ++h) {
            totals[t + i][h] = wasm_i32x4_add(wasm_i32x4_shl(sums[i][h], 8), sums[kTokensPerPass + i][h]);
          }
        }
      }
    }
  }

  // The scales of eight rows in one section of a unit. Minimums are multiplied by the input's total and added.
  struct Scales {
    v128_t scale[2];
    v128_t minimum[2];
  };

  static inline Scales super_scales(const HalfConverter& half, const uint8_t* super) {
    Scales scales{};
    for (int h = 0; h < 2; ++h) {
      scales.scale[h] =
          kLayout.table == PanelTable::kStored ? wasm_v128_load(super + h * 16) : half.load4(super + h * 8);
      if constexpr (kLayout.minimum) scales.minimum[h] = wasm_f32x4_neg(half.load4(super + 16 + h * 8));
    }
    return scales;
  }

  static inline Scales section_scales(const HalfConverter& half, const Scales& super, const uint8_t* unit,
                                      int section) {
    const uint8_t* side = unit + kLayout.values_bytes;
    Scales scales{};
    if constexpr (kLayout.subs == 0) {
      for (int h = 0; h < 2; ++h) {
        scales.scale[h] = kLayout.table == PanelTable::kMxfp4 ? load_bfloat4(side + h * 8) : half.load4(side + h * 8);
        if constexpr (kLayout.minimum) scales.minimum[h] = half.load4(side + 16 + h * 8);
      }
    } else {
      load_sub_scales(side + section * 8, true, scales.scale);
      for (int h = 0; h < 2; ++h) scales.scale[h] = wasm_f32x4_mul(super.scale[h], scales.scale[h]);
      if constexpr (kLayout.minimum) {
        load_sub_scales(side + (kLayout.subs + section) * 8, false, scales.minimum);
        for (int h = 0; h < 2; ++h) scales.minimum[h] = wasm_f32x4_mul(super.minimum[h], scales.minimum[h]);
      }
    }
    return scales;
  }

  // acc += scale * (total without the weights' offset)
  static inline void add_scaled(const v128_t total[2], const v128_t scale[2], const float* input_scale,
                                const int32_t* input_sum, v128_t acc[2]) {
    const v128_t input_scales = wasm_v128_load32_splat(input_scale);
    v128_t offset{};
    if constexpr (kOffset) offset = wasm_i32x4_shl(wasm_v128_load32_splat(input_sum), kOffsetShift);
    CAMELGPT_UNROLL
    for (int h = 0; h < 2; ++h) {
      const v128_t integer_sum = kOffset ? wasm_i32x4_sub(total[h], offset) : total[h];
      acc[h] = madd(wasm_f32x4_convert_i32x4(integer_sum), wasm_f32x4_mul(scale[h], input_scales), acc[h]);
    }
  }

  // y = eight rows · the tokens of the tile from `first_token` on. Stores only the tokens that exist.
  __attribute__((noinline)) static void multiply(const uint8_t* group, const Activations& activations,
                                                 uint32_t first_token, float* y, size_t y_stride) {
    const uint32_t units = activations.columns / kUnitColumns;
    const uint32_t valid = activations.tokens - first_token;
    TileInput input = tile_input(activations, first_token, units);
    Constants c;
    v128_t acc[kTokens][2];
    CAMELGPT_UNROLL
    for (int t = 0; t < kTokens; ++t) acc[t][0] = acc[t][1] = wasm_f32x4_splat(0);
    Scales super{};
    const uint8_t* unit = group;

    for (uint32_t u = 0; u < units; ++u) {
      if constexpr (kLayout.subs != 0) {
        if (u % kSuperUnits == 0) {
          super = super_scales(c.half, unit);
          if constexpr (kLayout.table == PanelTable::kStored) c.table = wasm_v128_load(unit + kStoredTableAt);
          unit += kLayout.super_bytes;
        }
      }
      CAMELGPT_UNROLL
      for (int section = 0; section < kSections; ++section) {
        v128_t totals[kTokens][2];
        dot_tile(c, unit, input.values, section, totals);
        if constexpr (kExact) {
          // Totals of a tile pass through memory: V8 would otherwise store the sums in each iteration of their loop.
          if constexpr (kTokens > 1) asm volatile("" : : "r"(totals) : "memory");
          add_exact(unit, input.values + kTokens * kUnitColumns, section, totals);
        }
        const Scales scales = section_scales(c.half, super, unit, section);
        CAMELGPT_UNROLL
        for (int t = 0; t < kTokens; ++t) {
          add_scaled(totals[t], scales.scale, input.scales + t, input.sums + section * kTokens + t, acc[t]);
          if constexpr (kLayout.minimum) {
            const v128_t total = wasm_v128_load32_splat(input.totals + section * kTokens + t);
            for (int h = 0; h < 2; ++h) acc[t][h] = madd(scales.minimum[h], total, acc[t][h]);
          }
        }
      }
      unit += kLayout.unit_bytes;
      input.values += kUnitBytes;
      input.scales += kTokens;
      input.sums += kTokens * kSections;
      input.totals += kTokens * kSections;
    }
    CAMELGPT_UNROLL
    for (int t = 0; t < kTokens; ++t) {
      if (static_cast<uint32_t>(t) < valid) {
        wasm_v128_store(y + t * y_stride, acc[t][0]);
        wasm_v128_store(y + t * y_stride + 4, acc[t][1]);
      }
    }
  }
};

// One panel kind on one instruction set.
template <class Isa, PanelKind kKind>
struct PanelMatmul {
  // `Dot` for one token, `TileDot` for tiles. Word inputs have the same layout in either precision, so they share code.
  template <class Dot, class TileDot, Precision kPrecision>
  static void multiply(const PanelSlice& weights, const Activations& input, float* y, size_t y_stride) {
    for (uint32_t g = 0; g < weights.groups; ++g) {
      const uint8_t* panel = weights.data + g * weights.group_bytes;
      float* out = y + g * kPanelRows;
      if (input.tokens == 1) {
        using One = PanelTile<Dot, kReadsWords<Dot> ? Precision::k16 : kPrecision, kKind, 1>;
        One::multiply(panel, input, 0, out, y_stride);
      } else {
        using Tile = PanelTile<TileDot, kReadsWords<TileDot> ? Precision::k16 : kPrecision, kKind, kTokenTile>;
        for (uint32_t t = 0; t < input.tokens; t += kTokenTile)
          Tile::multiply(panel, input, t, out + t * y_stride, y_stride);
      }
    }
  }

  static void run(const PanelSlice& weights, const Activations& input, float* y, size_t y_stride) {
    if constexpr (multiplies_bytes(kKind)) {
      if (input.precision == Precision::k8)
        return multiply<WideDot, WideDot, Precision::k8>(weights, input, y, y_stride);
      multiply<typename Isa::Byte, typename Isa::Byte, Precision::k16>(weights, input, y, y_stride);
    } else {
      assert(input.precision == Precision::k8);
      multiply<typename Isa::Nibble, typename Isa::NibbleTile, Precision::k8>(weights, input, y, y_stride);
    }
  }
};

// Sets a table's matrix products of quantised panels.
template <class Isa>
constexpr void set_matmuls(Kernels* table) {
  const auto set = [table](PanelKind kind, MatmulFunction function) {
    table->matmul[static_cast<int>(kind)] = function;
  };
  set(PanelKind::kNibble, PanelMatmul<Isa, PanelKind::kNibble>::run);
  set(PanelKind::kNibbleMin, PanelMatmul<Isa, PanelKind::kNibbleMin>::run);
  set(PanelKind::kNibbleTable, PanelMatmul<Isa, PanelKind::kNibbleTable>::run);
  set(PanelKind::kNibbleTableBfloat, PanelMatmul<Isa, PanelKind::kNibbleTableBfloat>::run);
  set(PanelKind::kByte, PanelMatmul<Isa, PanelKind::kByte>::run);
  set(PanelKind::kByteMin, PanelMatmul<Isa, PanelKind::kByteMin>::run);
  set(PanelKind::kNibbleSuper32Min, PanelMatmul<Isa, PanelKind::kNibbleSuper32Min>::run);
  set(PanelKind::kNibbleSuper16Min, PanelMatmul<Isa, PanelKind::kNibbleSuper16Min>::run);
  set(PanelKind::kNibbleSuper16, PanelMatmul<Isa, PanelKind::kNibbleSuper16>::run);
  set(PanelKind::kNibbleTableSuper32, PanelMatmul<Isa, PanelKind::kNibbleTableSuper32>::run);
  set(PanelKind::kNibbleTableSuper16, PanelMatmul<Isa, PanelKind::kNibbleTableSuper16>::run);
  set(PanelKind::kByteSuper32Min, PanelMatmul<Isa, PanelKind::kByteSuper32Min>::run);
  set(PanelKind::kByteSuper16, PanelMatmul<Isa, PanelKind::kByteSuper16>::run);
}

}  // namespace camelgpt
