// SentencePiece's unigram model (Kudo 2018): splits a sentence into the tokens with the highest sum of scores.
#pragma once

#include <string_view>

#include "tokenize/tokenizer.h"

namespace camelgpt {

// In bytes. Longer tokens are never matched, to bound the time. SentencePiece trains tokens of at most 512 characters,
// by default at most 16.
inline constexpr uint32_t kMaxUnigramLength = 2048;

// A byte position of the sentence, with the best segmentation that ends there.
struct UnigramNode {
  double score;    // sum of scores from the start of the sentence
  int32_t token;   // last token of the segmentation, or kNoToken for a character without a token
  uint32_t start;  // where that token begins; kUnreached if no segmentation ends here
  uint32_t end;    // on the best path through the sentence: where the token that begins here ends
};

// Appends the tokens of `sentence` (see sentence_text.h). The time is O(sentence bytes * longest token).
Status unigram_encode(const Tokenizer& tokenizer, std::string_view sentence, Buffer<UnigramNode>* nodes,
                      Buffer<int32_t>* tokens);

}  // namespace camelgpt
