#include "tokenize/unicode_tables.h"

#include <cstddef>

namespace camelgpt {
namespace {

constexpr uint32_t kRangeStarts[] = {
#include "tokenize/unicode_tables.inc"
};
static_assert(kRangeStarts[0] >> 2 == 0, "every code point lies in a range");

constexpr CharacterClass class_at(uint32_t code_point) {
  size_t low = 0, high = sizeof kRangeStarts / sizeof kRangeStarts[0];
  while (high - low > 1) {
    const size_t middle = low + (high - low) / 2;
    if (kRangeStarts[middle] >> 2 <= code_point) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return static_cast<CharacterClass>(kRangeStarts[low] & 3);
}

// Nearly all text is ASCII: its classes are looked up, not searched.
struct AsciiClasses {
  CharacterClass of[128];
  constexpr AsciiClasses() : of() {
    for (uint32_t i = 0; i < 128; ++i) of[i] = class_at(i);
  }
};
constexpr AsciiClasses kAscii;

}  // namespace

CharacterClass unicode_class(uint32_t code_point) {
  return code_point < 128 ? kAscii.of[code_point] : class_at(code_point);
}

}  // namespace camelgpt
