#include "tokenize/split_patterns.h"

#include "tokenize/text_character.h"

namespace camelgpt {
namespace {

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

// Returns the end of a word, which may start with one other character. Returns `start` without a match.
size_t word_end(const WordPattern& pattern, std::string_view text, size_t start) {
  const Character first = character_at(text, start);
  const bool may_lead = first.length > 0 && !first.is(pattern.never_lead) && !first.is_line_end();
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

// [!-/:-@\[-`{-~][A-Za-z]+. Returns `start` without a match.
size_t marked_word_end(std::string_view text, size_t start) {
  constexpr uint32_t kMarked = mask_of(CharacterClass::kPunctuation) | mask_of(CharacterClass::kSymbol);
  const auto is_ascii_letter = [text](size_t at) {
    return at < text.size() && (text[at] | 32) >= 'a' && (text[at] | 32) <= 'z';
  };
  const Character first = character_at(text, start);
  if (first.code_point >= 128 || !first.is(kMarked)) return start;
  size_t end = start + 1;
  while (is_ascii_letter(end)) ++end;
  return end > start + 1 ? end : start;
}

}  // namespace

size_t word_pattern_end(const WordPattern& pattern, std::string_view text, size_t start) {
  const size_t contraction = pattern.contractions_separate ? contraction_length(text.substr(start), true) : 0;
  if (contraction > 0) return start + contraction;
  if (pattern.marked_ascii_words) {
    const size_t marked = marked_word_end(text, start);
    if (marked > start) return marked;
  }
  const size_t word = word_end(pattern, text, start);
  if (word > start) return word;

  const Character first = character_at(text, start);
  if (pattern.digits > 0 && first.is(kNumbers)) {
    size_t end = start + first.length;
    for (uint32_t i = 1; i < pattern.digits; ++i) {
      const Character next = character_at(text, end);
      if (!next.is(kNumbers)) break;
      end += next.length;
    }
    return end;
  }

  const size_t punctuation = first.code_point == ' ' ? start + 1 : start;
  if (character_at(text, punctuation).is(pattern.punctuation)) {
    size_t end = run_end(text, punctuation, pattern.punctuation);
    for (Character next = character_at(text, end); (pattern.line_ends_after_punctuation && next.is_line_end()) ||
                                                   (pattern.slash_after_punctuation && next.code_point == '/');
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

}  // namespace camelgpt
