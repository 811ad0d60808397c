#include "tokenize/pretokenize.h"

#include <cassert>
#include <cstdint>

#include "base/utf8.h"
#include "tokenize/unicode_tables.h"

namespace camelgpt {
namespace {

struct Character {
  uint32_t code_point;
  uint32_t length;  // bytes; 0 behind the end of the text
  uint32_t mask;    // of its class; none there

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

// The end of the run of characters of these classes that starts at `position`.
size_t run_end(std::string_view text, size_t position, uint32_t classes) {
  for (;;) {
    const Character character = character_at(text, position);
    if (!character.is(classes)) return position;
    position += character.length;
  }
}

// 's 't 're 've 'm 'll 'd at the start of `text`: its length, or 0. With `any_case` also in capitals, and with the long
// s (U+017F), which is the one other character that (?i) takes for one of these letters.
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

// `\s+(?!\S)|\s+` at a white space: the run, but its last character is left to a word that follows.
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
// SmolLM first makes every number character a piece of its own (Digits with individual_digits, which asks for Nd, Nl
// and No) and uses GPT-2's pattern on what lies between, where a text thus ends before each number: `numbers_apart`.
// (The reference's Digits is one version of Unicode ahead of its patterns: U+11DE0 to U+11DE9 and U+16FF4 to U+16FF6
// are numbers to it alone.)
size_t gpt2_piece_end(std::string_view text, size_t start, bool numbers_apart) {
  const size_t contraction = contraction_length(text.substr(start), false);
  if (contraction > 0) return start + contraction;

  const Character first = character_at(text, start);
  if (numbers_apart && first.is(kNumbers)) return start + first.length;
  const size_t word_start = start + (first.code_point == ' ' ? 1 : 0);
  const Character word = character_at(text, word_start);
  for (const uint32_t classes : {kLetters, numbers_apart ? 0 : kNumbers, kOthers}) {
    if (word.is(classes)) return run_end(text, word_start, classes);
  }
  return space_end(text, start, numbers_apart);
}

// The patterns of the kind that Llama 3 has: an apostrophe's ending, a word, a number, signs, line ends, spaces. With C
// the classes of `letters`:
//   (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[C]+|\p{N}{1,digits}| ?[^\s C
//   \p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
//
// Some of the tokenizers also normalise text to NFC first. That is left out here, as in llama.cpp: it would need tables
// of composition, and text that people type is in NFC already.
struct WordPattern {
  uint32_t letters = kLetters;
  uint32_t digits = 3;           // at most so many in one piece
  bool ends_stand_alone = true;  // 's and the like are pieces
  bool ends_belong_to_words = false;
  bool cuts_at_capitals = false;  // a word is capitals then small letters, see cased_word_end
  bool slash_ends_signs = false;  // [\r\n/]* behind signs
};

constexpr WordPattern pattern_of(PreTokenizer pre) {
  switch (pre) {
    case PreTokenizer::kQwen2: return {.digits = 1};
    case PreTokenizer::kQwen35: return {.letters = kLetters | kMarks, .digits = 1};
    case PreTokenizer::kGpt4o:
      return {
          .ends_stand_alone = false, .ends_belong_to_words = true, .cuts_at_capitals = true, .slash_ends_signs = true};
    case PreTokenizer::kTekken:
      return {.digits = 1, .ends_stand_alone = false, .cuts_at_capitals = true, .slash_ends_signs = true};
    default: return {};
  }
}

// [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+ or, where that is nothing and `capitals_alone` is set, the
// former alone, at least one. The end, or `start` if there is neither.
size_t cased_word_end(std::string_view text, size_t start, bool capitals_alone) {
  constexpr uint32_t kBoth = mask_of(CharacterClass::kLetter) | kMarks;
  constexpr uint32_t kCapitals = kBoth | mask_of(CharacterClass::kCapital),
                     kSmalls = kBoth | mask_of(CharacterClass::kSmall);
  size_t end = start, last_both = start;  // behind the last that is in both
  for (Character next = character_at(text, end); next.is(kCapitals); next = character_at(text, end)) {
    end += next.length;
    if (next.is(kBoth)) last_both = end;
  }
  const size_t small_end = run_end(text, end, kSmalls);
  if (small_end > end) return small_end;
  return capitals_alone ? end : last_both;
}

// The end of a word that may begin with one character that is neither letter, number nor line end, or `start`.
size_t word_end(const WordPattern& pattern, std::string_view text, size_t start) {
  const Character first = character_at(text, start);
  const bool may_lead = first.length > 0 && !first.is(kLetters | kNumbers) && !first.is_line_end();
  const size_t behind = start + first.length;
  size_t end = start;
  if (!pattern.cuts_at_capitals) {
    if (may_lead) end = run_end(text, behind, pattern.letters);
    if (!may_lead || end == behind) end = run_end(text, start, pattern.letters);
    return end;
  }
  for (const bool capitals_alone : {false, true}) {
    if (may_lead) end = cased_word_end(text, behind, capitals_alone);
    if (!may_lead || end == behind) end = cased_word_end(text, start, capitals_alone);
    if (end > start) break;
  }
  return end > start && pattern.ends_belong_to_words ? end + contraction_length(text.substr(end), true) : end;
}

size_t pattern_piece_end(const WordPattern& pattern, std::string_view text, size_t start) {
  const size_t contraction = pattern.ends_stand_alone ? contraction_length(text.substr(start), true) : 0;
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

  const uint32_t sign_classes = kOthers & ~pattern.letters;
  const size_t signs = first.code_point == ' ' ? start + 1 : start;
  if (character_at(text, signs).is(sign_classes)) {
    size_t end = run_end(text, signs, sign_classes);
    for (Character next = character_at(text, end);
         next.is_line_end() || (pattern.slash_ends_signs && next.code_point == '/'); next = character_at(text, end)) {
      ++end;
    }
    return end;
  }

  // `\s*[\r\n]+` goes back from the end of the white space to the last line end in it.
  size_t after_line_end = start, end = start;
  for (Character next = first; next.is(kSpaces); next = character_at(text, end)) {
    end += next.length;
    if (next.is_line_end()) after_line_end = end;
  }
  return after_line_end > start ? after_line_end : space_end(text, start, false);
}

// \s*\S* : a word with the white space before it.
size_t word_end(std::string_view text, size_t start) { return run_end(text, run_end(text, start, kSpaces), ~kSpaces); }

}  // namespace

size_t piece_end(PreTokenizer pre, std::string_view text, size_t start) {
  assert(start < text.size());
  const bool numbers_apart = pre == PreTokenizer::kSmolLm;
  if (pre == PreTokenizer::kGpt2 || numbers_apart) return gpt2_piece_end(text, start, numbers_apart);
  if (pre == PreTokenizer::kWhitespace) return word_end(text, start);
  return pattern_piece_end(pattern_of(pre), text, start);
}

}  // namespace camelgpt
