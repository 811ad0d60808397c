// Attention with an online softmax over keys and values in halves or bytes, written once for every instruction set.
//
// Blocks of up to four query rows share each key and value that is loaded. Few rows (one decoded token) read what is stored
// directly; many (a batch) read a tile of 32 positions that is made floats once. Tile borders and the order of sums depend on
// positions alone, so a token's result does not depend on the batch it came in.
// Source of the recurrence: Milakov and Gimelshein 2018, "Online normalizer calculation for softmax".
#pragma once

#include <type_traits>

#include "kernels/vector_ops.h"

// Large functions with several callers.
#define CAMELGPT_ONCE __attribute__((noinline))

namespace camelgpt {

// Ways to read eight columns of a key or value as floats.
struct HalfRows {
  using Element = uint16_t;
  HalfConverter half;
  void load8(const uint16_t* p, v128_t out[2]) const {
    out[0] = half.load4(p);
    out[1] = half.load4(p + 4);
  }
};
// Without their scales, one for each position: they go into the scores and weights.
struct ByteRows {
  using Element = int8_t;
  void load8(const int8_t* p, v128_t out[2]) const {
    const v128_t words = wasm_i16x8_load8x8(p);
    out[0] = wasm_f32x4_convert_i32x4(wasm_i32x4_extend_low_i16x8(words));
    out[1] = wasm_f32x4_convert_i32x4(wasm_i32x4_extend_high_i16x8(words));
  }
};
// A tile that was read by one of the others.
struct FloatRows {
  using Element = float;
  void load8(const float* p, v128_t out[2]) const {
    out[0] = wasm_v128_load(p);
    out[1] = wasm_v128_load(p + 4);
  }
};

struct AttentionKernel {
  static constexpr int kRowBlock = 4;

  // scores[r][0..1] of `kRows` queries [width / 4, kRows, 4] against two keys.
  template <int kRows, class Source>
  static inline void score2(const Source& source, const float* q, const typename Source::Element* first,
                            const typename Source::Element* second, uint32_t width, float* scores) {
    v128_t a[kRows], b[kRows];
    CAMELGPT_UNROLL
    for (int r = 0; r < kRows; ++r) a[r] = b[r] = wasm_f32x4_splat(0);
    const float* const end = q + kRows * width;
    do {
      v128_t x[2], y[2];
      source.load8(first, x);
      source.load8(second, y);
      CAMELGPT_UNROLL
      for (int j = 0; j < 2; ++j) {
        CAMELGPT_UNROLL
        for (int r = 0; r < kRows; ++r) {
          const v128_t v = wasm_v128_load(q + 4 * (j * kRows + r));
          a[r] = madd(v, x[j], a[r]);
          b[r] = madd(v, y[j], b[r]);
        }
      }
      q = opaque(q + 8 * kRows);
      first = opaque(first + 8);
      second = opaque(second + 8);
    } while (q != end);
    CAMELGPT_UNROLL
    for (int r = 0; r < kRows; ++r) {
      const v128_t ab = wasm_f32x4_add(wasm_i32x4_shuffle(a[r], b[r], 0, 4, 1, 5), wasm_i32x4_shuffle(a[r], b[r], 2, 6, 3, 7));
      const v128_t sums = wasm_f32x4_add(ab, wasm_i64x2_shuffle(ab, ab, 1, 1));
      wasm_v128_store64_lane(scores + r * kAttentionTile, sums, 0);
    }
  }

  // scores [kRows, kAttentionTile] against the keys [positions, width]; where their number is odd, the last one's twice.
  template <int kRows, class Source>
  CAMELGPT_ONCE static void score(const float* q, const typename Source::Element* keys, uint32_t positions, uint32_t width,
                                  float* scores) {
    const Source source;
    for (uint32_t p = 0; p < positions; p += 2, keys += 2 * width) {
      score2<kRows, Source>(source, q, keys, p + 1 < positions ? keys + width : keys, width, scores + p);
    }
  }

  // out[r][0..width) = out[r] * keep[r] + sum over positions of weights[r][p] * values[p]
  template <int kRows, class Source>
  CAMELGPT_ONCE static void accumulate(const float* weights, const typename Source::Element* values, uint32_t positions,
                                       uint32_t width, const float* keep, float* const* out) {
    constexpr int kVectors = 2;
    const Source source;
    for (uint32_t i = 0; i < width; i += 4 * kVectors) {
      v128_t sums[kRows][kVectors];
      CAMELGPT_UNROLL
      for (int r = 0; r < kRows; ++r) {
        CAMELGPT_UNROLL
        for (int j = 0; j < kVectors; ++j) {
          sums[r][j] = wasm_f32x4_mul(wasm_v128_load(out[r] + i + 4 * j), wasm_v128_load32_splat(keep + r));
        }
      }
      const typename Source::Element* value = values + i;
      for (uint32_t p = 0; p < positions; ++p, value += width) {
        v128_t x[kVectors];
        source.load8(value, x);
        CAMELGPT_UNROLL
        for (int r = 0; r < kRows; ++r) {
          const v128_t weight = wasm_v128_load32_splat(weights + r * kAttentionTile + p);
          CAMELGPT_UNROLL
          for (int j = 0; j < kVectors; ++j) sums[r][j] = madd(weight, x[j], sums[r][j]);
        }
      }
      CAMELGPT_UNROLL
      for (int r = 0; r < kRows; ++r) {
        CAMELGPT_UNROLL
        for (int j = 0; j < kVectors; ++j) wasm_v128_store(out[r] + i + 4 * j, sums[r][j]);
      }
    }
  }

  // Turns one row of scores into weights; those from `seen` up to `end` become zero. `score_factors` and `weight_factors`
  // [kAttentionTile] go with the positions. Returns by how much what came before shrinks.
  CAMELGPT_ONCE static float softmax(float* row, uint32_t seen, uint32_t end, const float* score_factors,
                                     const float* weight_factors, float* maximum, float* total) {
    if (seen == 0) {
      std::memset(row, 0, end * sizeof(float));
      return 1;
    }
    const uint32_t row_end = (seen + 3) / 4 * 4;
    for (uint32_t p = 0; p < row_end; p += 4) {
      wasm_v128_store(row + p, wasm_f32x4_mul(wasm_v128_load(row + p), wasm_v128_load(score_factors + p)));
    }
    for (uint32_t p = seen; p < row_end; ++p) row[p] = -HUGE_VALF;
    v128_t highest = wasm_f32x4_splat(*maximum);
    for (uint32_t p = 0; p < row_end; p += 4) highest = wasm_f32x4_pmax(highest, wasm_v128_load(row + p));
    const float peak = horizontal_max(highest);
    const v128_t peaks = wasm_f32x4_splat(peak);
    const Exp exp;
    for (uint32_t p = 0; p < row_end; p += 4) wasm_v128_store(row + p, exp(wasm_f32x4_sub(wasm_v128_load(row + p), peaks)));
    for (uint32_t p = seen; p < (row_end > end ? row_end : end); ++p) row[p] = 0;
    v128_t sum = wasm_f32x4_splat(0);
    for (uint32_t p = 0; p < row_end; p += 4) {
      const v128_t e = wasm_v128_load(row + p);
      sum = wasm_f32x4_add(sum, e);
      wasm_v128_store(row + p, wasm_f32x4_mul(e, wasm_v128_load(weight_factors + p)));
    }
    const float shrink = *maximum == peak ? 1.0f : std::exp(*maximum - peak);
    *maximum = peak;
    *total = *total * shrink + horizontal_sum(sum);
    return shrink;
  }

  // Calls body with a count of rows, 1 .. kRowBlock, that the compiler knows.
  template <class Body>
  static inline void with_rows(uint32_t rows, Body body) {
    switch (rows) {
      case 1: return body(std::integral_constant<int, 1>());
      case 2: return body(std::integral_constant<int, 2>());
      case 3: return body(std::integral_constant<int, 3>());
      default: return body(std::integral_constant<int, 4>());
    }
  }

  template <class Stored>
  static void load_tile(const typename Stored::Element* stored, uint32_t count, float* out) {
    const Stored rows;
    for (uint32_t i = 0; i < count; i += 8) {
      v128_t x[2];
      rows.load8(stored + i, x);
      wasm_v128_store(out + i, x[0]);
      wasm_v128_store(out + i + 4, x[1]);
    }
  }

  template <class Stored>
  static void attend_stored(const AttentionArguments& a) {
    using Element = typename Stored::Element;
    const uint32_t width = a.head_width;
    const uint32_t last = a.position + a.tokens;  // positions that anyone sees
    const uint32_t rows = a.tokens * a.group;     // of queries
    const bool direct = rows <= uint32_t{kRowBlock};
    const uint32_t block = direct ? rows : kRowBlock;  // in a batch the last block is filled up with zeros
    const uint32_t padded = (rows + block - 1) / block * block;
    float* tile = a.scratch;                             // [kAttentionTile, width]
    float* queries = tile + kAttentionTile * width;      // [padded / block, width / 4, block, 4]
    float* weights = queries + padded * width;           // [padded, kAttentionTile] scores, then their exponentials
    float* maximum = weights + padded * kAttentionTile;  // [rows] of the softmax so far
    float* total = maximum + padded;                     // [rows] of the exponentials so far
    float* keep = total + padded;                        // [padded] by how much the past shrinks in this tile
    float* unwanted = keep + padded;                     // [width] output of the rows that fill up
    float score_factors[kAttentionTile], weight_factors[kAttentionTile];
    for (uint32_t p = 0; p < kAttentionTile; ++p) {
      score_factors[p] = a.scale;
      weight_factors[p] = 1;
    }

    std::memset(queries, 0, static_cast<size_t>(unwanted + width - queries) * sizeof(float));
    for (uint32_t kv = a.kv_head_first; kv < a.kv_head_first + a.kv_head_count; ++kv) {
      const Element* head_keys = static_cast<const Element*>(a.keys) + static_cast<size_t>(kv) * a.context * width;
      const Element* head_values = static_cast<const Element*>(a.values) + static_cast<size_t>(kv) * a.context * width;
      const auto out_of = [&](uint32_t r) {
        return a.out + (r / a.group) * a.out_stride + (kv * a.group + r % a.group) * width;
      };
      for (uint32_t r = 0; r < rows; ++r) {
        maximum[r] = -HUGE_VALF;
        total[r] = 0;
        std::memset(out_of(r), 0, width * sizeof(float));
        const float* q = a.q + (r / a.group) * a.q_stride + (kv * a.group + r % a.group) * width;
        float* to = queries + r / block * block * width + r % block * 4;
        for (uint32_t i = 0; i < width; i += 4) wasm_v128_store(to + i * block, wasm_v128_load(q + i));
      }
      for (uint32_t start = 0; start < last; start += kAttentionTile) {
        const uint32_t filled = last - start < kAttentionTile ? last - start : kAttentionTile;
        const Element* keys = head_keys + static_cast<size_t>(start) * width;
        const Element* values = head_values + static_cast<size_t>(start) * width;
        if constexpr (sizeof(Element) == 1) {
          const size_t from = static_cast<size_t>(kv) * a.context + start;
          for (uint32_t p = 0; p < filled; ++p) {
            score_factors[p] = a.scale * a.key_scales[from + p];
            weight_factors[p] = a.value_scales[from + p];
          }
        }
        const auto seen = [&](uint32_t r) {
          const uint32_t end = a.position + r / a.group + 1;
          return end <= start ? 0 : end - start < filled ? end - start : filled;
        };
        // Blocks before `first` see nothing of this tile.
        const uint32_t first = (start > a.position ? start - a.position : 0) * a.group / block * block;
        if (!direct) load_tile<Stored>(keys, filled * width, tile);
        for (uint32_t r = first; r < rows; r += block) {
          const uint32_t end = r + block < rows ? r + block : rows;
          const uint32_t positions = seen(end - 1);
          const float* q = queries + r * width;
          float* scores = weights + r * kAttentionTile;
          if (direct) {
            with_rows(block, [&](auto n) { score<n, Stored>(q, keys, positions, width, scores); });
          } else {
            score<kRowBlock, FloatRows>(q, tile, positions, width, scores);
          }
          for (uint32_t j = r; j < end; ++j) {
            keep[j] = softmax(weights + j * kAttentionTile, seen(j), positions, score_factors, weight_factors, &maximum[j],
                              &total[j]);
          }
        }
        if (!direct) load_tile<Stored>(values, filled * width, tile);
        for (uint32_t r = first; r < rows; r += block) {
          const uint32_t end = r + block < rows ? r + block : rows;
          float* out[kRowBlock];
          for (uint32_t j = 0; j < block; ++j) out[j] = r + j < rows ? out_of(r + j) : unwanted;
          const float* row = weights + r * kAttentionTile;
          if (direct) {
            with_rows(block, [&](auto n) { accumulate<n, Stored>(row, values, seen(end - 1), width, keep + r, out); });
          } else {
            accumulate<kRowBlock, FloatRows>(row, tile, seen(end - 1), width, keep + r, out);
          }
        }
      }
      for (uint32_t r = 0; r < rows; ++r) {
        float* out = out_of(r);
        const v128_t inverse = wasm_f32x4_splat(1.0f / total[r]);
        for (uint32_t i = 0; i < width; i += 4) wasm_v128_store(out + i, wasm_f32x4_mul(wasm_v128_load(out + i), inverse));
      }
    }
  }

  static void attend(const AttentionArguments& a) {
    if (a.kv_type == KvType::kHalf) {
      attend_stored<HalfRows>(a);
    } else {
      attend_stored<ByteRows>(a);
    }
  }
};

template <class Isa>
constexpr Kernels make_kernels(const char* name) {
  constexpr InputLayout k8Layout = input_layout<typename Isa::Nibble8>(Precision::k8);
  constexpr InputLayout k16Layout = input_layout<typename Isa::Nibble16>(Precision::k16);
  static_assert(k8Layout == input_layout<typename Isa::Nibble8Tile>(Precision::k8));
  static_assert(k16Layout == input_layout<typename Isa::Nibble16Tile>(Precision::k16));
  static_assert(k16Layout == input_layout<typename Isa::Byte16>(Precision::k16));
  using Ops = VectorOps;
  Kernels table{};
  table.name = name;
  table.quantize = quantize<k8Layout, k16Layout>;
  set_matmuls<Isa>(&table);
  table.rms_norm = Ops::rms_norm;
  table.swiglu = Ops::swiglu;
  table.add = Ops::add;
  table.rope = Ops::rope;
  table.to_half = Ops::to_half;
  table.to_byte = Ops::to_byte;
  table.attend = AttentionKernel::attend;
  table.argmax = Ops::argmax;
  table.sum_exp = Ops::sum_exp;
  return table;
}

}  // namespace camelgpt
