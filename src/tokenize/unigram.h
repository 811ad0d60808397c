// SentencePiece's unigram model (Kudo 2018): splits a sentence into the tokens with the highest sum of scores.
#pragma once

#include <string_view>

#include "tokenize/tokenizer.h"

namespace camelgpt {

// In bytes. Longer tokens are never matched, to bound the memory. SentencePiece trains tokens of at most 512
// characters, by default at most 16.
inline constexpr uint32_t kMaxUnigramLength = 2048;

// Of the tokens that end at one position only this many are considered, the longest ones, to bound the time.
inline constexpr uint32_t kMaxUnigramMatches = 64;

// A byte position of the sentence, with the best segmentation that ends there.
struct UnigramNode {
  double score;    // sum of scores from the start of the sentence
  int32_t token;   // last token of the segmentation, or kNoToken for a character without a token
  uint32_t start;  // where that token begins; kUnreached if no segmentation ends here
  uint32_t end;    // on the best path through the sentence: where the token that begins here ends
};

// The encoding of a sentence, in steps. The memory is reused from sentence to sentence.
struct UnigramWorkspace {
  bool is_active = false;     // whether a sentence is being encoded
  std::string_view sentence;  // what is left of it; it begins with the current span
  std::string_view span;      // segmented on its own; empty between two spans
  size_t read = 0;            // bytes of the span that have been read
  uint32_t node = 0;          // of tokenizer.segments
  double score = 0;           // of the spans before
  bool after_unknown = false;
  Buffer<UnigramNode> nodes;  // [span + 1]
};

// Fills tokenizer->segments.
Status unigram_build(Tokenizer* tokenizer);

// Begins to encode `sentence` (see sentence_text.h), which must not change meanwhile.
void unigram_begin(std::string_view sentence, UnigramWorkspace* workspace);

// Continues for about *budget bytes, at least one, and subtracts those taken. At the end is_active becomes false.
Status unigram_continue(const Tokenizer& tokenizer, UnigramWorkspace* workspace, size_t* budget,
                        Buffer<int32_t>* tokens);

}  // namespace camelgpt
