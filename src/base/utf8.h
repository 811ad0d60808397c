// UTF-8: decode and encode one character, find where text is not valid.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace camelgpt {

inline constexpr uint32_t kInvalidCodePoint = 0xffffffffu;

struct Utf8Character {
  uint32_t code_point;  // kInvalidCodePoint where the bytes are not a character
  uint32_t length;      // bytes; for invalid ones the length of the maximal invalid part (at least 1)
  bool incomplete;      // invalid only because the text ends inside the character
};

// The character at the start of `text`, which is not empty. Overlong forms, surrogates and values past U+10FFFF are
// invalid.
Utf8Character utf8_decode(std::string_view text);

// Writes a code point (not a surrogate) as 1 to 4 bytes; returns their number.
uint32_t utf8_encode(uint32_t code_point, char* bytes);

// The position of the first invalid byte, or text.size().
size_t utf8_validate(std::string_view text);

}  // namespace camelgpt
