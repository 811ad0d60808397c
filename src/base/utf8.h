// UTF-8: decodes and encodes single characters, and finds the first invalid byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace camelgpt {

inline constexpr uint32_t kInvalidCodePoint = 0xffffffffu;

struct Utf8Character {
  uint32_t code_point;  // kInvalidCodePoint if the bytes are not a character
  uint32_t length;      // in bytes; of invalid bytes, that of the maximal ill-formed subpart (at least 1)
  bool incomplete;      // invalid only because the text ends inside the character
};

// Decodes the first character of `text`, which must not be empty. Overlong forms, surrogates and values past U+10FFFF
// are invalid.
Utf8Character utf8_decode(std::string_view text);

// Encodes a code point (not a surrogate) in 1 to 4 bytes; returns their number.
uint32_t utf8_encode(uint32_t code_point, char* bytes);

// The position of the first invalid byte, or text.size() if there is none.
size_t utf8_validate(std::string_view text);

}  // namespace camelgpt
