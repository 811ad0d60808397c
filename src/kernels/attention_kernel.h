// Queries and stored keys and values → attention by an online softmax, in one implementation for all instruction sets.
//
// Queries and softmax weights are rounded to integers too, so nearly all of the work is the widening multiplication of
// 16-bit pairs, which every instruction set has. Up to four query rows share each key and value that is loaded. Sums
// are exact within a key or a tile of 32 positions. Tile boundaries depend only on positions, so a token's result does
// not depend on its batch. Source of the recurrence: Milakov and Gimelshein 2018, "Online normalizer calculation for
// softmax".
#pragma once

#include <algorithm>
#include <type_traits>

#include "kernels/float_matmul.h"
#include "kernels/neuron_products.h"
#include "kernels/vector_ops.h"

// For large functions with several callers.
#define CAMELGPT_NOINLINE __attribute__((noinline))

namespace camelgpt {

struct AttentionKernel {
  static constexpr float kLog2E = 1.44269504f, kLn2 = 0.69314718f;  // the softmax takes powers of two
  static constexpr int kRowTile = 4;                                // query rows processed together
  // Softmax weights are stored for this many rows.
  static constexpr int weight_rows(int rows) { return rows == 3 ? 4 : rows; }

  // Loads eight stored integers as 16 bits each.
  static v128_t load8(const int16_t* p) { return wasm_v128_load(p); }
  static v128_t load8(const int8_t* p) { return wasm_i16x8_load8x8(p); }

  // sums[row][half] += a pair of 16-bit integers of each row (adjacent in `rows`) · each of eight stored pairs.
  template <int kRows, class Element>
  static inline void add_pairs(const int16_t* rows, const Element* stored, v128_t sums[kRows][2]) {
    const v128_t low = load8(stored), high = load8(stored + 8);
    CAMELGPT_UNROLL
    for (int r = 0; r < kRows; ++r) {
      const v128_t pair = wasm_v128_load32_splat(rows + 2 * r);
      sums[r][0] = wasm_i32x4_add(sums[r][0], wasm_i32x4_dot_i16x8(pair, low));
      sums[r][1] = wasm_i32x4_add(sums[r][1], wasm_i32x4_dot_i16x8(pair, high));
    }
  }

  // sums = all pairs of the rows up to `end` (an even number of pairs per row, kStride pairs apart) · stored pairs.
  // Returns the end of the stored pairs.
  template <int kRows, int kStride, class Element>
  static inline const Element* dot_pairs(const int16_t* rows, const int16_t* end, const Element* stored,
                                         v128_t sums[kRows][2]) {
    CAMELGPT_UNROLL
    for (int r = 0; r < kRows; ++r) sums[r][0] = sums[r][1] = wasm_i32x4_splat(0);
#pragma clang loop unroll(disable)
    do {
      add_pairs<kRows>(rows, stored, sums);
      add_pairs<kRows>(rows + 2 * kStride, stored + 16, sums);
      rows = opaque(rows + 4 * kStride);
      stored = opaque(stored + 32);
    } while (rows != end);
    return stored;
  }

  // scores [kRows, kAttentionTile] = queries [width / 2, kRows, 2] · the keys of `positions` positions, times the keys'
  // scales.
  template <int kRows, class Element>
  CAMELGPT_NOINLINE static void score(const int16_t* queries, const Element* keys, const float* key_scales,
                                      uint32_t positions, uint32_t width, float* scores) {
    for (uint32_t p = 0; p < positions; p += kKeyBlock) {
      v128_t sums[kRows][2];
      keys = dot_pairs<kRows, kRows>(queries, queries + width * kRows, keys, sums);
      for (int h = 0; h < 2; ++h) {
        const v128_t scales = wasm_v128_load(key_scales + p + 4 * h);
        CAMELGPT_UNROLL
        for (int r = 0; r < kRows; ++r) {
          const v128_t score = wasm_f32x4_mul(wasm_f32x4_convert_i32x4(sums[r][h]), scales);
          wasm_v128_store(scores + r * kAttentionTile + p + 4 * h, score);
        }
      }
    }
  }

  // out[r][0..width) = out[r] * keep[r] + scales[r] * (weights [positions / 2, weight_rows(kRows), 2] · values), where
  // `positions` is rounded up to a multiple of four.
  template <int kRows, class Element>
  CAMELGPT_NOINLINE static void accumulate(const int16_t* weights, const Element* values, uint32_t positions,
                                           uint32_t width, const float* keep, const float* scales, float* const* out) {
    for (uint32_t i = 0; i < width; i += 8, values += 8 * kAttentionTile) {
      v128_t sums[kRows][2];
      dot_pairs<kRows, weight_rows(kRows)>(weights, weights + (positions + 3) / 4 * (4 * weight_rows(kRows)), values,
                                           sums);
      CAMELGPT_UNROLL
      for (int r = 0; r < kRows; ++r) {
        const v128_t kept = wasm_v128_load32_splat(keep + r), scale = wasm_v128_load32_splat(scales + r);
        for (int h = 0; h < 2; ++h) {
          float* to = out[r] + i + 4 * h;
          wasm_v128_store(to,
                          madd(wasm_f32x4_convert_i32x4(sums[r][h]), scale, wasm_f32x4_mul(wasm_v128_load(to), kept)));
        }
      }
    }
  }

  // State of a query row besides its integers.
  struct Row {
    float score_scale;  // scale of the row's integers times the scale of all scores, divided by ln 2
    float maximum;      // of the scaled scores so far
    float total;        // of the exponentials so far
  };
  static_assert(sizeof(Row) == kAttentionRowBytes);

  // A tile of positions and some query rows, between the two halves of their softmax.
  struct TileSoftmax {
    alignas(16) float scores[kRowTile * kAttentionTile];  // then exponentials times the values' scales
    alignas(16) float keep[kRowTile];                     // the factors for what was accumulated before
    alignas(16) float scales[kRowTile];                   // of the integer weights
    alignas(16) float inverses[kRowTile];                 // of these; 0 if the weights are too small
  };

  // Scales scores [count, kAttentionTile] after applying the softcap.
  CAMELGPT_NOINLINE static void cap_scores(const Row* rows, int count, float softcap, float* scores) {
    for (int r = 0; r < count; ++r) {
      float* row = scores + r * kAttentionTile;
      scale_scores(row, rows[r].score_scale * kLn2);
      VectorOps::softcap(row, kAttentionTile, softcap);
      scale_scores(row, kLog2E);
    }
  }
  CAMELGPT_NOINLINE static void scale_scores(float* row, float scale) {
    for (uint32_t p = 0; p < kAttentionTile; ++p) row[p] *= scale;
  }

  // Removes the positions of a tile before `from` and from `seen` on from a row of scaled scores.
  CAMELGPT_NOINLINE static void hide_unseen(float* row, uint32_t from, uint32_t seen) {
    std::fill(row, row + from, -HUGE_VALF);
    std::fill(row + seen, row + kAttentionTile, -HUGE_VALF);
  }

  // Four vectors of one lane of each row; the last row fills missing ones.
  template <int kRows>
  static inline void transpose_rows(const v128_t rows[kRows], v128_t lanes[4]) {
    for (int i = 0; i < 4; ++i) lanes[i] = rows[std::min(i, kRows - 1)];
    transpose4(lanes);
  }
  // The maximum of each row's lanes, and their sum.
  template <int kRows>
  static inline v128_t row_maxima(const v128_t rows[kRows]) {
    v128_t x[4];
    transpose_rows<kRows>(rows, x);
    return wasm_f32x4_pmax(wasm_f32x4_pmax(x[0], x[1]), wasm_f32x4_pmax(x[2], x[3]));
  }
  template <int kRows>
  static inline v128_t row_sums(const v128_t rows[kRows]) {
    v128_t x[4];
    transpose_rows<kRows>(rows, x);
    return wasm_f32x4_add(wasm_f32x4_add(x[0], x[1]), wasm_f32x4_add(x[2], x[3]));
  }

  // The first half of a softmax. `scaled`: the scores have been multiplied by score_scale.
  template <int kRows>
  CAMELGPT_NOINLINE static void exponentiate(TileSoftmax* tile, const float* value_scales, Row* rows, bool scaled) {
    alignas(16) float factors[kRowTile], maxima[kRowTile], totals[kRowTile], shifts[kRowTile];
    CAMELGPT_UNROLL
    for (int r = 0; r < kRowTile; ++r) {
      const Row& row = rows[std::min(r, kRows - 1)];
      factors[r] = scaled ? 1.0f : row.score_scale;
      maxima[r] = row.maximum;
      totals[r] = row.total;
    }
    v128_t highest[kRows];
    CAMELGPT_UNROLL
    for (int r = 0; r < kRows; ++r) {
      const float* row = tile->scores + r * kAttentionTile;
      highest[r] = wasm_v128_load(row);
      CAMELGPT_UNROLL
      for (uint32_t p = 4; p < kAttentionTile; p += 4)
        highest[r] = wasm_f32x4_pmax(highest[r], wasm_v128_load(row + p));
    }
    const v128_t old_maxima = wasm_v128_load(maxima);
    // The scale is positive, so the product is the maximum of the products.
    const v128_t new_maxima =
        wasm_f32x4_pmax(old_maxima, wasm_f32x4_mul(row_maxima<kRows>(highest), wasm_v128_load(factors)));
    const Exp2 exp2;
    const v128_t keep = exp2(wasm_f32x4_sub(old_maxima, new_maxima));
    wasm_v128_store(tile->keep, keep);
    wasm_v128_store(maxima, new_maxima);
    // Minus infinity until a position has been seen.
    wasm_v128_store(shifts, wasm_v128_and(new_maxima, wasm_f32x4_ne(new_maxima, wasm_f32x4_splat(-HUGE_VALF))));
    v128_t exponentials[kRows], sums[kRows], largest[kRows];
    CAMELGPT_UNROLL
    for (int r = 0; r < kRows; ++r) {
      float* row = tile->scores + r * kAttentionTile;
      const v128_t factor = wasm_v128_load32_splat(factors + r), shift = wasm_v128_load32_splat(shifts + r);
      v128_t total = wasm_f32x4_splat(0), sum = total, most = total;
#pragma clang loop unroll(disable)
      for (uint32_t p = 0; p < kAttentionTile; p += 4) {
        const v128_t e = exp2(wasm_f32x4_sub(wasm_f32x4_mul(wasm_v128_load(row + p), factor), shift));
        const v128_t weight = wasm_f32x4_mul(e, wasm_v128_load(value_scales + p));
        wasm_v128_store(row + p, weight);
        total = wasm_f32x4_add(total, e);
        sum = wasm_f32x4_add(sum, weight);
        most = wasm_f32x4_pmax(most, weight);
      }
      exponentials[r] = total;
      sums[r] = sum;
      largest[r] = most;
    }
    wasm_v128_store(totals,
                    wasm_f32x4_add(wasm_f32x4_mul(wasm_v128_load(totals), keep), row_sums<kRows>(exponentials)));
    CAMELGPT_UNROLL
    for (int r = 0; r < kRows; ++r) {
      rows[r].maximum = maxima[r];
      rows[r].total = totals[r];
    }
    const v128_t scales =
        wasm_f32x4_pmax(wasm_f32x4_div(row_maxima<kRows>(largest), wasm_f32x4_splat(kMaxSoftmaxWeight)),
                        wasm_f32x4_div(row_sums<kRows>(sums), wasm_f32x4_splat(kMaxSoftmaxWeightSum)));
    wasm_v128_store(tile->scales, scales);
    wasm_v128_store(tile->inverses, wasm_v128_and(wasm_f32x4_div(wasm_f32x4_splat(1), scales),
                                                  wasm_f32x4_gt(scales, wasm_f32x4_splat(kMinQuantRange))));
  }

  // The second half: weights [kAttentionTile / 2, weight_rows(kRows), 2] = the exponentials as integers.
  template <int kRows>
  CAMELGPT_NOINLINE static void round_weights(const TileSoftmax& tile, int16_t* weights) {
    v128_t inverses[kRows];
    CAMELGPT_UNROLL
    for (int r = 0; r < kRows; ++r) inverses[r] = wasm_v128_load32_splat(tile.inverses + r);
    for (uint32_t p = 0; p < kAttentionTile; p += 8, weights += 8 * weight_rows(kRows)) {
      v128_t words[kRows], pairs[4];
      CAMELGPT_UNROLL
      for (int r = 0; r < kRows; ++r) {
        const float* row = tile.scores + r * kAttentionTile + p;
        words[r] = wasm_i16x8_narrow_i32x4(round_to_i32(wasm_f32x4_mul(wasm_v128_load(row), inverses[r])),
                                           round_to_i32(wasm_f32x4_mul(wasm_v128_load(row + 4), inverses[r])));
      }
      if constexpr (kRows == 1) {
        wasm_v128_store(weights, words[0]);
      } else if constexpr (kRows == 2) {
        wasm_v128_store(weights, wasm_i32x4_shuffle(words[0], words[1], 0, 4, 1, 5));
        wasm_v128_store(weights + 8, wasm_i32x4_shuffle(words[0], words[1], 2, 6, 3, 7));
      } else {
        transpose_rows<kRows>(words, pairs);
        for (int i = 0; i < 4; ++i) wasm_v128_store(weights + 8 * i, pairs[i]);
      }
    }
  }

  // Calls body with the number of rows, 1 .. kRowTile, as a compile-time constant.
  template <class Body>
  static inline void with_rows(uint32_t rows, Body body) {
    switch (rows) {
      case 1: return body(std::integral_constant<int, 1>());
      case 2: return body(std::integral_constant<int, 2>());
      case 3: return body(std::integral_constant<int, 3>());
      default: return body(std::integral_constant<int, 4>());
    }
  }

  template <class Element>
  static void attend_stored(const AttentionArguments& a) {
    const uint32_t width = a.head_width;
    const uint32_t last = a.seen != 0 ? a.seen : a.position + a.tokens;  // positions that any token sees
    const uint32_t rows = a.tokens * a.group;                            // query rows
    const auto tile_rows = [&](uint32_t first) { return std::min<uint32_t>(rows - first, kRowTile); };
    Row* row_of = static_cast<Row*>(a.scratch);
    int16_t* queries = reinterpret_cast<int16_t*>(row_of + rows);  // [row tiles][width / 2, rows of the tile, 2]
    TileSoftmax softmax;
    alignas(16) int16_t weights[kAttentionTile * kRowTile];

    for (uint32_t kv = a.kv_head_first; kv < a.kv_head_first + a.kv_head_count; ++kv) {
      const size_t first_row = static_cast<size_t>(kv) * a.room;
      const auto out_of = [&](uint32_t r) {
        return a.out + (r / a.group) * a.out_stride + (kv * a.group + r % a.group) * width;
      };
      for (uint32_t r = 0; r < rows; ++r) {
        std::memset(out_of(r), 0, width * sizeof(float));
        int16_t words[kMaxHeadWidth];
        const float* q = a.q + (r / a.group) * a.q_stride + (kv * a.group + r % a.group) * width;
        const float scale = kLog2E * a.scale * VectorOps::round_row(q, width, kQueryLimits, words);
        row_of[r] = {scale, -HUGE_VALF, 0};
        const uint32_t in_tile = r % kRowTile, count = tile_rows(r - in_tile);
        int16_t* to = queries + (r - in_tile) * width + in_tile * 2;
        for (uint32_t i = 0; i < width; i += 2) std::memcpy(to + i * count, words + i, 2 * sizeof(int16_t));
      }
      const uint32_t tiles = a.tiles != nullptr ? a.tile_count : (last + kAttentionTile - 1) / kAttentionTile;
      for (uint32_t i = 0; i < tiles; ++i) {
        const uint32_t start = (a.tiles != nullptr ? a.tiles[i] : i) * kAttentionTile;
        const size_t at = first_row + start;
        const Element* keys = static_cast<const Element*>(a.keys) + at * width;
        const Element* values = static_cast<const Element*>(a.values) + at * width;
        const float* value_scales = a.value_scales + at;
        const auto seen = [&](uint32_t r) {
          const uint32_t end = a.seen != 0 ? a.seen : a.position + r / a.group + 1;
          return end <= start ? 0 : std::min(end - start, kAttentionTile);
        };
        const auto from = [&](uint32_t r) {  // first position in the window
          const uint32_t end = a.position + r / a.group + 1;
          return a.window == 0 || end <= start + a.window ? 0 : end - a.window - start;
        };
        if (a.window != 0 && a.position >= start + kAttentionTile + a.window - 1) continue;
        // Whether all rows see the whole tile.
        const bool whole = seen(0) == kAttentionTile && from(rows - 1) == 0;
        float seen_scales[kAttentionTile];
        if (!whole) {  // scales of positions that no row sees are uninitialised
          const uint32_t end = seen(rows - 1);
          std::copy(value_scales, value_scales + end, seen_scales);
          std::fill(seen_scales + end, seen_scales + kAttentionTile, 0.0f);
          value_scales = seen_scales;
        }
        // Rows before the first one see nothing of this tile.
        const uint32_t first =
            (a.seen == 0 && start > a.position ? start - a.position : 0) * a.group / kRowTile * kRowTile;
        for (uint32_t r = first; r < rows; r += kRowTile) {
          with_rows(tile_rows(r), [&](auto count) {
            constexpr int kRows = decltype(count)::value;
            const uint32_t positions = whole ? kAttentionTile : seen(r + kRows - 1);
            score<kRows>(queries + r * width, keys, a.key_scales + at, positions, width, softmax.scores);
            if (a.softcap != 0) cap_scores(row_of + r, kRows, a.softcap, softmax.scores);
            for (uint32_t j = 0; !whole && j < kRows; ++j) {
              float* scores = softmax.scores + j * kAttentionTile;
              const uint32_t end = seen(r + j);
              if (a.softcap == 0) scale_scores(scores, row_of[r + j].score_scale);
              hide_unseen(scores, std::min(from(r + j), end), end);
            }
            exponentiate<kRows>(&softmax, value_scales, row_of + r, a.softcap != 0 || !whole);
            round_weights<kRows>(softmax, weights);
            float* out[kRows];
            for (int j = 0; j < kRows; ++j) out[j] = out_of(r + j);
            accumulate<kRows>(weights, values, positions, width, softmax.keep, softmax.scales, out);
          });
        }
      }
      for (uint32_t r = 0; r < rows; ++r) {
        float* out = out_of(r);
        const v128_t inverse = wasm_f32x4_splat(1.0f / row_of[r].total);
        for (uint32_t i = 0; i < width; i += 4)
          wasm_v128_store(out + i, wasm_f32x4_mul(wasm_v128_load(out + i), inverse));
      }
    }
  }

  static void attend(const AttentionArguments& a) {
    if (a.kv_type == KvType::k16) {
      attend_stored<int16_t>(a);
    } else {
      attend_stored<int8_t>(a);
    }
  }

  // Writes the query for page summaries, which are scored like keys of twice the width: [q, |q|] of each column, as row
  // `r` of queries [head_width, rows, 2]. Returns the scale of its integers.
  CAMELGPT_NOINLINE static float page_query(const float* q, uint32_t head_width, uint32_t r, uint32_t rows,
                                            int16_t* queries) {
    alignas(16) float pairs[2 * kMaxHeadWidth];
    int16_t words[2 * kMaxHeadWidth];
    for (uint32_t i = 0; i < head_width; ++i) {
      pairs[2 * i] = q[i];
      pairs[2 * i + 1] = std::fabs(q[i]);
    }
    const float scale = VectorOps::round_row(pairs, 2 * head_width, kQueryLimits, words);
    for (uint32_t i = 0; i < 2 * head_width; i += 2)
      std::memcpy(queries + i * rows + 2 * r, words + i, 2 * sizeof(int16_t));
    return scale;
  }

  // shares [pages] += softmax of the scores row [room], which is overwritten.
  CAMELGPT_NOINLINE static void add_shares(float* row, uint32_t room, uint32_t pages, float score_scale,
                                           float* shares) {
    const Exp exp;
    const v128_t scale = wasm_f32x4_splat(score_scale);
    for (uint32_t p = 0; p < room; p += 4) wasm_v128_store(row + p, wasm_f32x4_mul(wasm_v128_load(row + p), scale));
    std::fill(row + pages, row + room, -FLT_MAX);
    v128_t highest = wasm_f32x4_splat(-FLT_MAX), total = wasm_f32x4_splat(0);
    for (uint32_t p = 0; p < room; p += 4) highest = wasm_f32x4_pmax(highest, wasm_v128_load(row + p));
    const v128_t peak = wasm_f32x4_splat(horizontal_max(highest));
    for (uint32_t p = 0; p < room; p += 4) {
      const v128_t e = exp(wasm_f32x4_sub(wasm_v128_load(row + p), peak));
      total = wasm_f32x4_add(total, e);
      wasm_v128_store(row + p, e);
    }
    const float inverse = 1.0f / horizontal_sum(total);
    for (uint32_t p = 0; p < pages; ++p) shares[p] += row[p] * inverse;
  }

  static void page_shares(const PageArguments& a) {
    const uint32_t width = 2 * a.head_width, pages = a.page_count;
    const uint32_t room = (pages + kKeyBlock - 1) / kKeyBlock * kKeyBlock;
    alignas(16) int16_t queries[2 * kMaxHeadWidth * kRowTile];  // [width / 2, rows, 2]
    alignas(16) float scores[kRowTile * kAttentionTile];
    float scales[kRowTile];
    std::fill(a.shares, a.shares + pages, 0.0f);
    for (uint32_t first = 0; first < a.group; first += kRowTile) {
      const uint32_t rows = std::min<uint32_t>(a.group - first, kRowTile);
      for (uint32_t r = 0; r < rows; ++r)
        scales[r] = a.scale * page_query(a.q + (first + r) * a.head_width, a.head_width, r, rows, queries);
      for (uint32_t start = 0; start < room; start += kAttentionTile) {
        const uint32_t tile_pages = std::min(room - start, kAttentionTile);
        with_rows(rows, [&](auto count) {
          score<decltype(count)::value>(queries, a.pages + static_cast<size_t>(start) * width, a.page_scales + start,
                                        tile_pages, width, scores);
        });
        for (uint32_t r = 0; r < rows; ++r) {
          std::copy_n(scores + r * kAttentionTile, tile_pages, a.scratch + static_cast<size_t>(r) * room + start);
        }
      }
      for (uint32_t r = 0; r < rows; ++r)
        add_shares(a.scratch + static_cast<size_t>(r) * room, room, pages, scales[r], a.shares);
    }
  }
};

template <class Isa>
constexpr Kernels make_kernels(const char* name) {
  Kernels table{};
  table.name = name;
  table.quantize = quantize<Isa>;
  set_matmuls<Isa>(&table);
  set_float_matmuls(&table);
  set_neurons<Isa>(&table);
  table.rms_norm = VectorOps::rms_norm;
  table.rope_halves = VectorOps::rope_halves;
  table.softcap = VectorOps::softcap;
  table.geglu = VectorOps::geglu;
  table.layer_norm = VectorOps::layer_norm;
  table.swiglu = VectorOps::swiglu;
  table.list_positive = VectorOps::list_positive;
  table.reglu = VectorOps::reglu;
  table.add = VectorOps::add;
  table.rope = VectorOps::rope;
  table.round_row = VectorOps::round_row;
  table.attend = AttentionKernel::attend;
  table.page_shares = AttentionKernel::page_shares;
  table.argmax = VectorOps::argmax;
  table.sum_exp = VectorOps::sum_exp;
  table.select_above = VectorOps::select_above;
  return table;
}

}  // namespace camelgpt
