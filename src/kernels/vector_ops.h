// Everything between the matrix products, written once for every instruction set: norm, activation, rope, quantisation,
// half precision, softmax sums.
#pragma once

#include <cmath>
#include <cstring>

#include "kernels/panel_matmul.h"

namespace camelgpt {

inline float horizontal_sum(v128_t v) {
  return (wasm_f32x4_extract_lane(v, 0) + wasm_f32x4_extract_lane(v, 1)) +
         (wasm_f32x4_extract_lane(v, 2) + wasm_f32x4_extract_lane(v, 3));
}

inline float horizontal_max(v128_t v) {
  const float a = wasm_f32x4_extract_lane(v, 0), b = wasm_f32x4_extract_lane(v, 1);
  const float c = wasm_f32x4_extract_lane(v, 2), d = wasm_f32x4_extract_lane(v, 3);
  const float ab = a > b ? a : b, cd = c > d ? c : d;
  return ab > cd ? ab : cd;
}

// e^x to about one unit in the last place: x = n ln 2 + r, polynomial for e^r (coefficients of Cephes' expf), 2^n by bits.
// Below -87.3 (where e^x leaves the normal floats) the result is that of -87.3; above 88.3 that of 88.3.
template <class Isa>
inline v128_t exp4(v128_t x) {
  x = wasm_f32x4_pmax(wasm_f32x4_splat(-87.3f), wasm_f32x4_pmin(wasm_f32x4_splat(88.3f), x));
  const v128_t n = wasm_f32x4_nearest(wasm_f32x4_mul(x, wasm_f32x4_splat(1.44269504f)));
  v128_t r = Isa::Arithmetic::madd(n, wasm_f32x4_splat(-0.693359375f), x);
  r = Isa::Arithmetic::madd(n, wasm_f32x4_splat(2.12194440e-4f), r);
  v128_t p = wasm_f32x4_splat(1.9875691500e-4f);
  p = Isa::Arithmetic::madd(p, r, wasm_f32x4_splat(1.3981999507e-3f));
  p = Isa::Arithmetic::madd(p, r, wasm_f32x4_splat(8.3334519073e-3f));
  p = Isa::Arithmetic::madd(p, r, wasm_f32x4_splat(4.1665795894e-2f));
  p = Isa::Arithmetic::madd(p, r, wasm_f32x4_splat(1.6666665459e-1f));
  p = Isa::Arithmetic::madd(p, r, wasm_f32x4_splat(5.0000001201e-1f));
  p = Isa::Arithmetic::madd(p, wasm_f32x4_mul(r, r), wasm_f32x4_add(r, wasm_f32x4_splat(1.0f)));
  const v128_t exponent = wasm_i32x4_add(wasm_i32x4_trunc_sat_f32x4(n), wasm_i32x4_splat(127));
  return wasm_f32x4_mul(p, wasm_i32x4_shl(exponent, 23));
}

template <class Isa>
struct VectorOps {
  static inline float largest_magnitude(const float* x) {
    v128_t largest = wasm_f32x4_abs(wasm_v128_load(x));
    for (int i = 4; i < 32; i += 4) largest = wasm_f32x4_pmax(largest, wasm_f32x4_abs(wasm_v128_load(x + i)));
    return horizontal_max(largest);
  }

  // One unit: q = round(x * inverse), and where `refine` r = round((x * inverse - q) * 256), both at most 127 in magnitude.
  static inline void quantize_unit(const float* x, float inverse, bool refine, int8_t q[32], int8_t r[32],
                                   int32_t half_sums[2]) {
    const v128_t inverses = wasm_f32x4_splat(inverse);
    for (int h = 0; h < 2; ++h) {
      v128_t coarse[4], fine[4], total = wasm_i32x4_splat(0);
      for (int j = 0; j < 4; ++j) {
        const v128_t scaled = wasm_f32x4_mul(wasm_v128_load(x + h * 16 + j * 4), inverses);
        const v128_t rounded = wasm_f32x4_nearest(scaled);
        coarse[j] = wasm_i32x4_trunc_sat_f32x4(rounded);
        if (refine) {
          const v128_t rest = wasm_f32x4_nearest(wasm_f32x4_mul(wasm_f32x4_sub(scaled, rounded), wasm_f32x4_splat(256.0f)));
          fine[j] = wasm_i32x4_min(wasm_i32x4_trunc_sat_f32x4(rest), wasm_i32x4_splat(127));
          fine[j] = wasm_i32x4_max(fine[j], wasm_i32x4_splat(-127));
          total = wasm_i32x4_add(total, wasm_i32x4_add(wasm_i32x4_shl(coarse[j], 8), fine[j]));
        } else {
          total = wasm_i32x4_add(total, coarse[j]);
        }
      }
      wasm_v128_store(q + h * 16, narrow16(coarse));
      if (refine) wasm_v128_store(r + h * 16, narrow16(fine));
      half_sums[h] = (wasm_i32x4_extract_lane(total, 0) + wasm_i32x4_extract_lane(total, 1)) +
                     (wasm_i32x4_extract_lane(total, 2) + wasm_i32x4_extract_lane(total, 3));
    }
  }

  static inline v128_t narrow16(const v128_t four[4]) {
    return wasm_i8x16_narrow_i16x8(wasm_i16x8_narrow_i32x4(four[0], four[1]), wasm_i16x8_narrow_i32x4(four[2], four[3]));
  }

  // Spreads one token's 32 numbers over its lane of the tile.
  static inline void place(const int8_t q[32], uint32_t tile, uint32_t lane, uint8_t* unit) {
    constexpr uint32_t kInputBytes = Isa::NibbleDot::kInputBytes;
    for (uint32_t k = 0; k < 8; ++k) {
      uint8_t* four = unit + (k * tile + lane) * 4 * kInputBytes;
      if constexpr (kInputBytes == 1) {
        std::memcpy(four, q + 4 * k, 4);
      } else {
        const int16_t wide[4] = {q[4 * k], q[4 * k + 2], q[4 * k + 1], q[4 * k + 3]};
        std::memcpy(four, wide, 8);
      }
    }
  }

  // Layout: tile after tile of tokens; in a tile unit after unit; in a unit eight steps of four columns; in a step the tokens.
  static void quantize(const float* x, size_t stride, uint32_t tokens, Range part, uint32_t columns, float refine_above,
                       Activations* out) {
    constexpr uint32_t kInputBytes = Isa::NibbleDot::kInputBytes;
    static_assert(kInputBytes == Isa::ByteDot::kInputBytes && kInputBytes == Isa::NibbleTileDot::kInputBytes);
    out->tokens = tokens;
    out->columns = columns;
    out->x = x;
    out->stride = stride;
    if (columns % kUnitColumns != 0) return;
    const uint32_t units = columns / kUnitColumns;
    const uint32_t tile = activation_tile(tokens);
    for (uint32_t first = part.first; first < part.end; first += tile) {
      const size_t base = static_cast<size_t>(first) * units;
      const uint32_t valid = tokens - first < tile ? tokens - first : tile;
      float threshold[kTokenTile];  // of the square of a unit's largest magnitude
      for (uint32_t lane = 0; lane < valid; ++lane) {
        double squares = 0;
        for (uint32_t u = 0; u < units; ++u) {
          const float largest = largest_magnitude(x + (first + lane) * stride + u * kUnitColumns);
          out->scales[base + static_cast<size_t>(u) * tile + lane] = largest;
          squares += static_cast<double>(largest * largest);
        }
        threshold[lane] = refine_above * static_cast<float>(squares / units);
      }
      for (uint32_t u = 0; u < units; ++u) {
        const size_t at = base + static_cast<size_t>(u) * tile;
        uint8_t* values = out->values + at * kUnitColumns * kInputBytes;
        uint8_t* remainders = out->remainders + at * kUnitColumns * kInputBytes;
        uint32_t refined = 0;  // a bit for each token
        for (uint32_t lane = 0; lane < valid; ++lane) {
          const float largest = out->scales[at + lane];
          if (largest * largest > threshold[lane]) refined |= 1u << lane;
        }
        out->refined[at / tile] = static_cast<uint8_t>(refined);
        for (uint32_t lane = 0; lane < tile; ++lane) {
          int8_t q[32] = {}, r[32] = {};
          int32_t half_sums[2] = {0, 0};
          float scale = 0;
          if (lane < valid) {
            const float largest = out->scales[at + lane];
            const bool refine = (refined >> lane & 1) != 0;
            quantize_unit(x + (first + lane) * stride + u * kUnitColumns, largest > 0 ? 127.0f / largest : 0.0f, refine, q, r,
                          half_sums);
            scale = largest / 127.0f;
            if (refined != 0) {
              // Powers of two change no digit: the product of a token that is not refined itself stays the same.
              scale *= 0x1p-8f;
              if (!refine) {
                half_sums[0] *= 256;
                half_sums[1] *= 256;
              }
            }
          }
          out->scales[at + lane] = scale;
          out->sums[at + lane] = half_sums[0] + half_sums[1];
          out->half_sums[2 * at + lane] = half_sums[0];
          out->half_sums[2 * at + tile + lane] = half_sums[1];
          place(q, tile, lane, values);
          if (refined != 0) place(r, tile, lane, remainders);
        }
      }
    }
  }

  static void rms_norm(const float* x, const float* weight, uint32_t count, float epsilon, float* y) {
    v128_t sum = wasm_f32x4_splat(0);
    uint32_t i = 0;
    for (; i + 4 <= count; i += 4) {
      const v128_t v = wasm_v128_load(x + i);
      sum = Isa::Arithmetic::madd(v, v, sum);
    }
    float total = horizontal_sum(sum);
    for (; i < count; ++i) total += x[i] * x[i];
    const float factor = 1.0f / std::sqrt(total / static_cast<float>(count) + epsilon);
    const v128_t factors = wasm_f32x4_splat(factor);
    for (i = 0; i + 4 <= count; i += 4) {
      wasm_v128_store(y + i, wasm_f32x4_mul(wasm_f32x4_mul(wasm_v128_load(x + i), factors), wasm_v128_load(weight + i)));
    }
    for (; i < count; ++i) y[i] = x[i] * factor * weight[i];
  }

  static void swiglu(float* gate, const float* up, uint32_t count) {
    uint32_t i = 0;
    for (; i + 4 <= count; i += 4) {
      const v128_t g = wasm_v128_load(gate + i);
      const v128_t denominator = wasm_f32x4_add(wasm_f32x4_splat(1), exp4<Isa>(wasm_f32x4_neg(g)));
      wasm_v128_store(gate + i, wasm_f32x4_mul(wasm_f32x4_div(g, denominator), wasm_v128_load(up + i)));
    }
    for (; i < count; ++i) gate[i] = gate[i] / (1.0f + std::exp(-gate[i])) * up[i];
  }

  static void add(float* y, const float* x, uint32_t count) {
    uint32_t i = 0;
    for (; i + 4 <= count; i += 4) wasm_v128_store(y + i, wasm_f32x4_add(wasm_v128_load(y + i), wasm_v128_load(x + i)));
    for (; i < count; ++i) y[i] += x[i];
  }

  static void rope(float* x, uint32_t heads, uint32_t head_width, uint32_t rotated, const float* cosine, const float* sine) {
    for (uint32_t h = 0; h < heads; ++h, x += head_width) {
      uint32_t i = 0;
      for (; i + 8 <= rotated; i += 8) {  // four pairs
        const v128_t low = wasm_v128_load(x + i), high = wasm_v128_load(x + i + 4);
        const v128_t a = wasm_i32x4_shuffle(low, high, 0, 2, 4, 6), b = wasm_i32x4_shuffle(low, high, 1, 3, 5, 7);
        const v128_t c = wasm_v128_load(cosine + i / 2), s = wasm_v128_load(sine + i / 2);
        const v128_t first = wasm_f32x4_sub(wasm_f32x4_mul(a, c), wasm_f32x4_mul(b, s));
        const v128_t second = wasm_f32x4_add(wasm_f32x4_mul(a, s), wasm_f32x4_mul(b, c));
        wasm_v128_store(x + i, wasm_i32x4_shuffle(first, second, 0, 4, 1, 5));
        wasm_v128_store(x + i + 4, wasm_i32x4_shuffle(first, second, 2, 6, 3, 7));
      }
      for (; i < rotated; i += 2) {
        const float a = x[i], b = x[i + 1];
        x[i] = a * cosine[i / 2] - b * sine[i / 2];
        x[i + 1] = a * sine[i / 2] + b * cosine[i / 2];
      }
    }
  }

  // Rounds to nearest, ties to even. Multiplying by 2^-112 moves the exponent to where a half has it (a float that becomes
  // subnormal thereby is rounded a first time: at most half a unit of the smallest half is lost), then 13 bits are rounded off.
  static void to_half(const float* x, uint32_t count, uint16_t* halves) {
    for (uint32_t i = 0; i < count; i += 4) {
      float part[4] = {};
      const uint32_t n = count - i < 4 ? count - i : 4;
      std::memcpy(part, x + i, n * sizeof(float));
      const v128_t v = wasm_v128_load(part);
      const v128_t sign = wasm_v128_and(wasm_u32x4_shr(v, 16), wasm_i32x4_splat(0x8000));
      const v128_t magnitude = wasm_f32x4_pmin(wasm_f32x4_splat(65504.0f), wasm_f32x4_abs(v));
      const v128_t moved = wasm_f32x4_mul(magnitude, wasm_f32x4_splat(0x1p-112f));
      const v128_t odd = wasm_v128_and(wasm_u32x4_shr(moved, 13), wasm_i32x4_splat(1));
      const v128_t rounded = wasm_i32x4_add(wasm_i32x4_add(moved, odd), wasm_i32x4_splat(0xfff));
      const v128_t result = wasm_v128_or(sign, wasm_u32x4_shr(rounded, 13));
      const v128_t narrow = wasm_u16x8_narrow_i32x4(result, result);
      uint16_t words[8];
      wasm_v128_store(words, narrow);
      std::memcpy(halves + i, words, n * sizeof(uint16_t));
    }
  }

  static uint32_t argmax(const float* x, uint32_t count) {
    v128_t best = wasm_f32x4_splat(-HUGE_VALF);
    uint32_t i = 0;
    for (; i + 4 <= count; i += 4) best = wasm_f32x4_pmax(best, wasm_v128_load(x + i));
    float maximum = horizontal_max(best);
    for (; i < count; ++i) maximum = x[i] > maximum ? x[i] : maximum;
    for (i = 0; i < count; ++i) {
      if (x[i] == maximum) return i;
    }
    return 0;
  }

  static double sum_exp(const float* x, uint32_t count, float maximum) {
    double total = 0;
    const v128_t shift = wasm_f32x4_splat(maximum);
    uint32_t i = 0;
    while (i + 4 <= count) {  // float sums of 1,024 terms, then double
      const uint32_t end = count - i > 1024 ? i + 1024 : i + (count - i) / 4 * 4;
      v128_t sum = wasm_f32x4_splat(0);
      for (; i < end; i += 4) sum = wasm_f32x4_add(sum, exp4<Isa>(wasm_f32x4_sub(wasm_v128_load(x + i), shift)));
      total += static_cast<double>(horizontal_sum(sum));
    }
    for (; i < count; ++i) total += static_cast<double>(std::exp(x[i] - maximum));
    return total;
  }
};

}  // namespace camelgpt
