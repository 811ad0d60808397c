#include "tokenize/word_piece.h"
#include "vocabularies.h"

namespace camelgpt {
namespace {

// Starts with [PAD], [UNK], [CLS], [SEP] and [MASK]. Further tokens are written as BERT does, continuations with "##".
struct WordPieceWriter : VocabularyWriter {
  explicit WordPieceWriter(std::initializer_list<std::string_view> pieces = {}) : VocabularyWriter("", false) {
    model = "bert";
    for (const char* name : {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}) add_written(name, kTokenControl);
    for (const std::string_view piece : pieces) add(piece);
  }
  int32_t add(std::string_view piece) {
    const bool continuation = piece.starts_with("##");
    return add_written(continuation ? std::string(piece.substr(2)) : "\xe2\x96\x81" + std::string(piece), kTokenNormal);
  }
};

constexpr int32_t kUnknown = 1, kCls = 2, kSep = 3, kMask = 4;
constexpr EncodeOptions kPlainText = {.add_special = false};

TEST_CASE("word_piece repeatedly matches the longest token in each word") {
  const Tokenizer tokenizer = WordPieceWriter({"un", "una", "##aff", "##able", "##affa", "##ble", "a", "##b"}).build();
  CHECK(encode_to_pieces(tokenizer, "unaffable", kPlainText) ==
        "[UNK]");  // una matches, then nothing does: matching is greedy and does not backtrack
  CHECK(encode_to_pieces(tokenizer, "unable a", kPlainText) == " una|ble| a");
  CHECK(encode_to_pieces(tokenizer, "ab abc ab", kPlainText) == " a|b|[UNK]| a|b");
  CHECK(encode_to_pieces(tokenizer, "b", kPlainText) == "[UNK]");  // ##b cannot start a word
  CHECK(encode(tokenizer, "", kPlainText).empty());
  CHECK(encode(tokenizer, " \n\t ", kPlainText).empty());
}

TEST_CASE("text is cleaned, split and lower-cased as in BERT") {
  const Tokenizer tokenizer = WordPieceWriter({"hello", "'", ",", "!", "$", "=", "\xe4\xb8\xad", "\xe6\x96\x87", "cafe",
                                               "\xc3\x9f", "\xe1\x84\x92", "##\xe1\x85\xa1", "##\xe1\x86\xab", "i",
                                               "\xe2\x80\xa6", "\xcf\x83", "##\xcf\x83"})
                                  .build();
  const auto cut = [&](std::string_view text) { return encode_to_pieces(tokenizer, text, kPlainText); };
  CHECK(cut("HeLLo,hello!") == " hello|,| hello|!");
  CHECK(cut("\t\xe3\x80\x80hello\r\n\xc2\xa0hello\xe2\x80\xa8") == " hello| hello");
  CHECK(cut(std::string_view("he\0ll\x07\x0co\xef\xbf\xbd\xe2\x80\x8b", 14)) ==
        " hello");  // controls, U+FFFD, a zero-width space
  CHECK(cut("hello\xe4\xb8\xad\xe6\x96\x87hello") == " hello| \xe4\xb8\xad| \xe6\x96\x87| hello");
  CHECK(cut("CAF\xc3\x89") == " cafe");
  CHECK(cut("cafe\xcc\x81") == " cafe");
  CHECK(cut("\xe1\xba\x9e") == " \xc3\x9f");
  CHECK(cut("\xed\x95\x9c") == " \xe1\x84\x92|\xe1\x85\xa1|\xe1\x86\xab");  // a Hangul syllable is decomposed
  CHECK(cut("$hello=") == " $| hello| =");                                  // ASCII symbols count as punctuation
  CHECK(cut("hello\xe2\x89\xa0") == " hello| =");                           // the base of ≠ is an ASCII symbol
  CHECK(cut("hello\xe2\x82\xac") == "[UNK]");                               // other symbols do not
  CHECK(cut("hello\xe2\x80\xa6'") == " hello| \xe2\x80\xa6| '");
  CHECK(cut("\xce\xa3\xce\xa3") == " \xcf\x83|\xcf\x83");
  CHECK(cut("\xc4\xb0") == " i");
}

TEST_CASE("case and accents are kept if the file says so") {
  WordPieceWriter accents({"caf\xc3\xa9", "cafe", "i", "##\xcc\x87"});
  accents.extra.add("tokenizer.ggml.normalizer.strip_accents", false);
  CHECK(encode_to_pieces(accents.build(), "CAF\xc3\x89 cafe \xc4\xb0", kPlainText) == " caf\xc3\xa9| cafe| i|\xcc\x87");
  WordPieceWriter ours({"caf\xc3\xa9"});
  ours.extra.add("tokenizer.camelgpt.strip_accents", false);
  CHECK(encode_to_pieces(ours.build(), "Caf\xc3\xa9", kPlainText) == " caf\xc3\xa9");
  WordPieceWriter cased({"Caf\xc3\xa9", "Cafe"});
  cased.extra.add("tokenizer.ggml.normalizer.lowercase", false);
  CHECK(encode_to_pieces(cased.build(), "Caf\xc3\xa9 cafe", kPlainText) ==
        " Caf\xc3\xa9|[UNK]");  // a cased model also keeps accents by default
  cased.extra.add("tokenizer.ggml.normalizer.strip_accents", true);
  CHECK(encode_to_pieces(cased.build(), "Caf\xc3\xa9", kPlainText) == " Cafe");
}

TEST_CASE("a text is put between [CLS] and [SEP], and special tokens are found before cleaning") {
  WordPieceWriter writer({"the", "is", "[", "]", "mask"});
  const Tokenizer tokenizer = writer.build();
  CHECK(tokenizer.bos_token == kCls);
  CHECK(tokenizer.eos_token == kSep);
  CHECK(tokenizer.mask_token == kMask);
  CHECK(encode(tokenizer, "The[MASK]is") == std::vector<int32_t>{kCls, 5, kMask, 6, kSep});
  CHECK(encode(tokenizer, "") == std::vector<int32_t>{kCls, kSep});
  CHECK(encode_to_pieces(tokenizer, "[MASK]", {.add_special = false, .parse_special = false}) == " [| mask|]");
  CHECK(encode_to_pieces(tokenizer, "[mask]", kPlainText) == " [| mask|]");

  writer.extra.add("tokenizer.ggml.cls_token_id", uint32_t{7});
  writer.extra.add("tokenizer.ggml.seperator_token_id", uint32_t{8});
  writer.extra.add("tokenizer.ggml.mask_token_id", uint32_t{9});
  writer.extra.add("tokenizer.ggml.unknown_token_id", uint32_t{0});
  const Tokenizer named = writer.build();
  CHECK(encode(named, "x") == std::vector<int32_t>{7, 0, 8});
  CHECK(named.mask_token == 9);
  writer.extra.add("tokenizer.ggml.add_bos_token", false);
  writer.extra.add("tokenizer.ggml.add_eos_token", false);
  CHECK(encode(writer.build(), "the") == std::vector<int32_t>{5});
}

TEST_CASE("words longer than a hundred characters are unknown") {
  const Tokenizer tokenizer = WordPieceWriter({"a", "##a", "\xc3\x9f", "##\xc3\x9f"}).build();
  CHECK(encode(tokenizer, std::string(kMaxWordLength, 'a'), kPlainText).size() == kMaxWordLength);
  CHECK(encode(tokenizer, std::string(kMaxWordLength + 1, 'a'), kPlainText) == std::vector<int32_t>{kUnknown});
  std::string wide;
  for (size_t i = 0; i < kMaxWordLength; ++i) wide += "\xc3\x9f";
  CHECK(encode(tokenizer, wide, kPlainText).size() == kMaxWordLength);
  CHECK(encode(tokenizer, wide + "a a", kPlainText) == std::vector<int32_t>{kUnknown, 5});
  const std::string endless(1 << 20, 'a');
  CHECK(encode(tokenizer, endless, kPlainText) == std::vector<int32_t>{kUnknown});
}

TEST_CASE("without an unknown token, words that cannot be covered are dropped") {
  VocabularyWriter writer("", false);
  writer.model = "bert";
  writer.add_written(
      "\xe2\x96\x81"
      "a",
      kTokenNormal);
  CHECK(encode(writer.build(), "a b a") == std::vector<int32_t>{0, 0});
}

TEST_CASE("the piece of a token that begins a word has a leading space, except for punctuation") {
  WordPieceWriter writer({"hi", "##gh", ",", "##,", "-", "("});
  const int32_t mine = writer.add_written("\xe2\x96\x81<mine>", kTokenUserDefined);
  const Tokenizer tokenizer = writer.build();
  CHECK(tokenizer_piece(tokenizer, 5) == " hi");
  CHECK(tokenizer_piece(tokenizer, 6) == "gh");
  CHECK(tokenizer_piece(tokenizer, 7) == ",");
  CHECK(tokenizer_piece(tokenizer, 8) == ",");
  CHECK(tokenizer_piece(tokenizer, 9) == " -");
  CHECK(tokenizer_piece(tokenizer, 10) == " (");
  CHECK(tokenizer_piece(tokenizer, kMask) == "[MASK]");
  CHECK(tokenizer_find(tokenizer, " hi") == 5);
  CHECK(tokenizer_find(tokenizer, "gh") == 6);
  CHECK(tokenizer_find(tokenizer, "[MASK]") == kMask);
  CHECK(tokenizer_find(tokenizer, "<mine>") == mine);
  CHECK(encode(tokenizer, "hi<mine>,", kPlainText) == std::vector<int32_t>{5, mine, 7});
}

}  // namespace
}  // namespace camelgpt
