#include <cstdio>
#include <string>
#include <vector>

#include "doctest/doctest.h"
#include "piece_goldens.h"
#include "tokenize/pretokenize.h"
#include "tokenize/unicode_tables.h"

namespace camelgpt {
namespace {

// Joins the pieces of `text` with '|'.
std::string cut(PreTokenizer pre, std::string_view text) {
  std::string joined;
  PieceCursor cursor(pre, text);
  for (std::string_view piece; cursor.next(&piece);) {
    REQUIRE(!piece.empty());
    if (!joined.empty()) joined += '|';
    joined += piece;
  }
  return joined;
}

struct Case {
  std::string_view text, gpt2, llama;
};

TEST_CASE("pieces are words with the space before them") {
  const Case cases[] = {
      {"Hello world", "Hello| world", "Hello| world"},
      {"a  b", "a| | b", "a| | b"},
      {" a", " a", " a"},
      {"a ", "a| ", "a| "},
      {"a   ", "a|   ", "a|   "},
      {"a\tb", "a|\t|b", "a|\tb"},
      {"a\t\tb", "a|\t|\t|b", "a|\t|\tb"},
      {"\xc2\xa0word", "\xc2\xa0|word", "\xc2\xa0word"},
      {"(word)", "(|word|)", "(word|)"},
      {" (word", " (|word", " (|word"},
      {"a!?b", "a|!?|b", "a|!?|b"},
      {"a !?", "a| !?", "a| !?"},
      {"a  !", "a| | !", "a| | !"},
      {"\xe4\xb8\xad\xe6\x96\x87\xef\xbc\x8c\xe5\xa5\xbd", "\xe4\xb8\xad\xe6\x96\x87|\xef\xbc\x8c|\xe5\xa5\xbd",
       "\xe4\xb8\xad\xe6\x96\x87|\xef\xbc\x8c\xe5\xa5\xbd"},
      {"e\xcc\x81t", "e|\xcc\x81|t", "e|\xcc\x81t"},  // a combining mark is not a letter
  };
  for (const Case& each : cases) {
    CHECK(cut(PreTokenizer::kGpt2, each.text) == each.gpt2);
    CHECK(cut(PreTokenizer::kSmolLm, each.text) == each.gpt2);
    CHECK(cut(PreTokenizer::kLlamaBpe, each.text) == each.llama);
    CHECK(cut(PreTokenizer::kQwen2, each.text) == each.llama);
  }
}

TEST_CASE("line ends and runs of white space are split as in the patterns") {
  const Case cases[] = {
      {"a\nb", "a|\n|b", "a|\n|b"},
      {"a\n\nb", "a|\n|\n|b", "a|\n\n|b"},
      {"a \n b", "a| \n| b", "a| \n| b"},
      {"a\n  b", "a|\n | b", "a|\n| | b"},
      {"a \n \n  b", "a| \n \n | b", "a| \n \n| | b"},
      {"a!\n\nb", "a|!|\n|\n|b", "a|!\n\n|b"},
      {"a!\n b", "a|!|\n| b", "a|!\n| b"},
      {"\r\n", "\r\n", "\r\n"},
      {"\n\tb", "\n|\t|b", "\n|\tb"},
      {" \n", " \n", " \n"},
      {"\n ", "\n ", "\n| "},
      {"\xe3\x80\x80\xe3\x80\x80x", "\xe3\x80\x80|\xe3\x80\x80|x", "\xe3\x80\x80|\xe3\x80\x80x"},
  };
  for (const Case& each : cases) {
    CHECK(cut(PreTokenizer::kGpt2, each.text) == each.gpt2);
    CHECK(cut(PreTokenizer::kLlamaBpe, each.text) == each.llama);
  }
}

TEST_CASE("contractions are pieces of their own, in any case for Llama 3") {
  CHECK(cut(PreTokenizer::kGpt2, "don't we'll I'VE") == "don|'t| we|'ll| I|'|VE");
  CHECK(cut(PreTokenizer::kLlamaBpe, "don't we'll I'VE I'Ve") == "don|'t| we|'ll| I|'VE| I|'Ve");
  CHECK(cut(PreTokenizer::kGpt2, "'sup 'x") == "'s|up| '|x");
  CHECK(cut(PreTokenizer::kLlamaBpe, "'sup 'x") == "'s|up| '|x");
  CHECK(cut(PreTokenizer::kLlamaBpe, "'x'r'l'") == "'x|'r|'l|'");
  CHECK(cut(PreTokenizer::kGpt2, "\xe2\x80\x99s") == "\xe2\x80\x99|s");
  CHECK(cut(PreTokenizer::kGpt2, "'\xc5\xbf") == "'|\xc5\xbf");
  CHECK(cut(PreTokenizer::kQwen2, "'\xc5\xbfs") == "'\xc5\xbf|s");  // (?i) folds the long s to s
  CHECK(cut(PreTokenizer::kQwen2, "'") == "'");
}

TEST_CASE("numbers are split into groups of digits") {
  constexpr std::string_view text = "a 1234567 b12";
  CHECK(cut(PreTokenizer::kGpt2, text) == "a| 1234567| b|12");
  CHECK(cut(PreTokenizer::kSmolLm, text) == "a| |1|2|3|4|5|6|7| b|1|2");
  CHECK(cut(PreTokenizer::kLlamaBpe, text) == "a| |123|456|7| b|12");
  CHECK(cut(PreTokenizer::kQwen2, text) == "a| |1|2|3|4|5|6|7| b|1|2");
  // A number ends the text before it, so the spaces stay together.
  CHECK(cut(PreTokenizer::kSmolLm, "a   1") == "a|   |1");
  CHECK(cut(PreTokenizer::kGpt2, "a   1") == "a|  | 1");
  CHECK(cut(PreTokenizer::kLlamaBpe, "a   1") == "a|  | |1");
  // Digits of any script, fractions, Roman numerals: \p{N}.
  CHECK(cut(PreTokenizer::kSmolLm, "\xd9\xa1\xc2\xbd\xe2\x85\xa7") == "\xd9\xa1|\xc2\xbd|\xe2\x85\xa7");
  CHECK(cut(PreTokenizer::kLlamaBpe,
            "\xd9\xa1\xc2\xbd\xe2\x85\xa7"
            "1") == "\xd9\xa1\xc2\xbd\xe2\x85\xa7|1");
}

std::string read_hard_text() {
  std::FILE* file = std::fopen("tests/data/tokenizer-hard.txt", "rb");
  REQUIRE_MESSAGE(file != nullptr, "run the tests from the root of the repository");
  std::string text(1 << 16, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file));
  std::fclose(file);
  return text;
}

template <size_t count>
void check_goldens(PreTokenizer pre, const std::string& text, const uint8_t (&lengths)[count]) {
  PieceCursor cursor(pre, text);
  std::string_view piece;
  for (const uint8_t length : lengths) {
    CAPTURE(cursor.start);
    REQUIRE(cursor.next(&piece));
    REQUIRE(piece.size() == length);
  }
  CHECK(!cursor.next(&piece));
}

TEST_CASE("words are split before a capital that follows a lower-case letter") {
  CHECK(cut(PreTokenizer::kGpt4o, "helloWorld HTTPServer it's IT'S x1234") ==
        "hello|World| HTTPServer| it's| IT'S| x|123|4");
  CHECK(cut(PreTokenizer::kTekken, "helloWorld HTTPServer it's x12") == "hello|World| HTTPServer| it|'s| x|1|2");
  // Letters without case match both sets; a capital after the last of them starts a new word.
  CHECK(cut(PreTokenizer::kGpt4o,
            "AB\xe4\xb8\xad"
            "CD") == "AB\xe4\xb8\xad|CD");
  CHECK(cut(PreTokenizer::kGpt4o,
            "\xe4\xb8\xad"
            "Ab ABC") ==
        "\xe4\xb8\xad"
        "Ab| ABC");
  // A mark before an all-capitals word is a word of its own, because lower case is tried first.
  CHECK(cut(PreTokenizer::kGpt4o,
            "\xcc\x81"
            "AB") == "\xcc\x81|AB");
  CHECK(cut(PreTokenizer::kGpt4o, " //\n/x (A") == " //\n/|x| (|A");
  CHECK(cut(PreTokenizer::kQwen35, "e\xcc\x81t !\xcc\x81") == "e\xcc\x81t| !|\xcc\x81");
}

TEST_CASE("pieces of a hard text match the reference's regular expressions") {
  const std::string text = read_hard_text();
  check_goldens(PreTokenizer::kGpt2, text, kGpt2Pieces);
  check_goldens(PreTokenizer::kSmolLm, text, kSmollmPieces);
  check_goldens(PreTokenizer::kLlamaBpe, text, kLlamaBpePieces);
  check_goldens(PreTokenizer::kQwen2, text, kQwen2Pieces);
  check_goldens(PreTokenizer::kQwen35, text, kQwen35Pieces);
  check_goldens(PreTokenizer::kGpt4o, text, kGpt4oPieces);
  check_goldens(PreTokenizer::kTekken, text, kTekkenPieces);
  for (const PieceDigest& golden : kPieceDigests) {
    CAPTURE(static_cast<int>(golden.pre));
    uint32_t pieces = 0;
    uint64_t fnv = 0xcbf29ce484222325;
    PieceCursor cursor(golden.pre, text);
    for (std::string_view piece; cursor.next(&piece); ++pieces) fnv = (fnv ^ piece.size()) * 0x100000001b3;
    CHECK(pieces == golden.pieces);
    CHECK(fnv == golden.fnv);
  }
}

TEST_CASE("rules of several passes split the pieces of the pass before") {
  CHECK(cut(PreTokenizer::kDefault, "a+1234 b`c 5") == "a|+|123|4| b|`|c| |5");
  CHECK(cut(PreTokenizer::kFalcon, "a`12345 '9s x's") == "a|`|123|45| |'|9|s| x|'|s");
  CHECK(cut(PreTokenizer::kDeepSeekCoder, "a\t(b  c\r\n12") == "a|\t(|b| | c|\r|\n|1|2");
  CHECK(cut(PreTokenizer::kDeepSeekV3, "x.foo 1234\nif (a)") == "x|.foo| |123|4|\n|if| (|a|)");
  CHECK(cut(PreTokenizer::kDeepSeekLlm, "a  b  ") == "a| | b|  ");
  CHECK(cut(PreTokenizer::kViking, "ab 12,c") == "ab| |1|2|,|c");
  CHECK(cut(PreTokenizer::kSuperBpe, "is 1234567 and 12") == "is |1|234|567| and |12");
  CHECK(cut(PreTokenizer::kTinyAya, "1234567x12 123") == "1|234|567|x|12| |123");
  CHECK(cut(PreTokenizer::kLines, "a b\n\n c\n") == "a b|\n\n| c|\n");
  CHECK(cut(PreTokenizer::kSeedCoder, "a!\nb") == "a|!|\n|b");
  CHECK(cut(PreTokenizer::kUfakzeka, "Ali'yi") == "Ali|'yi");
}

TEST_CASE("long runs are split in linear time") {
  for (int pre = 0; pre <= static_cast<int>(PreTokenizer::kLines); ++pre) {
    for (const char* unit : {"1", " ", "a", "!", "\n", "\x01", " 1", "\t\n", "\xcc\x81", "\xe3\x80\x80"}) {
      std::string text;
      while (text.size() < 100000) text += unit;
      size_t size = 0;
      PieceCursor cursor(static_cast<PreTokenizer>(pre), text);
      for (std::string_view piece; cursor.next(&piece);) size += piece.size();
      CHECK(size == text.size());
    }
  }
}

}  // namespace
}  // namespace camelgpt
