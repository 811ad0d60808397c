// Matrix products on panels, written once for every instruction set.
//
// An Isa gives NibbleDot (for one token), NibbleTileDot (for a tile) and ByteDot (see dots.h), and Arithmetic with
// madd(a, b, c) = a * b + c.
// The functions here process eight rows for one token (decoding) or for a tile of four (prefill) over the same panel.
#pragma once

#include <cstring>

#include "kernels/half_vectors.h"
#include "kernels/kernels.h"
#include "quant/blocks.h"

namespace camelgpt {

#define CAMELGPT_UNROLL _Pragma("clang loop unroll(full)")

// Tokens that are stored together: a single one, or tiles of four.
inline uint32_t activation_tile(uint32_t tokens) { return tokens == 1 ? 1 : kTokenTile; }

// The eight sub-scales of one part of a unit as floats.
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

// Whether weights reach the dot as bytes with an offset.
constexpr bool multiplies_bytes(PanelKind kind) { return !panel_layout(kind).nibbles || panel_layout(kind).table; }

// Eight rows of one panel kind times kTokens tokens, by one dot. What sets have in common is compiled once: the parameters are
// what the code depends on, and no more.
template <class Arithmetic, class Dot, PanelKind kKind, int kTokens>
struct PanelTile {
  static constexpr PanelLayout kLayout = panel_layout(kKind);
  static constexpr uint32_t kInputBytes = Dot::kInputBytes;
  static constexpr int kParts = kLayout.subs == 2 ? 2 : 1;  // halves of a unit that have scales of their own
  static constexpr bool kOffset = kLayout.offset != 0 && !(multiplies_bytes(kKind) && Dot::kSigned);
  static constexpr int kOffsetShift = __builtin_ctz(kLayout.offset == 0 ? 1u : kLayout.offset);
  static_assert(!kOffset || kLayout.offset == 1u << kOffsetShift);

  // The quantised input of one tile of tokens, unit after unit (see VectorOps::quantize).
  struct TileInput {
    const uint8_t* values;
    const uint8_t* remainders;
    const uint8_t* refined;
    const float* scales;
    const int32_t* sums;
    const int32_t* half_sums;
  };

  static TileInput tile_input(const Activations& input, uint32_t first_token, uint32_t units) {
    const size_t at = static_cast<size_t>(first_token) * units;  // tokens before this tile, times units
    const size_t value_at = at * kUnitColumns * kInputBytes;
    return {input.values + value_at, input.remainders + value_at, input.refined + at / kTokens,
            input.scales + at,       input.sums + at,             input.half_sums + 2 * at};
  }

  // totals[token][half of the rows] = values · activations of kCount tokens of the tile, for one part of a unit.
  template <int kCount>
  static inline void dot_part(const Dot& dot, v128_t table, v128_t nibbles, const uint8_t* values, const uint8_t* input,
                              int part, v128_t totals[kCount][2]) {
    constexpr int kPartSteps = kParts == 2 ? 4 : 8;
    const auto weights = [&](int step, int h) {
      const v128_t x = wasm_v128_load(values + (kLayout.nibbles ? step & 3 : step) * 32 + h * 16);
      return unit_weights(dot, table, nibbles, x, step >= 4);
    };
    const auto load_input = [&](int step, int t) { return dot.load(input + (step * kTokens + t) * 4 * kInputBytes); };
    typename Dot::Sum sums[kCount][2];
    CAMELGPT_UNROLL
    for (int t = 0; t < kCount; ++t) sums[t][0] = sums[t][1] = Dot::zero();
    if constexpr (kCount == 1) {
      // Both halves of the rows use an input while it is in a register.
      CAMELGPT_UNROLL
      for (int k = 0; k < kPartSteps; ++k) {
        const int step = k + 4 * part;
        const auto four = load_input(step, 0);
        for (int h = 0; h < 2; ++h) sums[0][h] = dot.add(sums[0][h], four, weights(step, h));
      }
    } else {
      // One half of the rows after the other: the sums of both, and what they are made of, do not fit the registers.
      CAMELGPT_UNROLL
      for (int h = 0; h < 2; ++h) {
        CAMELGPT_UNROLL
        for (int k = 0; k < kPartSteps; ++k) {
          const int step = k + 4 * part;
          const auto four_columns = weights(step, h);
          CAMELGPT_UNROLL
          for (int t = 0; t < kCount; ++t) sums[t][h] = dot.add(sums[t][h], load_input(step, t), four_columns);
        }
      }
    }
    CAMELGPT_UNROLL
    for (int t = 0; t < kCount; ++t) {
      for (int h = 0; h < 2; ++h) totals[t][h] = dot.total(sums[t][h]);
    }
  }

  // 16 bytes of a unit's values as weights; of nibbles those of one half.
  static inline typename Dot::Weights unit_weights(const Dot& dot, v128_t table, v128_t nibbles, v128_t x, bool high) {
    if constexpr (kLayout.table) {
      return dot.byte(wasm_i8x16_swizzle(table, wasm_v128_and(high ? wasm_u16x8_shr(x, 4) : x, nibbles)));
    } else if constexpr (kLayout.nibbles) {
      return high ? dot.high(x) : dot.low(x);
    } else {
      return dot.byte(x);
    }
  }

  // totals = 256 * totals + values · remainders. `refined` has a bit for each token whose remainders are not zero.
  static inline void refine(const Dot& dot, v128_t table, v128_t nibbles, const uint8_t* values, const uint8_t* remainders,
                            uint32_t refined, int part, v128_t totals[kTokens][2]) {
    v128_t rest[kTokens][2];
    if (kTokens == 1 || __builtin_popcount(refined) > 2) {  // going through the tile once costs as much as three tokens
      dot_part<kTokens>(dot, table, nibbles, values, remainders, part, rest);
    } else {
      CAMELGPT_UNROLL
      for (int t = 0; t < kTokens; ++t) {
        rest[t][0] = rest[t][1] = wasm_i32x4_splat(0);
        if ((refined >> t & 1) != 0) {
          dot_part<1>(dot, table, nibbles, values, remainders + t * 4 * kInputBytes, part, rest + t);
        }
      }
    }
    CAMELGPT_UNROLL
    for (int t = 0; t < kTokens; ++t) {
      for (int h = 0; h < 2; ++h) totals[t][h] = wasm_i32x4_add(wasm_i32x4_shl(totals[t][h], 8), rest[t][h]);
    }
  }

  // Eight rows times the tokens from `first_token` on, of which `valid` are stored.
  __attribute__((noinline)) static void multiply(const uint8_t* panel, const Activations& activations, uint32_t first_token,
                                                 float* y, size_t y_stride) {
    const uint32_t units = activations.columns / kUnitColumns;
    const uint32_t valid = activations.tokens - first_token;
    TileInput input = tile_input(activations, first_token, units);
    const Dot dot;
    const HalfConverter half;
    v128_t nibbles{}, table{};
    if constexpr (kLayout.table) {
      nibbles = opaque_splat_i32(kWordNibbles);
      uint8_t bytes[16];
      for (int i = 0; i < 16; ++i) bytes[i] = static_cast<uint8_t>(kIq4NlValues[i] + 128);
      table = wasm_v128_load(bytes);
    }
    v128_t acc[kTokens][2];
    CAMELGPT_UNROLL
    for (int t = 0; t < kTokens; ++t) acc[t][0] = acc[t][1] = wasm_f32x4_splat(0);
    v128_t super_scale[2]{}, super_minimum[2]{};

    for (uint32_t u = 0; u < units; ++u) {
      if constexpr (kLayout.subs != 0) {
        if (u % kSuperUnits == 0) {
          for (int h = 0; h < 2; ++h) {
            super_scale[h] = half.load4(panel + h * 8);
            if constexpr (kLayout.minimum) super_minimum[h] = half.load4(panel + 16 + h * 8);
          }
          panel += kLayout.super_bytes;
        }
      }
      const uint8_t* side = panel + kLayout.values_bytes;
      CAMELGPT_UNROLL
      for (int part = 0; part < kParts; ++part) {
        v128_t totals[kTokens][2];
        dot_part<kTokens>(dot, table, nibbles, panel, input.values, part, totals);
        if (*input.refined != 0) {
          refine(dot, table, nibbles, panel, input.remainders, *input.refined, part, totals);
        }

        v128_t scale[2], minimum[2]{};
        if constexpr (kLayout.subs == 0) {
          for (int h = 0; h < 2; ++h) {
            scale[h] = half.load4(side + h * 8);
            if constexpr (kLayout.minimum) minimum[h] = half.load4(side + 16 + h * 8);
          }
        } else {
          load_sub_scales(side + part * 8, true, scale);
          for (int h = 0; h < 2; ++h) scale[h] = wasm_f32x4_mul(super_scale[h], scale[h]);
          if constexpr (kLayout.minimum) {
            load_sub_scales(side + (kLayout.subs + part) * 8, false, minimum);
            for (int h = 0; h < 2; ++h) minimum[h] = wasm_f32x4_mul(super_minimum[h], minimum[h]);
          }
        }
        const int32_t* sums = kParts == 2 ? input.half_sums + part * kTokens : input.sums;
        CAMELGPT_UNROLL
        for (int t = 0; t < kTokens; ++t) {
          const v128_t input_scale = wasm_v128_load32_splat(input.scales + t);
          v128_t input_sum{};
          if constexpr (kOffset || kLayout.minimum) input_sum = wasm_v128_load32_splat(sums + t);
          CAMELGPT_UNROLL
          for (int h = 0; h < 2; ++h) {
            v128_t whole = totals[t][h];
            if constexpr (kOffset) whole = wasm_i32x4_sub(whole, wasm_i32x4_shl(input_sum, kOffsetShift));
            acc[t][h] = Arithmetic::madd(wasm_f32x4_convert_i32x4(whole), wasm_f32x4_mul(scale[h], input_scale), acc[t][h]);
          }
          if constexpr (kLayout.minimum) {
            // K formats subtract their minimum.
            const v128_t factor = kLayout.subs == 0 ? input_scale : wasm_f32x4_neg(input_scale);
            const v128_t weighted = wasm_f32x4_mul(wasm_f32x4_convert_i32x4(input_sum), factor);
            for (int h = 0; h < 2; ++h) acc[t][h] = Arithmetic::madd(minimum[h], weighted, acc[t][h]);
          }
        }
      }
      panel += kLayout.unit_bytes;
      input.values += kTokens * kUnitColumns * kInputBytes;
      input.remainders += kTokens * kUnitColumns * kInputBytes;
      input.refined += 1;
      input.scales += kTokens;
      input.sums += kTokens;
      input.half_sums += 2 * kTokens;
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
  template <class NibbleDot>
  using DotFor = std::conditional_t<multiplies_bytes(kKind), typename Isa::ByteDot, NibbleDot>;
  using One = PanelTile<typename Isa::Arithmetic, DotFor<typename Isa::NibbleDot>, kKind, 1>;
  using Tile = PanelTile<typename Isa::Arithmetic, DotFor<typename Isa::NibbleTileDot>, kKind, kTokenTile>;

  static void run(const PanelSlice& weights, const Activations& input, float* y, size_t y_stride) {
    for (uint32_t g = 0; g < weights.groups; ++g) {
      const uint8_t* panel = weights.data + g * weights.group_bytes;
      float* out = y + g * kPanelRows;
      if (input.tokens == 1) {
        One::multiply(panel, input, 0, out, y_stride);
        continue;
      }
      for (uint32_t t = 0; t < input.tokens; t += kTokenTile) Tile::multiply(panel, input, t, out + t * y_stride, y_stride);
    }
  }
};

// Half, bfloat16 and float panels: products with the floats themselves.
template <class Arithmetic, PanelKind kKind>
struct FloatMatmul {
  static constexpr uint32_t kBytes = panel_layout(kKind).float_bytes;

  static inline v128_t load4(const HalfConverter& half, const uint8_t* p) {
    if constexpr (kKind == PanelKind::kHalf) return half.load4(p);
    if constexpr (kKind == PanelKind::kBfloat) return load_bfloat4(p);
    return wasm_v128_load(p);
  }

  // kGroups groups of eight rows times kTokens tokens: as many independent sums as hide the latency of madd.
  template <int kGroups, int kTokens>
  static void tile(const uint8_t* panel, size_t group_bytes, uint32_t columns, const float* x, size_t x_stride, float* y,
                   size_t y_stride) {
    const HalfConverter half;
    v128_t acc[kGroups][kTokens][2];
    CAMELGPT_UNROLL
    for (int g = 0; g < kGroups; ++g) {
      CAMELGPT_UNROLL
      for (int t = 0; t < kTokens; ++t) acc[g][t][0] = acc[g][t][1] = wasm_f32x4_splat(0);
    }
    for (uint32_t c = 0; c < columns; ++c) {
      CAMELGPT_UNROLL
      for (int g = 0; g < kGroups; ++g) {
        const uint8_t* p = panel + g * group_bytes + static_cast<size_t>(c) * kPanelRows * kBytes;
        const v128_t low = load4(half, p);
        const v128_t high = load4(half, p + 4 * kBytes);
        CAMELGPT_UNROLL
        for (int t = 0; t < kTokens; ++t) {
          const v128_t value = wasm_v128_load32_splat(x + t * x_stride + c);
          acc[g][t][0] = Arithmetic::madd(low, value, acc[g][t][0]);
          acc[g][t][1] = Arithmetic::madd(high, value, acc[g][t][1]);
        }
      }
    }
    CAMELGPT_UNROLL
    for (int g = 0; g < kGroups; ++g) {
      CAMELGPT_UNROLL
      for (int t = 0; t < kTokens; ++t) {
        wasm_v128_store(y + t * y_stride + g * kPanelRows, acc[g][t][0]);
        wasm_v128_store(y + t * y_stride + g * kPanelRows + 4, acc[g][t][1]);
      }
    }
  }

  static void run(const PanelSlice& weights, const Activations& input, float* y, size_t y_stride) {
    const size_t bytes = weights.group_bytes;
    const uint32_t tiled = input.tokens / kTokenTile * kTokenTile;
    for (uint32_t g = 0; g < weights.groups; ++g) {
      for (uint32_t t = 0; t < tiled; t += kTokenTile) {
        tile<1, kTokenTile>(weights.data + g * bytes, bytes, weights.columns, input.x + t * input.stride, input.stride,
                            y + t * y_stride + g * kPanelRows, y_stride);
      }
    }
    for (uint32_t t = tiled; t < input.tokens; ++t) {
      const float* x = input.x + t * input.stride;
      float* out = y + t * y_stride;
      uint32_t g = 0;
      for (; g + 2 <= weights.groups; g += 2) {
        tile<2, 1>(weights.data + g * bytes, bytes, weights.columns, x, 0, out + g * kPanelRows, 0);
      }
      if (g < weights.groups) tile<1, 1>(weights.data + g * bytes, bytes, weights.columns, x, 0, out + g * kPanelRows, 0);
    }
  }
};

// Fills in the matrix products of a table.
template <class Isa>
constexpr void set_matmuls(Kernels* table) {
  const auto set = [table](PanelKind kind, MatmulFunction function) { table->matmul[static_cast<int>(kind)] = function; };
  set(PanelKind::kNibble, PanelMatmul<Isa, PanelKind::kNibble>::run);
  set(PanelKind::kNibbleMin, PanelMatmul<Isa, PanelKind::kNibbleMin>::run);
  set(PanelKind::kNibbleTable, PanelMatmul<Isa, PanelKind::kNibbleTable>::run);
  set(PanelKind::kByte, PanelMatmul<Isa, PanelKind::kByte>::run);
  set(PanelKind::kByteMin, PanelMatmul<Isa, PanelKind::kByteMin>::run);
  set(PanelKind::kNibbleSuper32Min, PanelMatmul<Isa, PanelKind::kNibbleSuper32Min>::run);
  set(PanelKind::kNibbleSuper16Min, PanelMatmul<Isa, PanelKind::kNibbleSuper16Min>::run);
  set(PanelKind::kNibbleSuper16, PanelMatmul<Isa, PanelKind::kNibbleSuper16>::run);
  set(PanelKind::kByteSuper32Min, PanelMatmul<Isa, PanelKind::kByteSuper32Min>::run);
  set(PanelKind::kByteSuper16, PanelMatmul<Isa, PanelKind::kByteSuper16>::run);
  set(PanelKind::kHalf, FloatMatmul<typename Isa::Arithmetic, PanelKind::kHalf>::run);
  set(PanelKind::kBfloat, FloatMatmul<typename Isa::Arithmetic, PanelKind::kBfloat>::run);
  set(PanelKind::kFloat, FloatMatmul<typename Isa::Arithmetic, PanelKind::kFloat>::run);
}

}  // namespace camelgpt
