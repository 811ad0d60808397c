// Text as SentencePiece sees it before it looks for tokens: replaced by the rules that the file brings along, spaces
// put in front, merged or left out.
#pragma once

#include <string_view>

#include "tokenize/tokenizer.h"

namespace camelgpt {

// Checks the rules (`precompiled_charsmap`): the bytes of a double array, its size in front as 32 bits, then the
// replacements.
bool charsmap_is_sound(const Buffer<uint8_t>& charsmap);

// What `text` (not empty) begins with, after the longest rule that applies: *replacement, and the number of bytes that
// it is for. A character without a rule is itself.
size_t replace_prefix(const Tokenizer& tokenizer, std::string_view text, std::string_view* replacement);

// Stores in *sentence what `text` (without special tokens, valid UTF-8) becomes; empty if nothing remains. The marks
// that tokens are written with cannot be told from spaces. False: no memory.
[[nodiscard]] bool make_sentence(const Tokenizer& tokenizer, std::string_view text, Buffer<char>* sentence);

}  // namespace camelgpt
