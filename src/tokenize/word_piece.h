// WordPiece: cleans text and splits it into words as BERT does, then matches the longest token at each position of a
// word. A word that tokens cannot cover becomes the unknown token.
#pragma once

#include <string_view>

#include "tokenize/tokenizer.h"

namespace camelgpt {

// In characters, as in the reference. Longer words are unknown.
inline constexpr size_t kMaxWordLength = 100;

// The encoding of a text, in steps. The memory is reused from text to text.
struct WordPieceWorkspace {
  bool is_active = false;  // whether a text is being encoded
  std::string_view text;   // what is left of it
  Buffer<char> word;       // the word being collected; starts with a space, like the tokens that begin a word
  size_t length = 0;       // of the word in characters
};

// Begins to encode `text` (valid UTF-8 without special tokens), which must not change meanwhile.
void word_piece_begin(std::string_view text, WordPieceWorkspace* workspace);

// Continues for about *budget bytes, at least one, and subtracts those taken. At the end is_active becomes false. The
// time is O(text bytes * longest word).
Status word_piece_continue(const Tokenizer& tokenizer, WordPieceWorkspace* workspace, size_t* budget,
                           Buffer<int32_t>* tokens);

}  // namespace camelgpt
