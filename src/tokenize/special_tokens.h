// Finds the special tokens (control, user-defined and unknown) that a text spells out.
#pragma once

#include <cstddef>
#include <string_view>

#include "tokenize/tokenizer.h"

namespace camelgpt {

// Longer special tokens are rejected, to bound the search time. The longest known ones have about 40 bytes.
inline constexpr size_t kMaxSpecialLength = 256;

// Fills tokenizer->specials from the token types. kBadMetadata if a special token is too long.
Status specials_build(Tokenizer* tokenizer);

struct SpecialMatch {
  size_t position;  // text.size() if there is no match
  size_t length;
  int32_t token;
};

// Returns the first special token at or after `start`, preferring the longest one at a position.
SpecialMatch specials_find(const Tokenizer& tokenizer, std::string_view text, size_t start);

}  // namespace camelgpt
