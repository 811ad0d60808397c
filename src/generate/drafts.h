// Guesses at the next tokens: what followed the last time that the text went as it goes now.
//
// This is the match model of data compressors. An earlier occurrence of the text's end is followed from token to token,
// so a guess costs one comparison; after a miss another occurrence is found through chains of equal triples, as in
// deflate (RFC 1951, section 4). Whether guesses were right is seen without anybody acting on them.
#pragma once

#include <cstdint>
#include <span>

#include "base/arena.h"

namespace camelgpt {

// Tokens that are proposed together, at most: with the last token of the text they are one tile.
inline constexpr uint32_t kMaxDrafts = 3;
// Matches are this long at least; the longest ones, which are told apart no further, are of kLongMatch tokens or more.
inline constexpr uint32_t kShortMatch = 3, kLongMatch = 16;
// Earlier occurrences that are compared after a miss, at most, the most recent first.
inline constexpr uint32_t kMaxOccurrences = 64;

// Positions in chains count from 1: 0 is the end.
struct Drafts {
  std::span<uint32_t> latest;  // [power of two >= context] by the hash of a triple: where one with this hash ended last
  std::span<uint32_t> previous;  // [context + 1] by where a triple ends: where one with its hash ended before
  uint32_t length = 0;           // tokens of the text that were followed
  uint32_t source = 0;           // the position of the token that is the guess
  uint32_t match = 0;            // tokens before it that are also the last ones of the text; 0: there is no guess
  float trust = 1;               // hits of late guesses over those that are usual for the lengths of their matches
};

// Takes memory for a text of `context` tokens from the arena (also while the arena is measuring).
void drafts_reserve(Drafts* drafts, uint32_t context, Arena* arena);

// Starts with a new text.
void drafts_begin(Drafts* drafts, std::span<const int32_t> text);

// The text has grown to `text`, of at most `context` tokens: sees whether guesses were right, and makes the next one.
void drafts_follow(Drafts* drafts, std::span<const int32_t> text);

// Fills `proposed` with what may follow the text if at least `least` tokens of it are expected to be right. Says
// whether it did.
bool drafts_propose(const Drafts& drafts, std::span<const int32_t> text, float least, std::span<int32_t> proposed);

}  // namespace camelgpt
