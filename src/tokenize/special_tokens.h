// Tokens that text is not cut and merged into but that are recognised as they are written: control, user-defined and
// unknown ones.
#pragma once

#include <cstddef>
#include <string_view>

#include "tokenize/tokenizer.h"

namespace camelgpt {

// What is refused in a vocabulary, to bound the time of a search. The longest known ones have about 40 bytes.
inline constexpr size_t kMaxSpecialLength = 256;

// Fills the list from the token types.
Status specials_build(Tokenizer* tokenizer);

struct SpecialMatch {
  size_t position;  // text.size() if there is none
  size_t length;
  int32_t token;
};

// The first special token at or behind `start`, and of those at one position the longest.
SpecialMatch specials_find(const Tokenizer& tokenizer, std::string_view text, size_t start);

}  // namespace camelgpt
