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
  int32_t token = kNoToken;
};

// Finds the special tokens of a text in order.
struct SpecialSearch {
  const Tokenizer& tokenizer;
  std::string_view text;
  bool parse_control;                  // otherwise only user-defined tokens match
  std::span<const TextRange> literal;  // sorted ranges that no control token may touch
  size_t range = 0;                    // the first range that ends after the position

  // Returns the first special token at or after `start`, preferring the longest one at a position. `start` must not
  // decrease from call to call.
  SpecialMatch next(size_t start);

  // Returns how many bytes from `position` on control tokens may match. `position` must not decrease either.
  size_t control_limit(size_t position);
};

// Whether the text, or a part of it, spells a control token.
bool specials_have_control(const Tokenizer& tokenizer, std::string_view text);

}  // namespace camelgpt
