// Finds the special tokens (control, user-defined and unknown) that a text spells out.
#pragma once

#include <cstddef>
#include <string_view>

#include "tokenize/tokenizer.h"

namespace camelgpt {

// Longer special tokens are rejected, to bound how far the search looks ahead. The longest known ones have about 40
// bytes.
inline constexpr size_t kMaxSpecialLength = 256;

// Bytes of text that are searched at a time.
inline constexpr size_t kSearchWindow = 16 << 10;

// Fills tokenizer->specials. kBadMetadata if a special token is too long.
Status specials_build(Tokenizer* tokenizer);

// Fills tokenizer->specials_user, once the types of all tokens are final.
Status specials_find_user_defined(Tokenizer* tokenizer);

struct SpecialMatch {
  size_t position;  // text.size() if there is no match
  size_t length;
  int32_t token = kNoToken;
};

// Finds the special tokens of a text in order. The time is linear in the size of the text.
struct SpecialSearch {
  const Tokenizer* tokenizer;
  std::string_view text;
  bool parse_control;                  // otherwise only user-defined tokens match
  std::span<const TextRange> literal;  // sorted ranges that no control token may touch

  // --- state ---
  size_t searched = 0;              // matches that begin before this position are known
  Buffer<SpecialMatch> found = {};  // of the last window: the longest match at each position, from the end

  // Stores the first special token at or after `start`, preferring the longest one at a position. `start` must not
  // decrease from call to call.
  Status next(size_t start, SpecialMatch* match);

  // Returns how many bytes from `position` on control tokens may match.
  size_t control_limit(size_t position) const;
};

// Stores whether the text, or a part of it, spells a control token.
Status specials_have_control(const Tokenizer& tokenizer, std::string_view text, bool* has_control);

}  // namespace camelgpt
