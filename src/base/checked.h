// Sizes that come from a file: 64-bit sums and products that notice when they overflow, on 32-bit machines too.
#pragma once

#include <cstddef>
#include <cstdint>

namespace camelgpt {

// A 64-bit count that remembers whether any step of its computation overflowed.
struct CheckedSize {
  uint64_t value = 0;
  bool overflowed = false;

  constexpr CheckedSize(uint64_t v = 0) : value(v) {}

  constexpr CheckedSize& operator+=(CheckedSize other) {
    overflowed |= other.overflowed | __builtin_add_overflow(value, other.value, &value);
    return *this;
  }
  constexpr CheckedSize& operator*=(CheckedSize other) {
    overflowed |= other.overflowed | __builtin_mul_overflow(value, other.value, &value);
    return *this;
  }
  friend constexpr CheckedSize operator+(CheckedSize a, CheckedSize b) { return a += b; }
  friend constexpr CheckedSize operator*(CheckedSize a, CheckedSize b) { return a *= b; }

  // The value rounded up to a multiple of `alignment` (a power of two).
  constexpr CheckedSize aligned(uint64_t alignment) const {
    CheckedSize sum = *this + CheckedSize(alignment - 1);
    sum.value &= ~(alignment - 1);
    return sum;
  }

  // Whether the value is right and at most `limit`.
  constexpr bool fits(uint64_t limit) const { return !overflowed && value <= limit; }
  // Whether the value is right and can be the size of an object in memory.
  constexpr bool fits_memory() const { return fits(static_cast<uint64_t>(PTRDIFF_MAX)); }
  // Whether the value is right and can be addressed: what several objects take together. With 32 bits that is twice as
  // much.
  constexpr bool fits_address_space() const { return fits(SIZE_MAX); }
};

}  // namespace camelgpt
