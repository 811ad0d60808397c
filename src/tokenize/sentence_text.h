// SentencePiece's normalisation before tokens are matched: applies the file's replacement rules, then adds, collapses
// or strips spaces.
#pragma once

#include <string_view>

#include "tokenize/tokenizer.h"

namespace camelgpt {

// Checks the layout of `precompiled_charsmap`: 32-bit byte size of a double array, the array, the replacement strings.
bool charsmap_is_valid(const Buffer<uint8_t>& charsmap);

// Applies the longest rule that matches at the start of `text` (not empty). Stores the replacement and returns the
// number of bytes that it replaces. Without a matching rule, the first character is its own replacement.
size_t replace_prefix(const Tokenizer& tokenizer, std::string_view text, std::string_view* replacement);

// Stores the normalised `text` (valid UTF-8 without special tokens) in *sentence, which may become empty. kSpaceMark
// characters become spaces. Returns false when out of memory.
[[nodiscard]] bool make_sentence(const Tokenizer& tokenizer, std::string_view text, Buffer<char>* sentence);

}  // namespace camelgpt
