// The characters of a text and their classes, for the rules that split text into pieces.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/utf8.h"
#include "tokenize/unicode_tables.h"

namespace camelgpt {

// A character of valid UTF-8.
struct Character {
  uint32_t code_point;
  uint32_t length;  // in bytes; 0 at the end of the text
  uint32_t mask;    // mask_of its class; 0 at the end of the text

  bool is(uint32_t classes) const { return (mask & classes) != 0; }
  bool is_line_end() const { return length > 0 && (code_point == '\r' || code_point == '\n'); }
};

inline Character character_at(std::string_view text, size_t position) {
  if (position >= text.size()) return {0, 0, 0};
  const uint8_t first = static_cast<uint8_t>(text[position]);
  if (first < 0x80) return {first, 1, mask_of(unicode_class(first))};
  const Utf8Character decoded = utf8_decode(text.substr(position));
  assert(decoded.code_point != kInvalidCodePoint);
  return {decoded.code_point, decoded.length, mask_of(unicode_class(decoded.code_point))};
}

// Returns the end of the run of characters in `classes` that starts at `position`.
inline size_t run_end(std::string_view text, size_t position, uint32_t classes) {
  for (;;) {
    const Character character = character_at(text, position);
    if (!character.is(classes)) return position;
    position += character.length;
  }
}

}  // namespace camelgpt
