// WordPiece: cleans text and splits it into words as BERT does, then matches the longest token at each position of a
// word. A word that tokens cannot cover becomes the unknown token.
#pragma once

#include <string_view>

#include "tokenize/tokenizer.h"

namespace camelgpt {

// In characters, as in the reference. Longer words are unknown.
inline constexpr size_t kMaxWordLength = 100;

// Appends the tokens of `text` (valid UTF-8 without special tokens). `word` is scratch memory. The time is O(text bytes
// * longest token).
Status word_piece_encode(const Tokenizer& tokenizer, std::string_view text, Buffer<char>* word,
                         Buffer<int32_t>* tokens);

}  // namespace camelgpt
