// One token and a list of neurons that fired → products with those rows or columns of a neuron panel
// (quant/neuron_panel.h), in one implementation for all instruction sets.
//
// As in products of whole panels (panel_matmul.h), sums within a unit of 32 columns are integers and sums over units
// are floats. Results are bit-identical, since a column whose input is zero adds nothing.
#pragma once

#include <algorithm>
#include <cstring>

#include "kernels/panel_matmul.h"

namespace camelgpt {

// Transposes four vectors of four numbers.
inline void transpose4(v128_t x[4]) {
  const v128_t a = wasm_i32x4_shuffle(x[0], x[1], 0, 4, 1, 5), b = wasm_i32x4_shuffle(x[0], x[1], 2, 6, 3, 7);
  const v128_t c = wasm_i32x4_shuffle(x[2], x[3], 0, 4, 1, 5), d = wasm_i32x4_shuffle(x[2], x[3], 2, 6, 3, 7);
  x[0] = wasm_i64x2_shuffle(a, c, 0, 2);
  x[1] = wasm_i64x2_shuffle(a, c, 1, 3);
  x[2] = wasm_i64x2_shuffle(b, d, 0, 2);
  x[3] = wasm_i64x2_shuffle(b, d, 1, 3);
}

// The sum of the lanes of each of four vectors.
inline v128_t add_lanes4(const v128_t x[4]) {
  const auto halves = [](v128_t a, v128_t b) {
    return wasm_i32x4_add(wasm_i32x4_shuffle(a, b, 0, 4, 1, 5), wasm_i32x4_shuffle(a, b, 2, 6, 3, 7));
  };
  const v128_t a = halves(x[0], x[1]), b = halves(x[2], x[3]);
  return wasm_i32x4_add(wasm_i64x2_shuffle(a, b, 0, 2), wasm_i64x2_shuffle(a, b, 1, 3));
}

// Prefetches the runs of listed neurons in bursts. The hardware prefetcher predicts neither the next run nor the
// continuation of four runs read in parallel, but many cache misses can be in flight together.
class RunPrefetcher {
 public:
  // `bytes` bytes of each run are read.
  explicit RunPrefetcher(size_t bytes)
      : bytes_(bytes), neurons_((kBytes / std::max<size_t>(bytes, 1) + kTogether - 1) / kTogether * kTogether) {}

  // Call it before reading list[i] to list[i + 3], for ascending i. `address` tells where the run of a neuron begins.
  template <class Address>
  inline void fetch(std::span<const uint32_t> list, size_t i, const Address& address) {
    if (i >= fetched_) fetch_burst(list, i, address);
  }

 private:
  static constexpr size_t kBytes = 8192;  // per burst
  static constexpr size_t kTogether = 4;  // runs

  template <class Address>
  __attribute__((noinline)) void fetch_burst(std::span<const uint32_t> list, size_t i, const Address& address) {
    fetched_ = std::min(i + neurons_, list.size());
    for (; i < fetched_; ++i) {
      const uint8_t* p = address(list[i]);
      for (size_t at = 0; at < bytes_; at += 64) touch(p[at]);
      touch(p[bytes_ - 1]);
    }
  }

  // Keeps a load, by itself: vectors of loaded bytes take longer.
  static void touch(uint8_t byte) { asm volatile("" : : "r"(byte)); }

  size_t bytes_, neurons_, fetched_ = 0;
};

// The quantised input of a single token, as a dot reads it. In bytes, 16-bit quants are two planes
// per unit: the high bytes, then the low ones.
template <class Dot, Precision kPrecision>
struct TokenUnits {
  static constexpr int kPlanes = !kReadsWords<Dot> && kPrecision == Precision::k16 ? 2 : 1;
  static constexpr bool kExact = !kReadsWords<Dot> && kPrecision == Precision::k8;
  static constexpr uint32_t kBytes = kInputBytes<Dot, kPrecision>;  // per unit

  static const uint8_t* of(const Activations& input, uint32_t unit) {
    return (kReadsWords<Dot> ? input.words : input.bytes) + static_cast<size_t>(unit) * kBytes;
  }
  // The quant of a column of a unit.
  static int16_t quant(const uint8_t* unit, uint32_t column) {
    const auto byte = [unit](uint32_t at) { return static_cast<int8_t>(unit[at]); };
    if constexpr (kReadsWords<Dot>) {
      constexpr uint8_t order[4] = {0, 2, 1, 3};
      int16_t word;
      std::memcpy(&word, unit + (column / 4 * 4 + order[column % 4]) * 2, sizeof word);
      return word;
    } else if constexpr (kPlanes == 2) {
      return static_cast<int16_t>(byte(column) * 256 + byte(kUnitColumns + column));
    } else {
      ExactColumn exact;
      std::memcpy(&exact, unit + kUnitColumns, sizeof exact);
      if (exact.place >> 16 == column) return static_cast<int16_t>(exact.quant[0] >> (column & 2) * 8);
      return byte(column);
    }
  }
};

// Products of rows of bytes or nibbles.
template <class Dot, Precision kPrecision, PanelKind kKind>
struct RowProducts {
  static constexpr PanelLayout kLayout = panel_layout(kKind);
  static constexpr int kOffsetShift = __builtin_ctz(kLayout.offset);
  using Units = TokenUnits<Dot, kPrecision>;
  static constexpr int kPlanes = Units::kPlanes;
  using Weights = typename Dot::Weights;

  // Combines the sums of the planes.
  static inline v128_t join(const Dot& dot, const typename Dot::Sum sums[kPlanes]) {
    if constexpr (kPlanes == 2) return wasm_i32x4_add(wasm_i32x4_shl(dot.total(sums[0]), 8), dot.total(sums[1]));
    return dot.total(sums[0]);
  }

  // The products of four rows, given the start of their values and of their scales.
  static v128_t four_rows(const uint8_t* const values[4], const uint8_t* const scales[4], const Activations& input) {
    constexpr uint32_t kBytes = kLayout.nibbles ? 16 : 32;  // of values per unit
    const Dot dot;
    const HalfConverter half;
    const uint32_t units = input.columns / kUnitColumns;
    const uint8_t* inputs = Units::of(input, 0);
    v128_t acc = wasm_f32x4_splat(0);
    for (uint32_t u = 0; u < units; ++u, inputs += Units::kBytes) {
      typename Dot::Input x[kPlanes][2];
      for (int plane = 0; plane < kPlanes; ++plane) {
        for (int h = 0; h < 2; ++h) {
          x[plane][h] = dot.load16(inputs + plane * kUnitColumns + h * 16 * Dot::kColumnBytes);
        }
      }
      v128_t totals[4];
      CAMELGPT_UNROLL
      for (int r = 0; r < 4; ++r) {
        const uint8_t* p = values[r] + u * kBytes;
        Weights weights[2];
        if constexpr (kLayout.nibbles) {
          const v128_t both = wasm_v128_load(p);
          weights[0] = dot.low(both);
          weights[1] = dot.high(both);
        } else {
          weights[0] = dot.byte(wasm_v128_load(p));
          weights[1] = dot.byte(wasm_v128_load(p + 16));
        }
        typename Dot::Sum sums[kPlanes];
        for (int plane = 0; plane < kPlanes; ++plane) {
          sums[plane] = dot.add(dot.add(Dot::zero(), x[plane][0], weights[0]), x[plane][1], weights[1]);
        }
        totals[r] = join(dot, sums);
      }
      v128_t total = add_lanes4(totals);
      if constexpr (Units::kExact) {
        static_assert(kLayout.nibbles);
        const uint8_t* exact = inputs + kUnitColumns;
        const size_t step = u * kBytes + load_half(exact + ExactColumn::kPlace * 4) / size_t{kPanelRows};
        v128_t words = wasm_v128_load32_splat(values[0] + step);
        words = wasm_v128_load32_lane(values[1] + step, words, 1);
        words = wasm_v128_load32_lane(values[2] + step, words, 2);
        words = wasm_v128_load32_lane(values[3] + step, words, 3);
        total = wasm_i32x4_add(total, dot_exact(words, wasm_v128_load32_splat(exact),
                                                wasm_v128_load32_splat(exact + ExactColumn::kQuant * 4)));
      }
      v128_t halves = wasm_v128_load16_splat(scales[0] + 2 * u);
      halves = wasm_v128_load16_lane(scales[1] + 2 * u, halves, 1);
      halves = wasm_v128_load16_lane(scales[2] + 2 * u, halves, 2);
      halves = wasm_v128_load16_lane(scales[3] + 2 * u, halves, 3);
      const v128_t offset = wasm_i32x4_shl(wasm_v128_load32_splat(input.sums + u), kOffsetShift);
      const v128_t scale =
          wasm_f32x4_mul(half.convert(wasm_i32x4_extend_low_i16x8(halves)), wasm_v128_load32_splat(input.scales + u));
      acc = madd(wasm_f32x4_convert_i32x4(wasm_i32x4_sub(total, offset)), scale, acc);
    }
    return acc;
  }

  static void run(const Panel& panel, std::span<const uint32_t> list, const Activations& input, float* y) {
    const RowOffsets offsets(panel);
    const auto values_of = [&](uint32_t row) { return panel.data + offsets.values(row); };
    const auto scales_of = [&](uint32_t row) { return panel.data + offsets.scales(row); };
    RunPrefetcher prefetcher(offsets.run_bytes()), scale_prefetcher(offsets.scale_run_bytes());
    for (size_t i = 0; i < list.size(); i += 4) {
      const size_t valid = std::min<size_t>(4, list.size() - i);
      const uint8_t* values[4];
      const uint8_t* scales[4];
      for (size_t r = 0; r < 4; ++r) {
        const uint32_t row = list[i + std::min(r, valid - 1)];
        values[r] = values_of(row);
        scales[r] = scales_of(row);
      }
      scale_prefetcher.fetch(list, i, scales_of);
      prefetcher.fetch(list, i, values_of);
      alignas(16) float products[4];
      wasm_v128_store(products, four_rows(values, scales, input));
      std::memcpy(y + i, products, valid * sizeof(float));
    }
  }
};

// Products of columns of bytes or nibbles, two columns at a time: every instruction set multiplies pairs of 16-bit
// numbers and adds the products.
template <class Dot, Precision kPrecision, PanelKind kKind>
struct ColumnProducts {
  static constexpr bool kNibbles = panel_layout(kKind).nibbles;
  static constexpr int kOffsetShift = 3;                 // nibbles have an offset of 8; bytes are signed here
  static constexpr uint32_t kRows = kNibbles ? 32 : 16;  // per 16 bytes of a column
  using Units = TokenUnits<Dot, kPrecision>;

  // The columns of a unit whose neurons fired: start of the values, and input.
  struct UnitColumns {
    uint32_t count = 0;
    const uint8_t* values[kUnitColumns];
    int16_t inputs[kUnitColumns];

    void add(const uint8_t* at, int16_t input) {
      values[count] = at;
      inputs[count++] = input;
    }
  };

  // sums += a pair of columns, interleaved byte by byte, times their inputs.
  static inline void add_pair(v128_t low, v128_t high, v128_t pair, v128_t sums[4]) {
    sums[0] = wasm_i32x4_add(sums[0], wasm_i32x4_dot_i16x8(wasm_i16x8_extend_low_i8x16(low), pair));
    sums[1] = wasm_i32x4_add(sums[1], wasm_i32x4_dot_i16x8(wasm_i16x8_extend_high_i8x16(low), pair));
    sums[2] = wasm_i32x4_add(sums[2], wasm_i32x4_dot_i16x8(wasm_i16x8_extend_low_i8x16(high), pair));
    sums[3] = wasm_i32x4_add(sums[3], wasm_i32x4_dot_i16x8(wasm_i16x8_extend_high_i8x16(high), pair));
  }

  // y += the columns of a unit times their inputs, for a multiple of kRows rows.
  __attribute__((noinline)) static void add_unit(const UnitColumns& unit, Range rows, const uint8_t* scales,
                                                 float input_scale, int32_t input_sum, float* y) {
    constexpr int kVectors = kRows / 4;
    const HalfConverter half;
    const v128_t nibbles = opaque_splat_i32(kWordNibbles), input_scales = wasm_f32x4_splat(input_scale);
    const v128_t offset = wasm_i32x4_splat(-(input_sum << kOffsetShift));
    for (uint32_t row = rows.first; row < rows.end; row += kRows) {
      const size_t at = kNibbles ? row / 2 : row;
      v128_t sums[kVectors];
      CAMELGPT_UNROLL
      for (int v = 0; v < kVectors; ++v) sums[v] = kNibbles ? offset : wasm_i32x4_splat(0);
      uint32_t i = 0;
#pragma clang loop unroll(disable)
      do {
        const v128_t a = wasm_v128_load(unit.values[i] + at), b = wasm_v128_load(unit.values[i + 1] + at);
        const v128_t low = wasm_i8x16_shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        const v128_t high = wasm_i8x16_shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        const v128_t pair = wasm_v128_load32_splat(unit.inputs + i);
        if constexpr (kNibbles) {
          add_pair(wasm_v128_and(low, nibbles), wasm_v128_and(high, nibbles), pair, sums);
          add_pair(wasm_v128_and(wasm_u16x8_shr(low, 4), nibbles), wasm_v128_and(wasm_u16x8_shr(high, 4), nibbles),
                   pair, sums + 4);
        } else {
          add_pair(low, high, pair, sums);
        }
        i += 2;
      } while (i < unit.count);
      CAMELGPT_UNROLL
      for (int v = 0; v < kVectors; ++v) {
        float* to = y + row + 4 * v;
        const v128_t scale =
            wasm_f32x4_mul(half.load4(scales + (row + 4 * static_cast<uint32_t>(v)) * 2), input_scales);
        wasm_v128_store(to, madd(wasm_f32x4_convert_i32x4(sums[v]), scale, wasm_v128_load(to)));
      }
    }
  }

  static void run(const Panel& panel, std::span<const uint32_t> list, const Activations& input, Range slice, float* y) {
    const size_t width = static_cast<size_t>(neuron_width(panel)), run = neuron_run_bytes(kKind, width);
    const uint8_t* scales = column_scales(panel);
    std::memset(y + slice.first, 0, slice.size() * sizeof(float));
    const uint8_t* first = panel.data + (kNibbles ? slice.first / 2 : slice.first);
    RunPrefetcher prefetcher(kNibbles ? slice.size() / 2 : slice.size());
    for (size_t i = 0; i < list.size();) {
      prefetcher.fetch(list, i, [&](uint32_t column) { return first + column * run; });
      const uint32_t unit = list[i] / kUnitColumns;
      const uint8_t* inputs = Units::of(input, unit);
      UnitColumns columns;
      for (; i < list.size() && list[i] / kUnitColumns == unit; ++i) {
        columns.add(panel.data + list[i] * run, Units::quant(inputs, list[i] % kUnitColumns));
      }
      if (columns.count % 2 != 0) columns.add(columns.values[0], 0);
      add_unit(columns, slice, scales + unit * width * 2, input.scales[unit], input.sums[unit], y);
    }
  }
};

// Products of rows and columns of halves with the floats of one token.
struct HalfNeuronProducts {
  static void rows(const Panel& panel, std::span<const uint32_t> list, const Activations& input, float* y) {
    const RowOffsets offsets(panel);
    const HalfConverter half;
    for (size_t i = 0; i < list.size(); i += 4) {
      const size_t valid = std::min<size_t>(4, list.size() - i);
      const uint8_t* values[4];
      for (size_t r = 0; r < 4; ++r) values[r] = panel.data + offsets.values(list[i + std::min(r, valid - 1)]);
      v128_t acc = wasm_f32x4_splat(0);
      uint32_t c = 0;
      for (; c + 4 <= panel.columns; c += 4) {
        v128_t weights[4];
        for (int r = 0; r < 4; ++r) weights[r] = half.load4(values[r] + c * size_t{2});
        transpose4(weights);
        for (uint32_t j = 0; j < 4; ++j) acc = madd(weights[j], wasm_v128_load32_splat(input.x + c + j), acc);
      }
      for (; c < panel.columns; ++c) {
        v128_t halves = wasm_v128_load16_splat(values[0] + c * size_t{2});
        halves = wasm_v128_load16_lane(values[1] + c * size_t{2}, halves, 1);
        halves = wasm_v128_load16_lane(values[2] + c * size_t{2}, halves, 2);
        halves = wasm_v128_load16_lane(values[3] + c * size_t{2}, halves, 3);
        acc = madd(half.convert(wasm_i32x4_extend_low_i16x8(halves)), wasm_v128_load32_splat(input.x + c), acc);
      }
      alignas(16) float products[4];
      wasm_v128_store(products, acc);
      std::memcpy(y + i, products, valid * sizeof(float));
    }
  }

  static void columns(const Panel& panel, std::span<const uint32_t> list, const Activations& input, Range slice,
                      float* y) {
    constexpr int kVectors = 8;  // one cache line of each column
    const size_t run = neuron_run_bytes(PanelKind::kHalf, neuron_width(panel));
    const HalfConverter half;
    for (uint32_t row = slice.first; row < slice.end; row += 4 * kVectors) {
      v128_t acc[kVectors];
      for (v128_t& sum : acc) sum = wasm_f32x4_splat(0);
      for (const uint32_t column : list) {
        const uint8_t* p = panel.data + column * run + row * size_t{2};
        const v128_t x = wasm_v128_load32_splat(input.x + column);
        CAMELGPT_UNROLL
        for (int v = 0; v < kVectors; ++v) acc[v] = madd(half.load4(p + 8 * v), x, acc[v]);
      }
      CAMELGPT_UNROLL
      for (int v = 0; v < kVectors; ++v) wasm_v128_store(y + row + 4 * v, acc[v]);
    }
  }
};

// Products of rows of bytes with inputs of either precision.
template <class Dot>
void byte_rows(const Panel& panel, std::span<const uint32_t> list, const Activations& input, float* y) {
  if (input.precision == Precision::k8)
    return RowProducts<WideDot, Precision::k16, PanelKind::kByte>::run(panel, list, input, y);
  RowProducts<Dot, Precision::k16, PanelKind::kByte>::run(panel, list, input, y);
}

// Sets a table's products with single rows and columns. Columns of bytes take inputs of 16 bits: no other matrix shares
// them.
template <class Isa>
constexpr void set_neurons(Kernels* table) {
  table->rows[static_cast<int>(PanelKind::kByte)] = byte_rows<typename Isa::Byte>;
  table->rows[static_cast<int>(PanelKind::kNibble)] =
      RowProducts<typename Isa::Nibble, Precision::k8, PanelKind::kNibble>::run;
  table->columns[static_cast<int>(PanelKind::kByte)] =
      ColumnProducts<typename Isa::Byte, Precision::k16, PanelKind::kByte>::run;
  table->columns[static_cast<int>(PanelKind::kNibble)] =
      ColumnProducts<typename Isa::Nibble, Precision::k8, PanelKind::kNibble>::run;
  table->rows[static_cast<int>(PanelKind::kHalf)] = HalfNeuronProducts::rows;
  table->columns[static_cast<int>(PanelKind::kHalf)] = HalfNeuronProducts::columns;
}

}  // namespace camelgpt
