#include "tokenize/pretokenize.h"

#include <cassert>
#include <cstdint>

#include "base/utf8.h"
#include "tokenize/unicode_tables.h"

namespace camelgpt {
namespace {

struct Character {
  uint32_t code_point;
  uint32_t length;  // in bytes; 0 at the end of the text
  uint32_t mask;    // mask_of its class; 0 at the end of the text

  bool is(uint32_t classes) const { return (mask & classes) != 0; }
  bool is_line_end() const { return length > 0 && (code_point == '\r' || code_point == '\n'); }
};

Character character_at(std::string_view text, size_t position) {
  if (position >= text.size()) return {0, 0, 0};
  const uint8_t first = static_cast<uint8_t>(text[position]);
  if (first < 0x80) return {first, 1, mask_of(unicode_class(first))};
  const Utf8Character decoded = utf8_decode(text.substr(position));
  assert(decoded.code_point != kInvalidCodePoint);
  return {decoded.code_point, decoded.length, mask_of(unicode_class(decoded.code_point))};
}

// Returns the end of the run of characters in `classes` that starts at `position`.
size_t run_end(std::string_view text, size_t position, uint32_t classes) {
  for (;;) {
    const Character character = character_at(text, position);
    if (!character.is(classes)) return position;
    position += character.length;
  }
}

// Returns the length of 's, 't, 're, 've, 'm, 'll or 'd at the start of `text`, or 0. With `any_case` also in upper
// case and with the long s (U+017F), the only other character that (?i) folds to one of these letters.
size_t contraction_length(std::string_view text, bool any_case) {
  if (text.size() < 2 || text[0] != '\'') return 0;
  const auto letter = [text, any_case](size_t i) -> char {
    if (i >= text.size()) return 0;
    return any_case && text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] + ('a' - 'A')) : text[i];
  };
  const char second = letter(1), third = letter(2);
  if (second == 's' || second == 't' || second == 'm' || second == 'd') return 2;
  if (((second == 'r' || second == 'v') && third == 'e') || (second == 'l' && third == 'l')) return 3;
  return any_case && text.substr(1, 2) == "\xc5\xbf" ? 3 : 0;
}

// `\s+(?!\S)|\s+` at a space: the run, without its last character if a word follows.
size_t space_end(std::string_view text, size_t start, bool number_ends_text) {
  size_t last = start, end = start;
  Character next = character_at(text, start);
  while (next.is(kSpaces)) {
    last = end;
    end += next.length;
    next = character_at(text, end);
  }
  const bool text_ends = next.length == 0 || (number_ends_text && next.is(kNumbers));
  return text_ends || last == start ? end : last;
}

// GPT-2:  's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
//
// SmolLM first makes each number character a piece of its own (Digits with individual_digits, which matches Nd, Nl and
// No) and applies GPT-2's pattern to the texts between them, so a number ends the text before it: `isolate_numbers`.
// (The reference's Digits uses a newer Unicode version than its patterns: only Digits matches U+11DE0 to U+11DE9 and
// U+16FF4 to U+16FF6.)
size_t gpt2_piece_end(std::string_view text, size_t start, bool isolate_numbers) {
  const size_t contraction = contraction_length(text.substr(start), false);
  if (contraction > 0) return start + contraction;

  const Character first = character_at(text, start);
  if (isolate_numbers && first.is(kNumbers)) return start + first.length;
  const size_t word_start = start + (first.code_point == ' ' ? 1 : 0);
  const Character word = character_at(text, word_start);
  for (const uint32_t classes : {kLetters, isolate_numbers ? 0 : kNumbers, kOthers}) {
    if (word.is(classes)) return run_end(text, word_start, classes);
  }
  return space_end(text, start, isolate_numbers);
}

// Patterns like Llama 3's: contraction, word, number, punctuation, line ends, spaces. With C the classes in `letters`:
//   (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[C]+|\p{N}{1,digits}| ?[^\s C
//   \p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
//
// Some of these tokenizers first normalise text to NFC. The caller does this where Tokenizer::composes is set, because
// it would need composition tables here.
struct WordPattern {
  uint32_t letters = kLetters;
  uint32_t digits = 3;                   // maximum in one piece
  bool contractions_separate = true;     // a contraction is a piece of its own
  bool contractions_in_words = false;    // a contraction belongs to the word before it
  bool split_case = false;               // a word is upper case, then lower case: see cased_word_end
  bool slash_after_punctuation = false;  // punctuation is followed by [\r\n/]* instead of [\r\n]*
};

constexpr WordPattern pattern_of(PreTokenizer pre) {
  switch (pre) {
    case PreTokenizer::kQwen2: return {.digits = 1};
    case PreTokenizer::kQwen35: return {.letters = kLetters | kMarks, .digits = 1};
    case PreTokenizer::kGpt4o:
      return {.contractions_separate = false,
              .contractions_in_words = true,
              .split_case = true,
              .slash_after_punctuation = true};
    case PreTokenizer::kTekken:
      return {.digits = 1, .contractions_separate = false, .split_case = true, .slash_after_punctuation = true};
    default: return {};
  }
}

// Returns the end of [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+. If there is no match and
// `allow_upper_only` is set, returns the end of the first set repeated at least once. Returns `start` without a match.
size_t cased_word_end(std::string_view text, size_t start, bool allow_upper_only) {
  constexpr uint32_t kBoth = mask_of(CharacterClass::kLetter) | kMarks;
  constexpr uint32_t kUpper = kBoth | mask_of(CharacterClass::kUppercase),
                     kLower = kBoth | mask_of(CharacterClass::kLowercase);
  size_t end = start, last_both = start;  // after the last character that is in both sets
  for (Character next = character_at(text, end); next.is(kUpper); next = character_at(text, end)) {
    end += next.length;
    if (next.is(kBoth)) last_both = end;
  }
  const size_t lower_end = run_end(text, end, kLower);
  if (lower_end > end) return lower_end;
  return allow_upper_only ? end : last_both;
}

// Returns the end of a word, which may start with one character other than a letter, number or line end. Returns
// `start` without a match.
size_t word_end(const WordPattern& pattern, std::string_view text, size_t start) {
  const Character first = character_at(text, start);
  const bool may_lead = first.length > 0 && !first.is(kLetters | kNumbers) && !first.is_line_end();
  const size_t after_first = start + first.length;
  size_t end = start;
  if (!pattern.split_case) {
    if (may_lead) end = run_end(text, after_first, pattern.letters);
    if (!may_lead || end == after_first) end = run_end(text, start, pattern.letters);
    return end;
  }
  for (const bool allow_upper_only : {false, true}) {
    if (may_lead) end = cased_word_end(text, after_first, allow_upper_only);
    if (!may_lead || end == after_first) end = cased_word_end(text, start, allow_upper_only);
    if (end > start) break;
  }
  return end > start && pattern.contractions_in_words ? end + contraction_length(text.substr(end), true) : end;
}

size_t pattern_piece_end(const WordPattern& pattern, std::string_view text, size_t start) {
  const size_t contraction = pattern.contractions_separate ? contraction_length(text.substr(start), true) : 0;
  if (contraction > 0) return start + contraction;
  const size_t word = word_end(pattern, text, start);
  if (word > start) return word;

  const Character first = character_at(text, start);
  if (first.is(kNumbers)) {
    size_t end = start + first.length;
    for (uint32_t i = 1; i < pattern.digits; ++i) {
      const Character next = character_at(text, end);
      if (!next.is(kNumbers)) break;
      end += next.length;
    }
    return end;
  }

  const uint32_t punctuation_classes = kOthers & ~pattern.letters;
  const size_t punctuation = first.code_point == ' ' ? start + 1 : start;
  if (character_at(text, punctuation).is(punctuation_classes)) {
    size_t end = run_end(text, punctuation, punctuation_classes);
    for (Character next = character_at(text, end);
         next.is_line_end() || (pattern.slash_after_punctuation && next.code_point == '/');
         next = character_at(text, end)) {
      ++end;
    }
    return end;
  }

  // `\s*[\r\n]+` backtracks from the end of the white space to the last line end in it.
  size_t after_line_end = start, end = start;
  for (Character next = first; next.is(kSpaces); next = character_at(text, end)) {
    end += next.length;
    if (next.is_line_end()) after_line_end = end;
  }
  return after_line_end > start ? after_line_end : space_end(text, start, false);
}

// \s*\S* : a word with the white space before it.
size_t whitespace_piece_end(std::string_view text, size_t start) {
  return run_end(text, run_end(text, start, kSpaces), ~kSpaces);
}

}  // namespace

size_t piece_end(PreTokenizer pre, std::string_view text, size_t start) {
  assert(start < text.size());
  if (pre == PreTokenizer::kGpt2) return gpt2_piece_end(text, start, false);
  if (pre == PreTokenizer::kSmolLm) return gpt2_piece_end(text, start, true);
  if (pre == PreTokenizer::kWhitespace) return whitespace_piece_end(text, start);
  return pattern_piece_end(pattern_of(pre), text, start);
}

}  // namespace camelgpt
