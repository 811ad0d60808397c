// 64-bit sums and products with overflow checks, for sizes that come from a file; the same on 32-bit machines.
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

  // Whether nothing overflowed and the value is at most `limit`.
  constexpr bool fits(uint64_t limit) const { return !overflowed && value <= limit; }
  // Whether one object in memory can have this size.
  constexpr bool fits_memory() const { return fits(static_cast<uint64_t>(PTRDIFF_MAX)); }
  // Whether several objects can have this size together: on 32 bits twice the limit of one object.
  constexpr bool fits_address_space() const { return fits(SIZE_MAX); }
};

}  // namespace camelgpt
