// Text without special tokens to tokens of WordPiece: it is cleaned and cut into words as BERT does it, and of each
// word the longest token that it begins with is taken, then of the rest, and so on. A word that cannot be covered is
// the unknown token.
#pragma once

#include <string_view>

#include "tokenize/tokenizer.h"

namespace camelgpt {

// Longer words are unknown. In characters, as the reference counts.
inline constexpr size_t kMaxWordLength = 100;

// Appends the tokens of `text` (valid UTF-8). `word` is scratch memory. The time is linear, times the length of the
// longest token.
Status word_piece_encode(const Tokenizer& tokenizer, std::string_view text, Buffer<char>* word,
                         Buffer<int32_t>* tokens);

}  // namespace camelgpt
