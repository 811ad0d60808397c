#include "quant/float_groups.h"

#include <cstring>

#include "base/half.h"

namespace camelgpt {
namespace {

// Vector extensions of the compiler, available on every target.
using Words = uint32_t __attribute__((vector_size(16)));
using Halves = uint16_t __attribute__((vector_size(16)));

Words interleave_first(Words a, Words b) { return __builtin_shufflevector(a, b, 0, 4, 1, 5); }
Words interleave_second(Words a, Words b) { return __builtin_shufflevector(a, b, 2, 6, 3, 7); }
Halves interleave_first(Halves a, Halves b) { return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11); }
Halves interleave_second(Halves a, Halves b) { return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15); }

// Transposes a square of kSize vectors: interleaving row i with row i + kSize / 2, repeated log2(kSize) times.
template <typename Vector, int kSize>
void transpose(const uint8_t* rows, size_t row_bytes, uint8_t* out, size_t out_bytes) {
  Vector a[kSize], b[kSize];
  for (int i = 0; i < kSize; ++i) std::memcpy(&a[i], rows + i * row_bytes, sizeof(Vector));
  for (int step = kSize; step > 1; step /= 2) {
    for (int i = 0; i < kSize / 2; ++i) {
      b[2 * i] = interleave_first(a[i], a[i + kSize / 2]);
      b[2 * i + 1] = interleave_second(a[i], a[i + kSize / 2]);
    }
    for (int i = 0; i < kSize; ++i) a[i] = b[i];
  }
  for (int i = 0; i < kSize; ++i) std::memcpy(out + i * out_bytes, &a[i], sizeof(Vector));
}

// Adding one to an exponent of all ones carries into the sign bit, which was masked off.
bool are_finite(const uint8_t* bytes, size_t count, uint32_t exponent, uint32_t one, uint32_t carry) {
  uint32_t carried = 0;
  for (size_t i = 0; i < count; i += 4) {
    uint32_t word;
    std::memcpy(&word, bytes + i, 4);
    carried |= (word & exponent) + one;
  }
  return (carried & carry) == 0;
}

}  // namespace

void transpose_halves(const uint8_t* rows, uint32_t columns, uint8_t* group) {
  const size_t row_bytes = static_cast<size_t>(columns) * 2;
  for (size_t at = 0; at < row_bytes; at += 16) transpose<Halves, 8>(rows + at, row_bytes, group + at * 8, 16);
}

void transpose_floats(const uint8_t* rows, uint32_t columns, uint8_t* group) {
  const size_t row_bytes = static_cast<size_t>(columns) * 4;
  for (size_t at = 0; at < row_bytes; at += 16) {
    transpose<Words, 4>(rows + at, row_bytes, group + at * 8, 32);
    transpose<Words, 4>(rows + 4 * row_bytes + at, row_bytes, group + at * 8 + 16, 32);
  }
}

bool transpose_floats_to_halves(const uint8_t* rows, uint32_t columns, uint8_t* group) {
  const size_t row_bytes = static_cast<size_t>(columns) * 4;
  for (size_t at = 0; at < row_bytes; at += 32) {
    uint16_t halves[64];
    for (size_t i = 0; i < 64; ++i) {
      float value;
      std::memcpy(&value, rows + i / 8 * row_bytes + at + i % 8 * 4, 4);
      halves[i] = float_to_half(value);
    }
    const uint8_t* bytes = reinterpret_cast<const uint8_t*>(halves);
    if (!halves_are_finite(bytes, sizeof halves)) return false;
    transpose<Halves, 8>(bytes, 16, group + at * 4, 16);
  }
  return true;
}

bool halves_are_finite(const uint8_t* bytes, size_t count) {
  return are_finite(bytes, count, 0x7c007c00u, 0x04000400u, 0x80008000u);
}

bool bfloats_are_finite(const uint8_t* bytes, size_t count) {
  return are_finite(bytes, count, 0x7f807f80u, 0x00800080u, 0x80008000u);
}

bool floats_are_finite(const uint8_t* bytes, size_t count) {
  return are_finite(bytes, count, 0x7f800000u, 0x00800000u, 0x80000000u);
}

}  // namespace camelgpt
