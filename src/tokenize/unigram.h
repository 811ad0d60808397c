// SentencePiece's unigram model (Kudo 2018): of all ways to write a sentence as tokens, the one with the highest sum of
// scores.
#pragma once

#include <string_view>

#include "tokenize/tokenizer.h"

namespace camelgpt {

// Longer tokens are never found, to bound the time. SentencePiece makes none of more than 512 characters, and by
// default of 16.
inline constexpr uint32_t kMaxUnigramLength = 2048;

// The best way to the end of a part of the sentence.
struct UnigramNode {
  float score;     // from the beginning of the sentence on
  int32_t token;   // its last token, or kNoToken for a character that there is none for
  uint32_t start;  // where that begins; kUnreached while no way leads here
  uint32_t end;    // on the best way through the whole: where the token that begins here ends
};

// Appends the tokens of `sentence` (see sentence_text.h). The time is linear, times the length of the longest token.
Status unigram_encode(const Tokenizer& tokenizer, std::string_view sentence, Buffer<UnigramNode>* nodes,
                      Buffer<int32_t>* tokens);

}  // namespace camelgpt
