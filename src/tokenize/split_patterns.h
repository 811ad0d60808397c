// The regular expressions of GPT-2's and Llama 3's tokenizers and their relatives, implemented by hand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tokenize/unicode_tables.h"

namespace camelgpt {

// Each function returns the end of the match at `start`, or `start` if there is none. `text` is valid UTF-8; the
// expressions do not look past its ends.

// GPT-2:  's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
//
// SmolLM first makes each number character a piece of its own (Digits with individual_digits, which matches Nd, Nl and
// No) and applies GPT-2's pattern to the texts between them, so a number ends the text before it: `isolate_numbers`.
// (The reference's Digits uses a newer Unicode version than its patterns: only Digits matches U+11DE0 to U+11DE9 and
// U+16FF4 to U+16FF6.)
size_t gpt2_piece_end(std::string_view text, size_t start, bool isolate_numbers);

// Patterns like Llama 3's: contraction, word, number, punctuation, line ends, spaces. With C the classes in `letters`,
// L those in `never_lead` and P those in `punctuation`:
//   (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\nL]?[C]+|\p{N}{1,digits}| ?[P]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
struct WordPattern {
  uint32_t letters = kLetters;
  uint32_t never_lead = kLetters | kNumbers;
  uint32_t punctuation = kOthers;
  uint32_t digits = 3;                      // maximum in one piece; 0: numbers do not match
  bool contractions_separate = true;        // a contraction is a piece of its own
  bool contractions_in_words = false;       // a contraction belongs to the word before it
  bool split_case = false;                  // a word is upper case, then lower case: see cased_word_end
  bool marked_ascii_words = false;          // before words: an ASCII mark with the ASCII letters after it
  bool line_ends_after_punctuation = true;  // punctuation is followed by [\r\n]*
  bool slash_after_punctuation = false;     // punctuation is followed by [\r\n/]*
};
size_t word_pattern_end(const WordPattern& pattern, std::string_view text, size_t start);

}  // namespace camelgpt
