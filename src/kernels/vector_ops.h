// Vector operations between matrix products, in one implementation for all instruction sets: quantisation, norms,
// activation functions, rope, softmax sums.
#pragma once

#include <cfloat>
#include <cmath>
#include <cstring>

#include "kernels/panel_matmul.h"

namespace camelgpt {

inline float horizontal_sum(v128_t v) {
  return (wasm_f32x4_extract_lane(v, 0) + wasm_f32x4_extract_lane(v, 1)) +
         (wasm_f32x4_extract_lane(v, 2) + wasm_f32x4_extract_lane(v, 3));
}

// Branch-free: the branches would be unpredictable.
inline float horizontal_max(v128_t v) {
  v = wasm_f32x4_pmax(v, wasm_i32x4_shuffle(v, v, 2, 3, 0, 1));
  v = wasm_f32x4_pmax(v, wasm_i32x4_shuffle(v, v, 1, 0, 3, 2));
  return wasm_f32x4_extract_lane(v, 0);
}

// Rounds floats of magnitude below 2^22: adding 1.5 * 2^23 leaves no bits for fractions. Cheaper than WebAssembly's
// conversion, which x86 has no single instruction for.
inline v128_t round_to_i32(v128_t x) {
  const v128_t magic = wasm_f32x4_splat(0x1.8p23f);
  return wasm_i32x4_sub(wasm_f32x4_add(x, magic), magic);
}

inline const volatile float kExpConstants[] = {-87.3f,           88.3f,
                                               1.44269504f,      -0.693359375f,
                                               2.12194440e-4f,   1.9875691500e-4f,
                                               1.3981999507e-3f, 8.3334519073e-3f,
                                               4.1665795894e-2f, 1.6666665459e-1f,
                                               5.0000001201e-1f, 1.0f,
                                               0x1.8p23f};

// e^x to about one unit in the last place: x = n ln 2 + r, a polynomial for e^r (coefficients of Cephes' expf), and 2^n
// added to the exponent bits. x is clamped to [-87.3, 88.3], where e^x is a normal float.
struct Exp {
  static v128_t constant(int i) { return wasm_f32x4_splat(kExpConstants[i]); }
  v128_t lowest = constant(0), highest = constant(1), log2_e = constant(2);
  v128_t minus_ln_2 = constant(3), minus_ln_2_tail = constant(4);
  v128_t c5 = constant(5), c4 = constant(6), c3 = constant(7), c2 = constant(8), c1 = constant(9), c0 = constant(10);
  v128_t one = constant(11), magic = constant(12);

  v128_t operator()(v128_t x) const {
    x = wasm_f32x4_pmax(lowest, wasm_f32x4_pmin(highest, x));
    const v128_t shifted = madd(x, log2_e, magic);  // n in the low bits, see round_to_i32
    const v128_t n = wasm_f32x4_sub(shifted, magic);
    const v128_t r = madd(n, minus_ln_2_tail, madd(n, minus_ln_2, x));
    v128_t p = madd(c5, r, c4);
    p = madd(p, r, c3);
    p = madd(p, r, c2);
    p = madd(p, r, c1);
    p = madd(p, r, c0);
    p = madd(p, wasm_f32x4_mul(r, r), wasm_f32x4_add(r, one));
    return wasm_i32x4_add(p, wasm_i32x4_shl(shifted, 23));  // p * 2^n
  }
};

inline const volatile float kExp2Constants[] = {-126.0f,       0x1.8p23f,     1.3276472e-3f, 9.6755413e-3f,
                                                5.5507133e-2f, 2.4022120e-1f, 6.9314697e-1f, 1.0f};

// 2^x for x <= 0, to about two units in the last place, clamped to 2^-126: 2^n times a minimax polynomial for 2^(x -
// n).
struct Exp2 {
  static v128_t constant(int i) { return wasm_f32x4_splat(kExp2Constants[i]); }
  v128_t lowest = constant(0), magic = constant(1);
  v128_t c5 = constant(2), c4 = constant(3), c3 = constant(4), c2 = constant(5), c1 = constant(6), c0 = constant(7);

  v128_t operator()(v128_t x) const {
    x = wasm_f32x4_pmax(lowest, x);
    const v128_t shifted = wasm_f32x4_add(x, magic);  // n in the low bits, see round_to_i32
    const v128_t r = wasm_f32x4_sub(x, wasm_f32x4_sub(shifted, magic));
    v128_t p = madd(c5, r, c4);
    p = madd(p, r, c3);
    p = madd(p, r, c2);
    p = madd(p, r, c1);
    p = madd(p, r, c0);
    return wasm_i32x4_add(p, wasm_i32x4_shl(shifted, 23));  // p * 2^n
  }
};

// Quantises inputs of matrix products to words, to bytes or to both (see kReadsWords).
template <Precision kPrecision, bool kWords, bool kBytes>
struct Quantizer {
  static constexpr bool kExact = kPrecision == Precision::k8;
  static constexpr uint32_t kUnitBytes = kInputBytes<PackedDot, kPrecision>;  // of Activations::bytes
  static constexpr float kLimit = static_cast<float>(max_quant(kPrecision));

  // The quants of non-finite inputs are meaningless, but adding them must not be undefined behaviour.
  static inline int32_t wrapping_add(int32_t a, int32_t b) {
    return static_cast<int32_t>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
  }

  // 16 quants and their sum.
  struct Sixteen {
    v128_t words[2];
    int32_t sum;
  };

  static inline Sixteen round16(const float* x, v128_t factor) {
    v128_t quads[4];
    for (int j = 0; j < 4; ++j) quads[j] = round_to_i32(wasm_f32x4_mul(wasm_v128_load(x + j * 4), factor));
    const v128_t sum = wasm_i32x4_add(wasm_i32x4_add(quads[0], quads[1]), wasm_i32x4_add(quads[2], quads[3]));
    return {{wasm_i16x8_narrow_i32x4(quads[0], quads[1]), wasm_i16x8_narrow_i32x4(quads[2], quads[3])},
            wrapping_add(wrapping_add(wasm_i32x4_extract_lane(sum, 0), wasm_i32x4_extract_lane(sum, 1)),
                         wrapping_add(wasm_i32x4_extract_lane(sum, 2), wasm_i32x4_extract_lane(sum, 3)))};
  }

  // Writes the low bytes of 16 words as four steps of four columns, `stride` bytes apart.
  static inline void store_bytes(const v128_t words[2], uint32_t stride, uint8_t* out) {
    const v128_t low = wasm_i32x4_splat(0x00ff00ff);
    const v128_t bytes = wasm_u8x16_narrow_i16x8(wasm_v128_and(words[0], low), wasm_v128_and(words[1], low));
    wasm_v128_store32_lane(out, bytes, 0);
    wasm_v128_store32_lane(out + stride, bytes, 1);
    wasm_v128_store32_lane(out + 2 * stride, bytes, 2);
    wasm_v128_store32_lane(out + 3 * stride, bytes, 3);
  }

  // Writes 16 quants (half `half` of a unit) of token `lane` in steps of four columns. `at`: units before the tile's
  // one.
  static inline void store_quants(const v128_t words[2], uint32_t tile, uint32_t lane, uint32_t half, size_t at,
                                  const Activations& out) {
    if constexpr (kWords) {
      uint8_t* to = out.words + at * kUnitColumns * 2 + half * 32 * tile + lane * 8;
      for (int h = 0; h < 2; ++h) {
        const v128_t order = wasm_i16x8_shuffle(words[h], words[h], 0, 2, 1, 3, 4, 6, 5, 7);
        wasm_v128_store64_lane(to + 2 * h * tile * 8, order, 0);
        wasm_v128_store64_lane(to + (2 * h + 1) * tile * 8, order, 1);
      }
    }
    if constexpr (kBytes) {
      uint8_t* to = out.bytes + at * kUnitBytes + half * 16 * tile + lane * 4;
      if constexpr (kPrecision == Precision::k16) {
        const v128_t rounding = wasm_i16x8_splat(128);
        const v128_t high[2] = {wasm_i16x8_shr(wasm_i16x8_add(words[0], rounding), 8),
                                wasm_i16x8_shr(wasm_i16x8_add(words[1], rounding), 8)};
        store_bytes(high, tile * 4, to);
        to += tile * kUnitColumns;
      }
      store_bytes(words, tile * 4, to);
    }
  }

  // The two largest of the numbers seen so far, in each lane.
  struct TwoLargest {
    v128_t largest, second;
    void add(const TwoLargest& other) {
      second = wasm_f32x4_pmax(wasm_f32x4_pmax(second, other.second), wasm_f32x4_pmin(largest, other.largest));
      largest = wasm_f32x4_pmax(largest, other.largest);
    }
  };

  static inline void store_exact(const ExactColumn& exact, uint32_t tile, uint32_t lane, size_t at,
                                 const Activations& out) {
    const uint8_t* words = reinterpret_cast<const uint8_t*>(&exact);
    uint8_t* to = out.bytes + at * kUnitBytes + (tile * 8 + lane) * 4;
    for (uint32_t i = 0; i < ExactColumn::kWords; ++i, to += tile * 4) std::memcpy(to, words + 4 * i, 4);
  }

  // Moves the first of the largest values of a unit from the bytes to an ExactColumn.
  static inline void move_largest(const float* x, v128_t largest, v128_t factor, uint32_t tile, uint32_t lane,
                                  size_t at, const Activations& out) {
    v128_t equal[8];  // which columns are the largest
    for (int i = 0; i < 8; ++i) equal[i] = wasm_f32x4_eq(wasm_f32x4_abs(wasm_v128_load(x + i * 4)), largest);
    const auto sixteen = [](const v128_t from[4]) {
      return wasm_i8x16_bitmask(wasm_i8x16_narrow_i16x8(wasm_i16x8_narrow_i32x4(from[0], from[1]),
                                                        wasm_i16x8_narrow_i32x4(from[2], from[3])));
    };
    // None are if they are not numbers.
    const uint32_t bits = static_cast<uint32_t>(sixteen(equal)) | static_cast<uint32_t>(sixteen(equal + 4)) << 16;
    const uint32_t column = bits == 0 ? 0 : static_cast<uint32_t>(__builtin_ctz(bits));
    const int32_t quant =
        wasm_i32x4_extract_lane(round_to_i32(wasm_f32x4_mul(wasm_v128_load32_splat(x + column), factor)), 0);
    out.bytes[at * kUnitBytes + (column / 4 * tile + lane) * 4 + column % 4] = 0;
    store_exact(exact_column(column, quant), tile, lane, at, out);
  }

  // Quantises one unit of token `lane` of a tile. `first`: index of the tile's first scale of this unit. The half sums
  // start at twice this index; those of the second half are `tile` further.
  static inline void unit(const float* x, uint32_t tile, uint32_t lane, size_t first, const Activations& out) {
    const size_t at = first + lane, half_at = 2 * first + lane;
    TwoLargest four{wasm_f32x4_abs(wasm_v128_load(x)), wasm_f32x4_splat(0)};
    for (int i = 4; i < 32; i += 4) four.add({wasm_f32x4_abs(wasm_v128_load(x + i)), wasm_f32x4_splat(0)});
    four.add({wasm_i32x4_shuffle(four.largest, four.largest, 2, 3, 0, 1),
              wasm_i32x4_shuffle(four.second, four.second, 2, 3, 0, 1)});
    four.add({wasm_i32x4_shuffle(four.largest, four.largest, 1, 0, 3, 2),
              wasm_i32x4_shuffle(four.second, four.second, 1, 0, 3, 2)});
    const float range =
        unit_range(kPrecision, wasm_f32x4_extract_lane(four.largest, 0), wasm_f32x4_extract_lane(four.second, 0));
    const v128_t inverse = wasm_f32x4_splat(range > kMinQuantRange ? kLimit / range : 0.0f);
    const float scale = range / kLimit;
    int32_t sums[2];
    for (int h = 0; h < 2; ++h) {
      const Sixteen quants = round16(x + h * 16, inverse);
      store_quants(quants.words, tile, lane, static_cast<uint32_t>(h), first, out);
      sums[h] = quants.sum;
      out.half_sums[half_at + h * tile] = sums[h];
      out.half_totals[half_at + h * tile] = static_cast<float>(sums[h]) * scale;
    }
    if constexpr (kExact && kBytes) move_largest(x, four.largest, inverse, tile, lane, first, out);
    out.scales[at] = scale;
    out.sums[at] = wrapping_add(sums[0], sums[1]);
    out.totals[at] = static_cast<float>(out.sums[at]) * scale;
  }

  // Layout: [tiles][units][8 steps][tokens of the tile][4 columns]. Lanes of the last tile without a token keep their
  // old contents, since their products are not stored, except for their exact columns: those contain offsets.
  static void run(Range slice, const Activations& out) {
    const uint32_t units = out.columns / kUnitColumns;
    const uint32_t tile = activation_tile(out.tokens);
    for (uint32_t first = slice.first; first < slice.end; first += tile) {
      const uint32_t valid = out.tokens - first < tile ? out.tokens - first : tile;
      for (uint32_t u = 0; u < units; ++u) {
        const size_t at = static_cast<size_t>(first) * units + static_cast<size_t>(u) * tile;
        const float* x = out.x + first * out.stride + u * kUnitColumns;
        for (uint32_t lane = 0; lane < valid; ++lane) unit(x + lane * out.stride, tile, lane, at, out);
        if constexpr (kExact && kBytes) {
          for (uint32_t lane = valid; lane < tile; ++lane) store_exact({}, tile, lane, at, out);
        }
      }
    }
  }
};

// Quantises in the formats that these dots read.
template <Precision kPrecision, class... Dots>
void quantize_for(Range slice, const Activations& out) {
  Quantizer<kPrecision, (kReadsWords<Dots> || ...), (!kReadsWords<Dots> || ...)>::run(slice, out);
}

template <class Isa>
void quantize(Range slice, const Activations& out) {
  if (out.columns % kUnitColumns != 0) return;
  const bool one = out.tokens == 1;
  if (out.precision == Precision::k8) {
    return one ? quantize_for<Precision::k8, typename Isa::Nibble, WideDot>(slice, out)
               : quantize_for<Precision::k8, typename Isa::NibbleTile, WideDot>(slice, out);
  }
  quantize_for<Precision::k16, typename Isa::Byte>(slice, out);
}

struct VectorOps {
  static void rms_norm(const float* x, const float* weight, uint32_t count, float epsilon, float* y) {
    v128_t sum = wasm_f32x4_splat(0);
    uint32_t i = 0;
    for (; i + 4 <= count; i += 4) {
      const v128_t v = wasm_v128_load(x + i);
      sum = madd(v, v, sum);
    }
    float total = horizontal_sum(sum);
    for (; i < count; ++i) total += x[i] * x[i];
    const float factor = 1.0f / std::sqrt(total / static_cast<float>(count) + epsilon);
    const v128_t factors = wasm_f32x4_splat(factor);
    for (i = 0; i + 4 <= count; i += 4) {
      wasm_v128_store(y + i,
                      wasm_f32x4_mul(wasm_f32x4_mul(wasm_v128_load(x + i), factors), wasm_v128_load(weight + i)));
    }
    for (; i < count; ++i) y[i] = x[i] * factor * weight[i];
  }

  static void layer_norm(const float* x, const float* weight, const float* bias, uint32_t count, float epsilon,
                         float* y) {
    v128_t sum = wasm_f32x4_splat(0);
    uint32_t i = 0;
    for (; i + 4 <= count; i += 4) sum = wasm_f32x4_add(sum, wasm_v128_load(x + i));
    float total = horizontal_sum(sum);
    for (; i < count; ++i) total += x[i];
    const float mean = total / static_cast<float>(count);
    const v128_t means = wasm_f32x4_splat(mean);
    sum = wasm_f32x4_splat(0);
    for (i = 0; i + 4 <= count; i += 4) {
      const v128_t v = wasm_f32x4_sub(wasm_v128_load(x + i), means);
      sum = madd(v, v, sum);
    }
    float squares = horizontal_sum(sum);
    for (; i < count; ++i) squares += (x[i] - mean) * (x[i] - mean);
    const float factor = 1.0f / std::sqrt(squares / static_cast<float>(count) + epsilon);
    const v128_t factors = wasm_f32x4_splat(factor);
    for (i = 0; i + 4 <= count; i += 4) {
      const v128_t v = wasm_f32x4_mul(wasm_f32x4_sub(wasm_v128_load(x + i), means), factors);
      const v128_t shift = bias != nullptr ? wasm_v128_load(bias + i) : wasm_f32x4_splat(0);
      wasm_v128_store(y + i, madd(v, wasm_v128_load(weight + i), shift));
    }
    for (; i < count; ++i) y[i] = (x[i] - mean) * factor * weight[i] + (bias != nullptr ? bias[i] : 0);
  }

  static void swiglu(float* gate, const float* up, uint32_t count) {
    const Exp exp;
    uint32_t i = 0;
    for (; i + 4 <= count; i += 4) {
      const v128_t g = wasm_v128_load(gate + i);
      const v128_t denominator = wasm_f32x4_add(wasm_f32x4_splat(1), exp(wasm_f32x4_neg(g)));
      wasm_v128_store(gate + i, wasm_f32x4_mul(wasm_f32x4_div(g, denominator), wasm_v128_load(up + i)));
    }
    for (; i < count; ++i) gate[i] = gate[i] / (1.0f + std::exp(-gate[i])) * up[i];
  }

  // tanh(x) = 1 - 2 / (e^2x + 1)
  static v128_t tanh4(const Exp& exp, v128_t x) {
    const v128_t one = wasm_f32x4_splat(1);
    return wasm_f32x4_sub(one, wasm_f32x4_div(wasm_f32x4_splat(2), wasm_f32x4_add(exp(wasm_f32x4_add(x, x)), one)));
  }

  static v128_t gelu4(const Exp& exp, v128_t x) {
    const v128_t cubic = wasm_f32x4_mul(wasm_f32x4_mul(x, x), wasm_f32x4_mul(x, wasm_f32x4_splat(0.044715f)));
    const v128_t inner = wasm_f32x4_mul(wasm_f32x4_splat(0.79788456f), wasm_f32x4_add(x, cubic));  // sqrt(2 / pi)
    const v128_t half = wasm_f32x4_mul(x, wasm_f32x4_splat(0.5f));
    return madd(half, tanh4(exp, inner), half);
  }

  static void geglu(float* gate, const float* up, uint32_t count) {
    const Exp exp;
    uint32_t i = 0;
    for (; i + 4 <= count; i += 4) {
      const v128_t value = gelu4(exp, wasm_v128_load(gate + i));
      wasm_v128_store(gate + i, up != nullptr ? wasm_f32x4_mul(value, wasm_v128_load(up + i)) : value);
    }
    for (; i < count; ++i)
      gate[i] = 0.5f * gate[i] * (1 + std::tanh(0.79788456f * (gate[i] + 0.044715f * gate[i] * gate[i] * gate[i]))) *
                (up != nullptr ? up[i] : 1);
  }

  __attribute__((noinline)) static void softcap(float* x, uint32_t count, float cap) {
    const Exp exp;
    const v128_t caps = wasm_f32x4_splat(cap), inverse = wasm_f32x4_splat(1 / cap);
    uint32_t i = 0;
    for (; i + 4 <= count; i += 4) {
      wasm_v128_store(x + i, wasm_f32x4_mul(caps, tanh4(exp, wasm_f32x4_mul(wasm_v128_load(x + i), inverse))));
    }
    for (; i < count; ++i) x[i] = cap * std::tanh(x[i] / cap);
  }

  // Four at a time and branch-free: the branches would be unpredictable.
  static uint32_t list_positive(const float* x, uint32_t count, uint32_t* list) {
    static const volatile uint32_t kZero = 0;
    alignas(16) static constexpr uint8_t kPositions[16][4] = {
        {0}, {0},    {1},    {0, 1},    {2},    {0, 2},    {1, 2},    {0, 1, 2},
        {3}, {0, 3}, {1, 3}, {0, 1, 3}, {2, 3}, {0, 2, 3}, {1, 2, 3}, {0, 1, 2, 3}};
    const v128_t zero = opaque_splat_i32(kZero);
    uint32_t listed = 0, i = 0;  // entries in the list, values seen
    for (; i + 4 <= count; i += 4) {
      const uint32_t mask = wasm_i32x4_bitmask(wasm_f32x4_gt(wasm_v128_load(x + i), zero));
      const v128_t bytes = wasm_v128_load32_zero(kPositions[mask]);
      const v128_t positions = wasm_u32x4_extend_low_u16x8(wasm_u16x8_extend_low_u8x16(bytes));
      wasm_v128_store(list + listed, wasm_i32x4_add(positions, wasm_i32x4_splat(static_cast<int32_t>(i))));
      listed += static_cast<uint32_t>(__builtin_popcount(mask));
    }
    for (; i < count; ++i) {
      list[listed] = i;
      listed += x[i] > 0 ? 1 : 0;
    }
    return listed;
  }

  static void reglu(float* gate, const float* up, uint32_t count, bool squared) {
    const v128_t zero = wasm_f32x4_splat(0);
    uint32_t i = 0;
    for (; i + 4 <= count; i += 4) {
      const v128_t g = wasm_v128_load(gate + i);
      const v128_t value = wasm_f32x4_mul(squared ? wasm_f32x4_mul(g, g) : g, wasm_v128_load(up + i));
      wasm_v128_store(gate + i, wasm_v128_and(value, wasm_f32x4_gt(g, zero)));
    }
    for (; i < count; ++i) gate[i] = gate[i] > 0 ? (squared ? gate[i] * gate[i] : gate[i]) * up[i] : 0.0f;
  }

  static void add(float* y, const float* x, uint32_t count) {
    uint32_t i = 0;
    for (; i + 4 <= count; i += 4) wasm_v128_store(y + i, wasm_f32x4_add(wasm_v128_load(y + i), wasm_v128_load(x + i)));
    for (; i < count; ++i) y[i] += x[i];
  }

  static void rope(float* x, uint32_t heads, uint32_t head_width, uint32_t rotated, const float* cosine,
                   const float* sine) {
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

  static void rope_halves(float* x, uint32_t heads, uint32_t head_width, uint32_t rotated, const float* cosine,
                          const float* sine) {
    const uint32_t half = rotated / 2;
    for (uint32_t h = 0; h < heads; ++h, x += head_width) {
      uint32_t i = 0;
      for (; i + 4 <= half; i += 4) {
        const v128_t a = wasm_v128_load(x + i), b = wasm_v128_load(x + half + i);
        const v128_t c = wasm_v128_load(cosine + i), s = wasm_v128_load(sine + i);
        wasm_v128_store(x + i, wasm_f32x4_sub(wasm_f32x4_mul(a, c), wasm_f32x4_mul(b, s)));
        wasm_v128_store(x + half + i, wasm_f32x4_add(wasm_f32x4_mul(a, s), wasm_f32x4_mul(b, c)));
      }
      for (; i < half; ++i) {
        const float a = x[i], b = x[half + i];
        x[i] = a * cosine[i] - b * sine[i];
        x[half + i] = a * sine[i] + b * cosine[i];
      }
    }
  }

  static float round_row(const float* x, uint32_t count, RowLimits limits, int16_t* out) {
    v128_t largest4 = wasm_f32x4_splat(0), squares = wasm_f32x4_splat(0);
    for (uint32_t i = 0; i < count; i += 4) largest4 = wasm_f32x4_pmax(largest4, wasm_f32x4_abs(wasm_v128_load(x + i)));
    const float largest = std::fmin(horizontal_max(largest4), FLT_MAX);
    if (!(largest > kMinQuantRange)) {
      std::memset(out, 0, count * sizeof *out);
      return 0;
    }
    const v128_t inverse_largest = wasm_f32x4_splat(1.0f / largest);  // keeps the squares from overflowing
    for (uint32_t i = 0; i < count; i += 4) {
      const v128_t v = wasm_f32x4_mul(wasm_v128_load(x + i), inverse_largest);
      squares = madd(v, v, squares);
    }
    const float norm = std::sqrt(horizontal_sum(squares));
    const float steps = std::fmin(limits.magnitude, limits.norm / norm);  // quant of the largest magnitude
    const v128_t inverse = wasm_f32x4_splat(steps / largest);
    for (uint32_t i = 0; i < count; i += 8) {
      v128_t quads[2];
      for (int j = 0; j < 2; ++j) quads[j] = round_to_i32(wasm_f32x4_mul(wasm_v128_load(x + i + 4 * j), inverse));
      wasm_v128_store(out + i, wasm_i16x8_narrow_i32x4(quads[0], quads[1]));
    }
    return largest / steps;
  }

  static uint32_t argmax(const float* x, uint32_t count) {
    constexpr uint32_t kStep = 16;
    v128_t best[4];
    for (v128_t& each : best) each = wasm_f32x4_splat(-HUGE_VALF);
    uint32_t i = 0;
    for (; i + kStep <= count; i += kStep) {
      for (uint32_t v = 0; v < 4; ++v) best[v] = wasm_f32x4_pmax(best[v], wasm_v128_load(x + i + 4 * v));
    }
    float maximum =
        horizontal_max(wasm_f32x4_pmax(wasm_f32x4_pmax(best[0], best[1]), wasm_f32x4_pmax(best[2], best[3])));
    for (; i < count; ++i) maximum = x[i] > maximum ? x[i] : maximum;
    const v128_t wanted = wasm_f32x4_splat(maximum);
    for (i = 0; i + kStep <= count; i += kStep) {
      const auto equal = [&](uint32_t v) { return wasm_f32x4_eq(wasm_v128_load(x + i + 4 * v), wanted); };
      if (wasm_v128_any_true(wasm_v128_or(wasm_v128_or(equal(0), equal(1)), wasm_v128_or(equal(2), equal(3))))) break;
    }
    for (; i < count; ++i) {
      if (x[i] == maximum) return i;
    }
    return 0;
  }

  static double sum_exp(const float* x, uint32_t count, float maximum) {
    const Exp exp;
    double total = 0;
    const v128_t shift = wasm_f32x4_splat(maximum);
    uint32_t i = 0;
    while (i + 4 <= count) {  // float sums of 1,024 terms, added as doubles
      const uint32_t end = count - i > 1024 ? i + 1024 : i + (count - i) / 4 * 4;
      v128_t sum = wasm_f32x4_splat(0);
      for (; i < end; i += 4) sum = wasm_f32x4_add(sum, exp(wasm_f32x4_sub(wasm_v128_load(x + i), shift)));
      total += static_cast<double>(horizontal_sum(sum));
    }
    for (; i < count; ++i) total += static_cast<double>(std::exp(x[i] - maximum));
    return total;
  }

  static uint32_t select_above(float* x, uint32_t count, float threshold, float shift, uint32_t* list) {
    const v128_t thresholds = wasm_f32x4_splat(threshold), shifts = wasm_f32x4_splat(shift);
    uint32_t selected = 0, i = 0;
    for (; i + 4 <= count; i += 4) {
      const v128_t v = wasm_v128_load(x + i), above = wasm_f32x4_ge(v, thresholds);
      wasm_v128_store(x + i, wasm_v128_bitselect(v, wasm_f32x4_add(v, shifts), above));
      for (uint32_t bits = wasm_i32x4_bitmask(above); bits != 0; bits &= bits - 1) {
        list[selected++] = i + static_cast<uint32_t>(__builtin_ctz(bits));
      }
    }
    for (; i < count; ++i) {
      if (x[i] >= threshold) {
        list[selected++] = i;
      } else {
        x[i] += shift;
      }
    }
    return selected;
  }
};

}  // namespace camelgpt
