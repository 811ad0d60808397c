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

#include "kernels/neuron_products.h"
#include "kernels/vector_ops.h"

// For large functions with several callers.
#define CAMELGPT_NOINLINE __attribute__((noinline))

namespace camelgpt {

struct AttentionKernel {
  static constexpr int kRowTile = 4;  // query rows processed together

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

  // sums = all pairs of the rows up to `end` (an even number of pairs per row) · stored pairs. Returns the end of the
  // stored pairs.
  template <int kRows, class Element>
  static inline const Element* dot_pairs(const int16_t* rows, const int16_t* end, const Element* stored,
                                         v128_t sums[kRows][2]) {
    CAMELGPT_UNROLL
    for (int r = 0; r < kRows; ++r) sums[r][0] = sums[r][1] = wasm_i32x4_splat(0);
#pragma clang loop unroll(disable)
    do {
      add_pairs<kRows>(rows, stored, sums);
      add_pairs<kRows>(rows + 2 * kRows, stored + 16, sums);
      rows = opaque(rows + 4 * kRows);
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
      keys = dot_pairs<kRows>(queries, queries + width * kRows, keys, sums);
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

  // out[r][0..width) = out[r] * keep[r] + scales[r] * (weights [positions / 2, kRows, 2] · values), where `positions`
  // is rounded up to a multiple of four.
  template <int kRows, class Element>
  CAMELGPT_NOINLINE static void accumulate(const int16_t* weights, const Element* values, uint32_t positions,
                                           uint32_t width, const float* keep, const float* scales, float* const* out) {
    for (uint32_t i = 0; i < width; i += 8, values += 8 * kAttentionTile) {
      v128_t sums[kRows][2];
      dot_pairs<kRows>(weights, weights + (positions + 3) / 4 * (4 * kRows), values, sums);
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
    float score_scale;  // scale of the row's integers times the scale of all scores
    float maximum;      // of the scores so far
    float total;        // of the exponentials so far
  };
  static_assert(sizeof(Row) == kAttentionRowBytes);

  // Scales scores [count, kAttentionTile] and applies the softcap.
  CAMELGPT_NOINLINE static void cap_scores(const Row* rows, int count, float softcap, float* scores) {
    for (int r = 0; r < count; ++r) {
      float* row = scores + r * kAttentionTile;
      const v128_t scale = wasm_v128_load32_splat(&rows[r].score_scale);
      for (uint32_t p = 0; p < kAttentionTile; p += 4)
        wasm_v128_store(row + p, wasm_f32x4_mul(wasm_v128_load(row + p), scale));
      VectorOps::softcap(row, kAttentionTile, softcap);
    }
  }

  // Fills the positions of a tile that its row does not see.
  CAMELGPT_NOINLINE static void fill_unseen(float* row, uint32_t from, uint32_t seen, float value) {
    std::fill(row, row + from, value);
    std::fill(row + seen, row + kAttentionTile, value);
  }

  // Turns scores [kRows, kAttentionTile] into weights [kAttentionTile / 2, kRows, 2]: exponentials times the values'
  // scales, as integers with scale scales[r]; zero before from[r] and from seen[r] on. keep[r]: the factor for what was
  // accumulated before. `scaled`: the scores come from cap_scores().
  template <int kRows>
  CAMELGPT_NOINLINE static void weigh(float* scores, const uint32_t* from, const uint32_t* seen,
                                      const float* value_scales, Row* rows, bool scaled, int16_t* weights,
                                      float* scales, float* keep) {
    v128_t peaks[kRows];
    CAMELGPT_UNROLL
    for (int r = 0; r < kRows; ++r) {
      float* row = scores + r * kAttentionTile;
      fill_unseen(row, from[r], seen[r], from[r] == seen[r] ? 0.0f : row[from[r]]);  // does not change the maximum
      const v128_t score_scale = scaled ? wasm_f32x4_splat(1) : wasm_v128_load32_splat(&rows[r].score_scale);
      v128_t highest = wasm_v128_load32_splat(&rows[r].maximum);
      for (uint32_t p = 0; p < kAttentionTile; p += 4) {
        const v128_t score = wasm_f32x4_mul(wasm_v128_load(row + p), score_scale);
        wasm_v128_store(row + p, score);
        highest = wasm_f32x4_pmax(highest, score);
      }
      const float peak = from[r] == seen[r] ? rows[r].maximum : horizontal_max(highest);
      fill_unseen(row, from[r], seen[r], -FLT_MAX);
      keep[r] = rows[r].maximum == peak ? 1.0f : std::exp(rows[r].maximum - peak);
      rows[r].maximum = peak;
      peaks[r] = wasm_f32x4_splat(peak == -HUGE_VALF ? 0.0f : peak);  // no position seen yet
    }
    float seen_scales[kAttentionTile] = {};
    if (seen[kRows - 1] < kAttentionTile) {  // scales of later positions are uninitialised
      std::copy(value_scales, value_scales + seen[kRows - 1], seen_scales);
      value_scales = seen_scales;
    }
    const Exp exp;
    v128_t totals[kRows], sums[kRows], largest[kRows];
    for (int r = 0; r < kRows; ++r) totals[r] = sums[r] = largest[r] = wasm_f32x4_splat(0);
    for (uint32_t p = 0; p < kAttentionTile; p += 4) {
      const v128_t value_scale = wasm_v128_load(value_scales + p);
      CAMELGPT_UNROLL
      for (int r = 0; r < kRows; ++r) {
        float* at = scores + r * kAttentionTile + p;
        const v128_t e = exp(wasm_f32x4_sub(wasm_v128_load(at), peaks[r]));
        const v128_t weight = wasm_f32x4_mul(e, value_scale);
        wasm_v128_store(at, weight);
        totals[r] = wasm_f32x4_add(totals[r], e);
        sums[r] = wasm_f32x4_add(sums[r], weight);
        largest[r] = wasm_f32x4_pmax(largest[r], weight);
      }
    }
    CAMELGPT_UNROLL
    for (int r = 0; r < kRows; ++r) {
      const float* row = scores + r * kAttentionTile;
      rows[r].total = rows[r].total * keep[r] + horizontal_sum(totals[r]);
      scales[r] =
          std::fmax(horizontal_max(largest[r]) / kMaxSoftmaxWeight, horizontal_sum(sums[r]) / kMaxSoftmaxWeightSum);
      const v128_t inverse = wasm_f32x4_splat(scales[r] > kMinQuantRange ? 1.0f / scales[r] : 0.0f);
      int16_t* to = weights + 2 * r;
      for (uint32_t p = 0; p < kAttentionTile; p += 8, to += 8 * kRows) {
        const v128_t words =
            wasm_i16x8_narrow_i32x4(round_to_i32(wasm_f32x4_mul(wasm_v128_load(row + p), inverse)),
                                    round_to_i32(wasm_f32x4_mul(wasm_v128_load(row + p + 4), inverse)));
        wasm_v128_store32_lane(to, words, 0);
        wasm_v128_store32_lane(to + 2 * kRows, words, 1);
        wasm_v128_store32_lane(to + 4 * kRows, words, 2);
        wasm_v128_store32_lane(to + 6 * kRows, words, 3);
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
    alignas(16) float scores[kRowTile * kAttentionTile];
    alignas(16) int16_t weights[kAttentionTile * kRowTile];  // [kAttentionTile / 2, rows of the tile, 2]

    for (uint32_t kv = a.kv_head_first; kv < a.kv_head_first + a.kv_head_count; ++kv) {
      const size_t first_row = static_cast<size_t>(kv) * a.room;
      const Element* head_keys = static_cast<const Element*>(a.keys) + first_row * width;
      const Element* head_values = static_cast<const Element*>(a.values) + first_row * width;
      const auto out_of = [&](uint32_t r) {
        return a.out + (r / a.group) * a.out_stride + (kv * a.group + r % a.group) * width;
      };
      for (uint32_t r = 0; r < rows; ++r) {
        std::memset(out_of(r), 0, width * sizeof(float));
        int16_t words[kMaxHeadWidth];
        const float* q = a.q + (r / a.group) * a.q_stride + (kv * a.group + r % a.group) * width;
        row_of[r] = {a.scale * VectorOps::round_row(q, width, kQueryLimits, words), -HUGE_VALF, 0};
        const uint32_t in_tile = r % kRowTile, count = tile_rows(r - in_tile);
        int16_t* to = queries + (r - in_tile) * width + in_tile * 2;
        for (uint32_t i = 0; i < width; i += 2) std::memcpy(to + i * count, words + i, 2 * sizeof(int16_t));
      }
      const uint32_t tiles = a.tiles != nullptr ? a.tile_count : (last + kAttentionTile - 1) / kAttentionTile;
      for (uint32_t i = 0; i < tiles; ++i) {
        const uint32_t start = (a.tiles != nullptr ? a.tiles[i] : i) * kAttentionTile;
        const Element* keys = head_keys + static_cast<size_t>(start) * width;
        const Element* values = head_values + static_cast<size_t>(start) * width;
        const float* key_scales = a.key_scales + first_row + start;
        const float* value_scales = a.value_scales + first_row + start;
        const auto seen = [&](uint32_t r) {
          const uint32_t end = a.seen != 0 ? a.seen : a.position + r / a.group + 1;
          return end <= start ? 0 : std::min(end - start, kAttentionTile);
        };
        const auto from = [&](uint32_t r) {  // first position in the window
          const uint32_t end = a.position + r / a.group + 1;
          return a.window == 0 || end <= start + a.window ? 0 : end - a.window - start;
        };
        if (a.window != 0 && a.position >= start + kAttentionTile + a.window - 1) continue;
        // Rows before the first one see nothing of this tile.
        const uint32_t first =
            (a.seen == 0 && start > a.position ? start - a.position : 0) * a.group / kRowTile * kRowTile;
        for (uint32_t r = first; r < rows; r += kRowTile) {
          with_rows(tile_rows(r), [&](auto count) {
            constexpr int kRows = decltype(count)::value;
            float keep[kRows], scales[kRows];
            float* out[kRows];
            uint32_t row_seen[kRows], row_from[kRows];
            for (int j = 0; j < kRows; ++j) {
              out[j] = out_of(r + j);
              row_seen[j] = seen(r + j);
              row_from[j] = std::min(from(r + j), row_seen[j]);
            }
            const uint32_t positions = row_seen[kRows - 1];
            score<kRows>(queries + r * width, keys, key_scales, positions, width, scores);
            if (a.softcap != 0) cap_scores(row_of + r, kRows, a.softcap, scores);
            weigh<kRows>(scores, row_from, row_seen, value_scales, row_of + r, a.softcap != 0, weights, scales, keep);
            accumulate<kRows>(weights, values, positions, width, keep, scales, out);
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
