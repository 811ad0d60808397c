// Attention over half-precision keys and values with an online softmax, written once for every instruction set.
//
// Tiles of 32 positions are converted to floats once and used by every query head and every token of the batch. Tile
// borders depend on positions alone, so a token's result does not depend on the batch it came in.
// Source of the recurrence: Milakov and Gimelshein 2018, "Online normalizer calculation for softmax".
#pragma once

#include "kernels/vector_ops.h"

namespace camelgpt {

struct AttentionKernel {
  // One tile of one head: floats from halves.
  static inline void load_tile(const uint16_t* halves, uint32_t count, float* out) {
    const HalfConverter half;
    for (uint32_t i = 0; i < count; i += 4) wasm_v128_store(out + i, half.load4(halves + i));
  }

  // scores[0..3] of one query against four keys.
  static inline v128_t score4(const float* q, const float* keys, uint32_t width) {
    v128_t a = wasm_f32x4_splat(0), b = a, c = a, d = a;
    for (uint32_t i = 0; i < width; i += 4) {
      const v128_t v = wasm_v128_load(q + i);
      a = madd(v, wasm_v128_load(keys + i), a);
      b = madd(v, wasm_v128_load(keys + width + i), b);
      c = madd(v, wasm_v128_load(keys + 2 * width + i), c);
      d = madd(v, wasm_v128_load(keys + 3 * width + i), d);
    }
    const v128_t ab = wasm_f32x4_add(wasm_i32x4_shuffle(a, b, 0, 4, 1, 5), wasm_i32x4_shuffle(a, b, 2, 6, 3, 7));
    const v128_t cd = wasm_f32x4_add(wasm_i32x4_shuffle(c, d, 0, 4, 1, 5), wasm_i32x4_shuffle(c, d, 2, 6, 3, 7));
    return wasm_f32x4_add(wasm_i64x2_shuffle(ab, cd, 0, 2), wasm_i64x2_shuffle(ab, cd, 1, 3));
  }

  // out[0..width) = out * keep + sum over positions of weight[p] * values[p]
  static inline void accumulate(const float* weights, const float* values, uint32_t positions, uint32_t width, float keep,
                                float* out) {
    const v128_t keeps = wasm_f32x4_splat(keep);
    uint32_t i = 0;
    for (; i + 32 <= width; i += 32) {
      v128_t acc[8];
      CAMELGPT_UNROLL
      for (int j = 0; j < 8; ++j) acc[j] = wasm_f32x4_mul(wasm_v128_load(out + i + 4 * j), keeps);
      for (uint32_t p = 0; p < positions; ++p) {
        const v128_t weight = wasm_v128_load32_splat(weights + p);
        const float* value = values + static_cast<size_t>(p) * width + i;
        CAMELGPT_UNROLL
        for (int j = 0; j < 8; ++j) acc[j] = madd(weight, wasm_v128_load(value + 4 * j), acc[j]);
      }
      CAMELGPT_UNROLL
      for (int j = 0; j < 8; ++j) wasm_v128_store(out + i + 4 * j, acc[j]);
    }
    for (; i < width; i += 4) {
      v128_t acc = wasm_f32x4_mul(wasm_v128_load(out + i), keeps);
      for (uint32_t p = 0; p < positions; ++p) {
        const v128_t value = wasm_v128_load(values + static_cast<size_t>(p) * width + i);
        acc = madd(wasm_v128_load32_splat(weights + p), value, acc);
      }
      wasm_v128_store(out + i, acc);
    }
  }

  static void attend(const AttentionArguments& a) {
    const uint32_t width = a.head_width;
    const uint32_t last = a.position + a.tokens;  // positions that anyone sees
    const uint32_t queries = a.tokens * a.group;
    float* tile = a.scratch;                                    // [kAttentionTile, width]
    float* weights = tile + kAttentionTile * width;             // [queries, kAttentionTile] scores, then their exponentials
    float* maximum = weights + queries * kAttentionTile;        // [queries] of the softmax so far
    float* total = maximum + queries;                           // [queries] of the exponentials so far
    float* keep = total + queries;                              // [queries] by how much the past shrinks in this tile

    for (uint32_t kv = a.kv_head_first; kv < a.kv_head_first + a.kv_head_count; ++kv) {
      const uint16_t* keys = a.keys + static_cast<size_t>(kv) * a.context * width;
      const uint16_t* values = a.values + static_cast<size_t>(kv) * a.context * width;
      for (uint32_t r = 0; r < queries; ++r) {
        maximum[r] = -HUGE_VALF;
        total[r] = 0;
        float* out = a.out + (r / a.group) * a.out_stride + (kv * a.group + r % a.group) * width;
        std::memset(out, 0, width * sizeof(float));
      }
      for (uint32_t start = 0; start < last; start += kAttentionTile) {
        const uint32_t filled = last - start < kAttentionTile ? last - start : kAttentionTile;
        const uint32_t rounded = (filled + 3) / 4 * 4;  // scores come in fours; the padding is masked like the future
        load_tile(keys + static_cast<size_t>(start) * width, filled * width, tile);
        if (rounded != filled) std::memset(tile + filled * width, 0, (rounded - filled) * width * sizeof(float));
        // Tokens before `first` see nothing of this tile.
        const uint32_t first = start > a.position ? start - a.position : 0;
        const v128_t scale = wasm_f32x4_splat(a.scale);
        for (uint32_t r = first * a.group; r < queries; ++r) {
          const uint32_t t = r / a.group;
          const float* q = a.q + t * a.q_stride + (kv * a.group + r % a.group) * width;
          float* row = weights + r * kAttentionTile;
          const uint32_t seen = a.position + t + 1 - start < filled ? a.position + t + 1 - start : filled;
          for (uint32_t p = 0; p < seen; p += 4) {
            wasm_v128_store(row + p, wasm_f32x4_mul(score4(q, tile + p * width, width), scale));
          }
          const uint32_t row_end = (seen + 3) / 4 * 4;
          for (uint32_t p = seen; p < row_end; ++p) row[p] = -HUGE_VALF;
          v128_t highest = wasm_f32x4_splat(maximum[r]);
          for (uint32_t p = 0; p < row_end; p += 4) highest = wasm_f32x4_pmax(highest, wasm_v128_load(row + p));
          const float peak = horizontal_max(highest);
          const v128_t peaks = wasm_f32x4_splat(peak);
          v128_t sum = wasm_f32x4_splat(0);
          for (uint32_t p = 0; p < row_end; p += 4) {
            const v128_t e = exp4(wasm_f32x4_sub(wasm_v128_load(row + p), peaks));
            wasm_v128_store(row + p, e);
            sum = wasm_f32x4_add(sum, e);
          }
          // exp4 has no zero: take the padding out again.
          float padding = 0;
          for (uint32_t p = seen; p < row_end; ++p) padding += row[p];
          const float shrink = start == 0 ? 0.0f : std::exp(maximum[r] - peak);
          maximum[r] = peak;
          keep[r] = shrink;
          total[r] = total[r] * shrink + (horizontal_sum(sum) - padding);
        }
        load_tile(values + static_cast<size_t>(start) * width, filled * width, tile);
        for (uint32_t r = first * a.group; r < queries; ++r) {
          const uint32_t t = r / a.group;
          const uint32_t seen = a.position + t + 1 - start < filled ? a.position + t + 1 - start : filled;
          float* out = a.out + t * a.out_stride + (kv * a.group + r % a.group) * width;
          accumulate(weights + r * kAttentionTile, tile, seen, width, keep[r], out);
        }
      }
      for (uint32_t r = 0; r < queries; ++r) {
        float* out = a.out + (r / a.group) * a.out_stride + (kv * a.group + r % a.group) * width;
        const v128_t inverse = wasm_f32x4_splat(1.0f / total[r]);
        for (uint32_t i = 0; i < width; i += 4) wasm_v128_store(out + i, wasm_f32x4_mul(wasm_v128_load(out + i), inverse));
      }
    }
  }
};

template <class Isa>
constexpr Kernels make_kernels(const char* name) {
  constexpr uint32_t kInputBytes = Isa::NibbleDot::kInputBytes;
  static_assert(kInputBytes == Isa::ByteDot::kInputBytes && kInputBytes == Isa::NibbleTileDot::kInputBytes);
  using Ops = VectorOps<kInputBytes>;
  Kernels table{};
  table.name = name;
  table.quantize = Ops::quantize;
  set_matmuls<Isa>(&table);
  table.rms_norm = Ops::rms_norm;
  table.swiglu = Ops::swiglu;
  table.add = Ops::add;
  table.rope = Ops::rope;
  table.to_half = Ops::to_half;
  table.attend = AttentionKernel::attend;
  table.argmax = Ops::argmax;
  table.sum_exp = Ops::sum_exp;
  return table;
}

}  // namespace camelgpt
