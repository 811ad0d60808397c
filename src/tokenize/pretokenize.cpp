#include "tokenize/pretokenize.h"

#include <cassert>
#include <cstdint>
#include <span>

#include "tokenize/split_patterns.h"
#include "tokenize/text_character.h"

namespace camelgpt {
namespace {

// --- character sets ---

struct CodePoints {
  uint32_t first, last;
};

// The characters of `classes` and those of `ranges`, or without those of `ranges`.
struct CharacterSet {
  uint32_t classes;
  std::span<const CodePoints> ranges = {};
  bool without_ranges = false;

  bool contains(const Character& character) const {
    const bool in_classes = character.is(classes);
    if (ranges.empty() || in_classes != without_ranges) return in_classes;
    for (const CodePoints& range : ranges) {
      if (character.code_point >= range.first && character.code_point <= range.last)
        return character.length > 0 && !without_ranges;
    }
    return in_classes;
  }
};

constexpr uint32_t kPunctuation = mask_of(CharacterClass::kPunctuation), kSymbols = mask_of(CharacterClass::kSymbol),
                   kCased = mask_of(CharacterClass::kUppercase) | mask_of(CharacterClass::kLowercase);

constexpr CodePoints kLineEndRanges[] = {{'\r', '\r'}, {'\n', '\n'}};
constexpr CodePoints kNewLineRanges[] = {{'\n', '\n'}};
constexpr CodePoints kAsciiDigitRanges[] = {{'0', '9'}};
constexpr CodePoints kFalconSymbolRanges[] = {{'$', '$'}, {'+', '+'}, {'<', '>'}, {'^', '^'},
                                              {'|', '|'}, {'~', '~'}, {'`', '`'}};
constexpr std::span<const CodePoints> kFalconSymbols = kFalconSymbolRanges;
constexpr CodePoints kBloomBreaks[] = {{'(', ')'},     {'|', '|'},       {'.', '.'},       {',', ','},
                                       {'!', '!'},     {'?', '?'},       {0x60c, 0x60c},   {0x6d4, 0x6d4},
                                       {0x964, 0x964}, {0x2026, 0x2026}, {0x3001, 0x3002}, {0xff0c, 0xff0c}};
// DeepSeek's letters are the cased ones (Lu, Ll, Lt) of an old version of Unicode without these.
constexpr CodePoints kNotDeepSeekLetters[] = {
    {0x560, 0x588},   {0x10c7, 0x10ff},   {0x1c80, 0x1c8a},   {0x2d00, 0x2d2d},   {0xa790, 0xa7fa},
    {0xab30, 0xab68}, {0x10570, 0x105bc}, {0x10d50, 0x10d85}, {0x16e40, 0x16e7f}, {0x1d400, 0x1df2a}};
constexpr CodePoints kDeepSeekMarks[] = {{'!', '/'},       {':', '~'},       {0xff01, 0xff0f},
                                         {0xff1a, 0xff5e}, {0x2018, 0x201f}, {0x3000, 0x3002}};
constexpr CodePoints kDeepSeekWideRanges[] = {{0x800, 0x9fa5}, {0xac00, 0xd7ff}};
constexpr CodePoints kHanAndKanaRanges[] = {{0x4e00, 0x9fa5}, {0x3040, 0x30ff}};
constexpr CodePoints kHangulRanges[] = {{0xac00, 0xd7a3}, {0x3131, 0x318e}};
constexpr CodePoints kYoutuMarks[] = {{0xff01, 0xff01}, {0x2026, 0x2026}, {0x201c, 0x201d},
                                      {0x2018, 0x2019}, {0x2014, 0x2014}, {0xff1a, 0xff1b},
                                      {0xff0c, 0xff0c}, {0x3001, 0x303f}, {0xfe30, 0xfe4f}};
constexpr CodePoints kBopomofoRanges[] = {{0x3105, 0x312f}};

// --- expressions ---

enum class Lead : uint8_t { kNone, kSpace, kAnySpace };

// An optional space, then `minimum` to `maximum` characters of a set.
struct RunPattern {
  CharacterSet set;
  uint32_t minimum = 1;
  uint32_t maximum = UINT32_MAX;
  Lead lead = Lead::kNone;
};

constexpr RunPattern kLineEnd = {{0, kLineEndRanges}, 1, 1};                     // [\r\n]
constexpr RunPattern kNewLines = {{0, kNewLineRanges}};                          // \n+
constexpr RunPattern kNumber = {{kNumbers}, 1, 1};                               // \p{N}
constexpr RunPattern kNumberRun = {{kNumbers}};                                  // \p{N}+
constexpr RunPattern kThreeNumbers = {{kNumbers}, 1, 3};                         // \p{N}{1,3}
constexpr RunPattern kThreeDigits = {{0, kAsciiDigitRanges}, 3, 3};              // [0-9][0-9][0-9]
constexpr RunPattern kFalconMarks = {{kPunctuation, kFalconSymbols}};            // [\p{P}\$\+<=>\^~\|`]+
constexpr RunPattern kDefaultMarks = {{kPunctuation, kFalconSymbols.first(6)}};  // the same without `
constexpr RunPattern kBloomWord = {{~kSpaces, kBloomBreaks, true}, 1, UINT32_MAX, Lead::kSpace};
constexpr RunPattern kDeepSeekWord = {{kCased, kNotDeepSeekLetters, true}, 1, UINT32_MAX, Lead::kAnySpace};
constexpr RunPattern kDeepSeekPunctuation = {{0, kDeepSeekMarks}, 1, UINT32_MAX, Lead::kAnySpace};
constexpr RunPattern kDeepSeekWide = {{0, kDeepSeekWideRanges}};
constexpr RunPattern kLetterWord = {{kLetters}, 1, UINT32_MAX, Lead::kAnySpace};           // \s?\p{L}+
constexpr RunPattern kPunctuationWord = {{kPunctuation}, 1, UINT32_MAX, Lead::kAnySpace};  // \s?\p{P}+
constexpr RunPattern kHanAndKana = {{0, kHanAndKanaRanges}};
constexpr RunPattern kHangul = {{0, kHangulRanges}};
constexpr RunPattern kYoutuPunctuation = {{0, kYoutuMarks}};
constexpr RunPattern kBopomofo = {{0, kBopomofoRanges}};

constexpr WordPattern kLlamaWords = {};
constexpr WordPattern kQwenWords = {.digits = 1};
constexpr WordPattern kQwen35Words = {.letters = kLetters | kMarks, .punctuation = kOthers & ~kMarks, .digits = 1};
constexpr WordPattern kSeedWords = {.digits = 1, .line_ends_after_punctuation = false};
constexpr WordPattern kUfakzekaWords = {.digits = 1, .contractions_separate = false};
constexpr WordPattern kGpt4oWords = {
    .contractions_separate = false, .contractions_in_words = true, .split_case = true, .slash_after_punctuation = true};
constexpr WordPattern kYoutuWords = {.digits = 1,
                                     .contractions_separate = false,
                                     .contractions_in_words = true,
                                     .split_case = true,
                                     .slash_after_punctuation = true};
constexpr WordPattern kTekkenWords = {
    .digits = 1, .contractions_separate = false, .split_case = true, .slash_after_punctuation = true};
constexpr WordPattern kDeepSeekWords = {.letters = kLetters | kMarks,
                                        .never_lead = kLetters | kPunctuation | kSymbols,
                                        .punctuation = kPunctuation | kSymbols,
                                        .digits = 0,
                                        .contractions_separate = false,
                                        .marked_ascii_words = true};

enum class PassKind : uint8_t {
  kRun,
  kWords,
  kGpt2,
  kNumbersThenGpt2,  // SmolLM's two passes in one
  kDigitGroups,      // a run of numbers in groups of three, counted from its end
  kTrailingSpaces,   // \s+$
  kWhitespaceWords,  // \s*\S*
};

}  // namespace

struct SplitPass {
  PassKind kind;
  const RunPattern* run = nullptr;
  const WordPattern* words = nullptr;
};

namespace {

constexpr SplitPass run_pass(const RunPattern& pattern) { return {PassKind::kRun, &pattern}; }
constexpr SplitPass word_pass(const WordPattern& pattern) { return {PassKind::kWords, nullptr, &pattern}; }
constexpr SplitPass kGpt2Pass = {PassKind::kGpt2}, kDigitGroupPass = {PassKind::kDigitGroups};

// --- rules ---

constexpr SplitPass kGpt2Passes[] = {kGpt2Pass};
constexpr SplitPass kSmolLmPasses[] = {{PassKind::kNumbersThenGpt2}};
constexpr SplitPass kLlamaPasses[] = {word_pass(kLlamaWords)};
constexpr SplitPass kQwen2Passes[] = {word_pass(kQwenWords)};
constexpr SplitPass kQwen35Passes[] = {word_pass(kQwen35Words)};
constexpr SplitPass kGpt4oPasses[] = {word_pass(kGpt4oWords)};
constexpr SplitPass kTekkenPasses[] = {word_pass(kTekkenWords)};
constexpr SplitPass kWhitespacePasses[] = {{PassKind::kWhitespaceWords}};
constexpr SplitPass kDefaultPasses[] = {run_pass(kDefaultMarks), kGpt2Pass, run_pass(kNumberRun),
                                        run_pass(kThreeDigits)};
constexpr SplitPass kFalconPasses[] = {run_pass(kFalconMarks), kGpt2Pass, run_pass(kThreeDigits)};
constexpr SplitPass kDeepSeekLlmPasses[] = {
    run_pass(kLineEnd),          run_pass(kDeepSeekWord), run_pass(kDeepSeekPunctuation),
    {PassKind::kTrailingSpaces}, run_pass(kDeepSeekWide), run_pass(kNumberRun)};
constexpr SplitPass kDeepSeekCoderPasses[] = {run_pass(kLineEnd), run_pass(kLetterWord), run_pass(kPunctuationWord),
                                              run_pass(kDeepSeekWide), run_pass(kNumber)};
constexpr SplitPass kDeepSeekV3Passes[] = {run_pass(kThreeNumbers), run_pass(kHanAndKana), word_pass(kDeepSeekWords)};
constexpr SplitPass kBloomPasses[] = {run_pass(kBloomWord)};
constexpr SplitPass kVikingPasses[] = {run_pass(kBloomWord), run_pass(kNumber)};
constexpr SplitPass kSuperBpePasses[] = {run_pass(kNumberRun), kDigitGroupPass};
constexpr SplitPass kTinyAyaPasses[] = {run_pass(kNumberRun), kDigitGroupPass, word_pass(kGpt4oWords)};
constexpr SplitPass kYoutuPasses[] = {run_pass(kHangul), run_pass(kYoutuPunctuation), run_pass(kBopomofo),
                                      run_pass(kHanAndKana), word_pass(kYoutuWords)};
constexpr SplitPass kLagunaPasses[] = {run_pass(kNewLines), word_pass(kQwenWords)};
constexpr SplitPass kSeedCoderPasses[] = {word_pass(kSeedWords)};
constexpr SplitPass kUfakzekaPasses[] = {word_pass(kUfakzekaWords)};
constexpr SplitPass kMiniCpm5Passes[] = {run_pass(kThreeNumbers), word_pass(kLlamaWords)};
constexpr SplitPass kLinesPasses[] = {run_pass(kNewLines)};

std::span<const SplitPass> passes_of(PreTokenizer pre) {
  switch (pre) {
    case PreTokenizer::kGpt2: return kGpt2Passes;
    case PreTokenizer::kSmolLm: return kSmolLmPasses;
    case PreTokenizer::kLlamaBpe: return kLlamaPasses;
    case PreTokenizer::kQwen2: return kQwen2Passes;
    case PreTokenizer::kQwen35: return kQwen35Passes;
    case PreTokenizer::kGpt4o: return kGpt4oPasses;
    case PreTokenizer::kTekken: return kTekkenPasses;
    case PreTokenizer::kWhitespace: return kWhitespacePasses;
    case PreTokenizer::kDefault: return kDefaultPasses;
    case PreTokenizer::kFalcon: return kFalconPasses;
    case PreTokenizer::kDeepSeekLlm: return kDeepSeekLlmPasses;
    case PreTokenizer::kDeepSeekCoder: return kDeepSeekCoderPasses;
    case PreTokenizer::kDeepSeekV3: return kDeepSeekV3Passes;
    case PreTokenizer::kBloom: return kBloomPasses;
    case PreTokenizer::kViking: return kVikingPasses;
    case PreTokenizer::kSuperBpe: return kSuperBpePasses;
    case PreTokenizer::kTinyAya: return kTinyAyaPasses;
    case PreTokenizer::kYoutu: return kYoutuPasses;
    case PreTokenizer::kLaguna: return kLagunaPasses;
    case PreTokenizer::kSeedCoder: return kSeedCoderPasses;
    case PreTokenizer::kUfakzeka: return kUfakzekaPasses;
    case PreTokenizer::kMiniCpm5: return kMiniCpm5Passes;
    case PreTokenizer::kLines: return kLinesPasses;
  }
  return kGpt2Passes;
}

// --- matching ---

// Returns the end of at least `minimum` characters of the set, or `start`.
size_t set_run_end(const RunPattern& pattern, std::string_view text, size_t start) {
  size_t end = start;
  uint32_t count = 0;
  for (; count < pattern.maximum; ++count) {
    const Character next = character_at(text, end);
    if (!pattern.set.contains(next)) break;
    end += next.length;
  }
  return count >= pattern.minimum ? end : start;
}

size_t run_pattern_end(const RunPattern& pattern, std::string_view text, size_t start) {
  if (pattern.lead != Lead::kNone) {
    const Character first = character_at(text, start);
    const bool leads = pattern.lead == Lead::kSpace ? first.code_point == ' ' : first.is(kSpaces);
    const size_t after = start + first.length;
    const size_t end = leads ? set_run_end(pattern, text, after) : after;
    if (end > after) return end;
  }
  return set_run_end(pattern, text, start);
}

// Returns the end of the next group of a run of numbers, which is a piece that begins at `run_begin`.
size_t digit_group_end(std::string_view text, size_t run_begin, size_t start) {
  if (!character_at(text, start).is(kNumbers)) return start;
  uint32_t count = 3;
  if (start == run_begin) {
    uint32_t all = 0;
    for (size_t at = start; at < text.size(); ++all) at += character_at(text, at).length;
    count = all % 3 == 0 ? 3 : all % 3;
  }
  size_t end = start;
  for (; count > 0; --count) end += character_at(text, end).length;
  return end;
}

// Returns where the white space at the end of the text begins.
size_t trailing_space_begin(std::string_view text) {
  size_t begin = text.size();
  while (begin > 0) {
    size_t before = begin - 1;
    while (before > 0 && (static_cast<uint8_t>(text[before]) & 0xc0) == 0x80) --before;
    if (!character_at(text, before).is(kSpaces)) break;
    begin = before;
  }
  return begin;
}

// Returns the end of the match at `start`, or `start`.
size_t match_end(const SplitPass& pass, std::string_view text, size_t outer_begin, size_t start) {
  switch (pass.kind) {
    case PassKind::kRun: return run_pattern_end(*pass.run, text, start);
    case PassKind::kWords: return word_pattern_end(*pass.words, text, start);
    case PassKind::kGpt2: return gpt2_piece_end(text, start, false);
    case PassKind::kNumbersThenGpt2: return gpt2_piece_end(text, start, true);
    case PassKind::kDigitGroups: return digit_group_end(text, outer_begin, start);
    case PassKind::kWhitespaceWords: return run_end(text, run_end(text, start, kSpaces), ~kSpaces);
    case PassKind::kTrailingSpaces: break;
  }
  return start;
}

// Returns the end of the piece at `start`: a match, or the text before the next match. The current piece of the pass
// before begins at `outer_begin` and ends with `text`.
size_t pass_end(const SplitPass& pass, std::string_view text, size_t outer_begin, size_t start) {
  if (pass.kind == PassKind::kTrailingSpaces) {
    // The text before may begin with spaces of an earlier piece; this piece's own spaces are those from `start` on.
    const size_t spaces = start + trailing_space_begin(text.substr(start));
    return spaces > start ? spaces : text.size();
  }
  size_t end = match_end(pass, text, outer_begin, start);
  if (end > start) return end;
  do {
    end += character_at(text, end).length;
  } while (end < text.size() && match_end(pass, text, outer_begin, end) == end);
  return end;
}

}  // namespace

PieceCursor::PieceCursor(PreTokenizer pre, std::string_view whole) : text(whole) {
  const std::span<const SplitPass> rule = passes_of(pre);
  assert(rule.size() <= kMaxPasses);
  passes = rule.data();
  pass_count = rule.size();
}

bool PieceCursor::next(std::string_view* piece) {
  if (start == text.size()) return false;
  size_t limit = text.size(), outer_begin = 0;
  for (size_t i = 0; i < pass_count; ++i) {
    if (ends[i] <= start) {
      begins[i] = start;
      ends[i] = pass_end(passes[i], text.substr(0, limit), outer_begin, start);
    }
    limit = ends[i];
    outer_begin = begins[i];
  }
  *piece = text.substr(start, limit - start);
  start = limit;
  return true;
}

}  // namespace camelgpt
