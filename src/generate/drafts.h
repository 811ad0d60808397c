// Drafts the next tokens: proposes what followed the last time that the text's current ending occurred.
//
// This is the match model of data compressors. After a hit the guess moves on by one token along an earlier occurrence
// of the text's ending, which costs one comparison. After a miss, hash chains of token triples lead to other
// occurrences, as in deflate (RFC 1951, section 4). All guesses are scored against the text, proposed or not.
#pragma once

#include <cstdint>
#include <span>

#include "base/arena.h"

namespace camelgpt {

// Maximum number of tokens in a proposal: with the last token of the text they fill one tile of the kernels.
inline constexpr uint32_t kMaxDrafts = 3;
// Bounds of a match's length in tokens: shorter matches are ignored, longer ones count as kMaxMatch.
inline constexpr uint32_t kMinMatch = 3, kMaxMatch = 16;
// Maximum number of earlier occurrences, the most recent first, that are compared after a miss.
inline constexpr uint32_t kMaxOccurrences = 64;

// Positions in the hash chains count from 1; 0 ends a chain.
struct Drafts {
  std::span<uint32_t> latest;    // [power of two >= context] by hash of a triple: where its latest occurrence ends
  std::span<uint32_t> previous;  // [context + 1] by end of a triple: where the previous one with the same hash ends
  uint32_t length = 0;           // tokens of the text seen so far
  uint32_t source = 0;           // position in the text of the token that is the guess
  uint32_t match = 0;            // number of tokens before `source` that equal the end of the text; 0: no guess
  float trust = 1;               // recent hit rate of the guesses, relative to kUsualHits for their match lengths
};

// Takes memory for a text of up to `context` tokens from the arena, or only measures it.
void drafts_reserve(Drafts* drafts, uint32_t context, Arena* arena);

// Starts a new text.
void drafts_begin(Drafts* drafts, std::span<const int32_t> text);

// Follows the text, which has grown to at most `context` tokens: scores the earlier guesses and makes the next one.
void drafts_follow(Drafts* drafts, std::span<const int32_t> text);

// Fills `proposed` with the drafted continuation of the text and returns true if at least `min_expected` of its tokens
// are expected to be right.
bool drafts_propose(const Drafts& drafts, std::span<const int32_t> text, float min_expected,
                    std::span<int32_t> proposed);

}  // namespace camelgpt
