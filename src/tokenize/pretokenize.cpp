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

// 's 't 're 've 'm 'll 'd at the start of `text`: its length, or 0. With `any_case` also in capitals, and with the long s
// (U+017F), which is the one other character that (?i) takes for one of these letters.
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
// SmolLM first makes every number character a piece of its own (Digits with individual_digits, which asks for Nd, Nl and No)
// and uses GPT-2's pattern on what lies between, where a text thus ends before each number: `numbers_apart`. (The reference's
// Digits is one version of Unicode ahead of its patterns: U+11DE0 to U+11DE9 and U+16FF4 to U+16FF6 are numbers to it alone.)
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

// Llama 3, and Qwen 2 with `\p{N}` in place of `\p{N}{1,3}`:
//   (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
//
// Qwen 2's tokenizer also normalises text to NFC first. That is left out here, as in llama.cpp: it would need tables of
// composition, and text that people type is in NFC already.
size_t llama_piece_end(std::string_view text, size_t start, uint32_t digits) {
  const size_t contraction = contraction_length(text.substr(start), true);
  if (contraction > 0) return start + contraction;

  const Character first = character_at(text, start);
  if (first.is(kLetters)) return run_end(text, start + first.length, kLetters);
  if (first.is(kNumbers)) {
    size_t end = start + first.length;
    for (uint32_t i = 1; i < digits; ++i) {
      const Character next = character_at(text, end);
      if (!next.is(kNumbers)) break;
      end += next.length;
    }
    return end;
  }

  const Character second = character_at(text, start + first.length);
  if (second.is(kLetters) && !first.is_line_end()) {
    return run_end(text, start + first.length + second.length, kLetters);
  }

  const size_t symbols = first.code_point == ' ' ? start + 1 : start;
  if (character_at(text, symbols).is(kOthers)) {
    size_t end = run_end(text, symbols, kOthers);
    while (character_at(text, end).is_line_end()) ++end;
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
size_t word_end(std::string_view text, size_t start) {
  return run_end(text, run_end(text, start, kSpaces), ~kSpaces);
}

}  // namespace

size_t piece_end(PreTokenizer pre, std::string_view text, size_t start) {
  assert(start < text.size());
  switch (pre) {
    case PreTokenizer::kGpt2: return gpt2_piece_end(text, start, false);
    case PreTokenizer::kSmolLm: return gpt2_piece_end(text, start, true);
    case PreTokenizer::kLlamaBpe: return llama_piece_end(text, start, 3);
    case PreTokenizer::kQwen2: return llama_piece_end(text, start, 1);
    case PreTokenizer::kWhitespace: return word_end(text, start);
  }
  return text.size();
}

}  // namespace camelgpt
