// Panels of halves, bfloat16 or floats and activations → matrix products, in floats.
//
// For several tokens, eight rows are converted to floats a few hundred columns at a time, and all tokens go through
// them while they are in the first-level cache. The sums of a token run over the columns in order, as for one token.
#pragma once

#include <algorithm>

#include "kernels/half_vectors.h"
#include "kernels/kernels.h"
#include "kernels/panel_matmul.h"

namespace camelgpt {

// y[t] (+)= eight rows of floats [columns, kPanelRows] · x[t], for up to kTokenTile tokens. `adds`: y has the sums of
// the columns before these.
__attribute__((noinline)) inline void multiply_floats(const float* rows, uint32_t columns, const float* x,
                                                      size_t x_stride, uint32_t tokens, bool adds, float* y,
                                                      size_t y_stride) {
  const float* token[kTokenTile];  // a tile that is not full computes its last token several times
  v128_t sums[kTokenTile][2];
  CAMELGPT_UNROLL
  for (uint32_t t = 0; t < kTokenTile; ++t) {
    const uint32_t from = std::min(t, tokens - 1);
    token[t] = x + from * x_stride;
    for (int h = 0; h < 2; ++h) sums[t][h] = adds ? wasm_v128_load(y + from * y_stride + 4 * h) : wasm_f32x4_splat(0);
  }
  const auto add_column = [&](uint32_t c) __attribute__((always_inline)) {
    const v128_t low = wasm_v128_load(rows + c * kPanelRows), high = wasm_v128_load(rows + c * kPanelRows + 4);
    CAMELGPT_UNROLL
    for (uint32_t t = 0; t < kTokenTile; ++t) {
      const v128_t value = wasm_v128_load32_splat(token[t] + c);
      sums[t][0] = madd(low, value, sums[t][0]);
      sums[t][1] = madd(high, value, sums[t][1]);
    }
  };
#pragma clang loop unroll(disable)
  for (uint32_t pairs = columns / 2; pairs != 0; --pairs) {
    add_column(0);
    add_column(1);
    rows += 2 * kPanelRows;
    CAMELGPT_UNROLL
    for (uint32_t t = 0; t < kTokenTile; ++t) token[t] = opaque(token[t] + 2);
  }
  if (columns % 2 != 0) add_column(0);
  CAMELGPT_UNROLL
  for (uint32_t t = 0; t < kTokenTile; ++t) {
    if (t >= tokens) break;
    wasm_v128_store(y + t * y_stride, sums[t][0]);
    wasm_v128_store(y + t * y_stride + 4, sums[t][1]);
  }
}

// One panel kind.
template <PanelKind kKind>
struct FloatMatmul {
  static constexpr uint32_t kBytes = panel_layout(kKind).float_bytes;
  static constexpr uint32_t kColumns = 256;  // converted at a time

  static inline v128_t load4(const HalfConverter& half, const uint8_t* p) {
    if constexpr (kKind == PanelKind::kHalf) return half.load4(p);
    if constexpr (kKind == PanelKind::kBfloat) return load_bfloat4(p);
    return wasm_v128_load(p);
  }

  // kGroups groups of eight rows times one token: enough independent sums to hide the latency of madd.
  template <int kGroups>
  static void one_token(const uint8_t* panel, size_t group_bytes, uint32_t columns, const float* x, float* y) {
    const HalfConverter half;
    v128_t sums[kGroups][2];
    CAMELGPT_UNROLL
    for (int g = 0; g < kGroups; ++g) sums[g][0] = sums[g][1] = wasm_f32x4_splat(0);
    for (uint32_t c = 0; c < columns; ++c) {
      const v128_t value = wasm_v128_load32_splat(x + c);
      CAMELGPT_UNROLL
      for (int g = 0; g < kGroups; ++g) {
        const uint8_t* p = panel + g * group_bytes + static_cast<size_t>(c) * kPanelRows * kBytes;
        sums[g][0] = madd(load4(half, p), value, sums[g][0]);
        sums[g][1] = madd(load4(half, p + 4 * kBytes), value, sums[g][1]);
      }
    }
    CAMELGPT_UNROLL
    for (int g = 0; g < kGroups; ++g) {
      wasm_v128_store(y + g * kPanelRows, sums[g][0]);
      wasm_v128_store(y + g * kPanelRows + 4, sums[g][1]);
    }
  }

  static void run_one(const PanelSlice& weights, const float* x, float* y) {
    const size_t bytes = weights.group_bytes;
    uint32_t g = 0;
    for (; g + 2 <= weights.groups; g += 2)
      one_token<2>(weights.data + g * bytes, bytes, weights.columns, x, y + g * kPanelRows);
    if (g < weights.groups) one_token<1>(weights.data + g * bytes, bytes, weights.columns, x, y + g * kPanelRows);
  }

  // The next columns of eight rows as floats, in `memory` unless they are floats already.
  static const float* converted(const uint8_t* panel, uint32_t columns, float* memory) {
    if constexpr (kKind == PanelKind::kFloat) return reinterpret_cast<const float*>(panel);
    const HalfConverter half;
    for (uint32_t i = 0; i < columns * kPanelRows; i += kPanelRows) {
      wasm_v128_store(memory + i, load4(half, panel + i * kBytes));
      wasm_v128_store(memory + i + 4, load4(half, panel + (i + 4) * kBytes));
    }
    return memory;
  }

  static void run(const PanelSlice& weights, const Activations& input, float* y, size_t y_stride) {
    if (input.tokens == 1) return run_one(weights, input.x, y);
    alignas(16) float memory[kKind == PanelKind::kFloat ? 4 : kColumns * kPanelRows];
    for (uint32_t g = 0; g < weights.groups; ++g, y += kPanelRows) {
      const uint8_t* panel = weights.data + g * weights.group_bytes;
      for (uint32_t c = 0; c < weights.columns; c += kColumns) {
        const uint32_t columns = std::min(kColumns, weights.columns - c);
        const float* rows = converted(panel + static_cast<size_t>(c) * kPanelRows * kBytes, columns, memory);
        for (uint32_t t = 0; t < input.tokens; t += kTokenTile) {
          multiply_floats(rows, columns, input.x + t * input.stride + c, input.stride,
                          std::min(kTokenTile, input.tokens - t), c > 0, y + t * y_stride, y_stride);
        }
      }
    }
  }
};

// Sets a table's products of floats.
constexpr void set_float_matmuls(Kernels* table) {
  table->matmul[static_cast<int>(PanelKind::kHalf)] = FloatMatmul<PanelKind::kHalf>::run;
  table->matmul[static_cast<int>(PanelKind::kBfloat)] = FloatMatmul<PanelKind::kBfloat>::run;
  table->matmul[static_cast<int>(PanelKind::kFloat)] = FloatMatmul<PanelKind::kFloat>::run;
}

}  // namespace camelgpt
