#include "tokenize/unicode_tables.h"

#include <cassert>
#include <cstddef>

namespace camelgpt {
namespace {

#include "tokenize/unicode_tables.inc"

// LEB128: seven bits a byte, the lowest first; bit 7 is set if more bytes follow.
constexpr uint32_t varint_at(const uint8_t** bytes) {
  uint32_t value = 0, shift = 0;
  for (; (**bytes & 0x80) != 0; ++*bytes, shift += 7) value |= static_cast<uint32_t>(**bytes & 0x7f) << shift;
  value |= static_cast<uint32_t>(*(*bytes)++) << shift;
  return value;
}

// Returns the index of the block whose runs cover a code point.
template <size_t blocks>
constexpr size_t block_of(const uint32_t (&starts)[blocks], uint32_t code_point) {
  size_t low = 0, high = blocks;
  while (high - low > 1) {
    const size_t middle = low + (high - low) / 2;
    (starts[middle] <= code_point ? low : high) = middle;
  }
  return low;
}

constexpr CharacterClass class_at(uint32_t code_point) {
  const size_t block = block_of(kClassStarts, code_point);
  const uint8_t* bytes = kClassBytes + kClassOffsets[block];
  for (uint32_t end = kClassStarts[block];;) {
    const uint8_t head = *bytes++;
    end += (head & 15) != 0 ? head & 15u : varint_at(&bytes);
    if (code_point < end) return static_cast<CharacterClass>(head >> 4);
  }
}

// Maps a code point with one of the run tables: to itself if it is in no run.
template <size_t size, size_t blocks>
uint32_t mapped(const uint8_t (&table)[size], const uint32_t (&starts)[blocks], const uint16_t (&offsets)[blocks],
                uint32_t code_point) {
  const size_t block = block_of(starts, code_point);
  const uint8_t* bytes = table + offsets[block];
  const uint8_t* end_of_block = table + (block + 1 < blocks ? offsets[block + 1] : size);
  for (uint32_t end = starts[block], last = 0; bytes < end_of_block;) {
    const uint32_t head = varint_at(&bytes);
    const uint32_t start = end + (head >> 3);
    const uint32_t count = (head & 1) != 0 ? varint_at(&bytes) : 1;
    const uint32_t zigzag = varint_at(&bytes);
    const uint32_t target = last + ((zigzag >> 1) ^ (0 - (zigzag & 1)));
    const uint32_t step = (head & 2) != 0 ? 2 : 1, target_step = (head & 4) != 0 ? 0 : step;
    if (code_point < start) break;
    end = start + (count - 1) * step + 1;
    last = target + (count - 1) * target_step;
    if (code_point >= end) continue;
    return (code_point - start) % step == 0 ? target + (code_point - start) / step * target_step : code_point;
  }
  return code_point;
}

// Nearly all text is ASCII, so its classes have a table of their own.
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

uint32_t unicode_lower(uint32_t code_point) {
  if (code_point < 128) return code_point >= 'A' && code_point <= 'Z' ? code_point + ('a' - 'A') : code_point;
  return mapped(kLowerBytes, kLowerStarts, kLowerOffsets, code_point);
}

uint32_t unicode_base(uint32_t code_point, uint32_t* parts) {
  parts[0] = code_point;
  if (code_point < 0xc0) return 1;                                   // no decompositions below
  if (code_point >= 0xac00 && code_point < 0xac00 + 19 * 21 * 28) {  // Hangul syllable: The Unicode Standard, 3.12
    const uint32_t index = code_point - 0xac00;
    parts[0] = 0x1100 + index / (21 * 28);
    parts[1] = 0x1161 + index / 28 % 21;
    parts[2] = 0x11a7 + index % 28;
    return index % 28 == 0 ? 2 : 3;
  }
  if (unicode_class(code_point) == CharacterClass::kNonspacing) return 0;
  // Each step replaces parts[0] by the first part of its decomposition and inserts the second one, if any, after it.
  uint32_t count = 1;
  for (;;) {
    const uint32_t first = mapped(kFirstBytes, kFirstStarts, kFirstOffsets, parts[0]);
    if (first == parts[0]) return count;
    const uint32_t second = mapped(kSecondBytes, kSecondStarts, kSecondOffsets, parts[0]);
    if (second != parts[0]) {
      assert(count < kMaxBaseParts);
      for (uint32_t i = count++; i > 1; --i) parts[i] = parts[i - 1];
      parts[1] = second;
    }
    parts[0] = first;
  }
}

}  // namespace camelgpt
