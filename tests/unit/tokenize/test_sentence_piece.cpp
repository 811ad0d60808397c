#include <cmath>
#include <map>

#include "random_weights.h"
#include "tokenize/vocabulary.h"
#include "vocabularies.h"

namespace camelgpt {
namespace {

const std::string kMark(kSpaceMark);

// Starts with <unk>, <s>, </s> and optionally the 256 byte tokens; further tokens are added.
struct SentencePieceWriter : VocabularyWriter {
  std::vector<float> scores;

  explicit SentencePieceWriter(bool bytes = true) : VocabularyWriter("", false) {
    model = "llama";
    add("<unk>", 0, kTokenUnknown);
    add("<s>", 0, kTokenControl);
    add("</s>", 0, kTokenControl);
    for (int byte = 0; bytes && byte < 256; ++byte) {
      char text[8];
      std::snprintf(text, sizeof text, "<0x%02X>", byte);
      add(text, 0, kTokenByte);
    }
  }
  int32_t add(const std::string& written, float score, int32_t type = kTokenNormal) {
    scores.push_back(score);
    return add_written(written, type);
  }
  Tokenizer build() {
    extra.add_numbers("tokenizer.ggml.scores", scores);
    return VocabularyWriter::build();
  }
  Status try_build() {
    extra.add_numbers("tokenizer.ggml.scores", scores);
    return VocabularyWriter::try_build();
  }
};

TEST_CASE("sentencepiece does not merge text into an end token") {
  SentencePieceWriter writer;
  writer.extra.add("tokenizer.ggml.add_space_prefix", false);
  writer.extra.add("tokenizer.ggml.add_bos_token", false);
  for (const char* piece : {"<", "E", "O", "T", ">", "<E", "OT", "OT>"}) writer.add(piece, -1);
  const int32_t end = writer.add("<EOT>", -1);
  const Tokenizer tokenizer = writer.build();
  CHECK(encode(tokenizer, "<EOT>") == std::vector{end});
  CHECK(encode_to_pieces(tokenizer, "<EOT>", {.parse_special = false}) == "<E|OT>");
}

TEST_CASE("sentencepiece merges the highest score first, then from left to right") {
  SentencePieceWriter writer;
  writer.extra.add("tokenizer.ggml.add_space_prefix", false);
  writer.extra.add("tokenizer.ggml.add_bos_token", false);
  for (const char* piece : {"a", "b", "c"}) writer.add(piece, -100);
  writer.add("bc", -1);
  writer.add("ab", -2);
  writer.add("aa", -3);
  writer.add("aaa", -4);
  writer.add("xa", -5);  // x by itself is not a token
  const Tokenizer tokenizer = writer.build();
  CHECK(encode_to_pieces(tokenizer, "abc") == "a|bc");
  CHECK(encode_to_pieces(tokenizer, "abb") == "ab|b");
  CHECK(encode_to_pieces(tokenizer, "aaaaa") == "aa|aaa");
  CHECK(encode_to_pieces(tokenizer, "cxab") == "c|x|ab");
  CHECK(encode_to_pieces(tokenizer, "cxac") == "c|xa|c");
  CHECK(encode(tokenizer, "\xc3\xa9") == std::vector<int32_t>{3 + 0xc3, 3 + 0xa9});
  CHECK(encode(tokenizer, "<0x41>").size() == 5 + 1);  // spelled out, it is not the byte token
  CHECK(encode(tokenizer, "").empty());
}

TEST_CASE("sentencepiece agrees with a naive reference") {
  TestRandom random(3);
  for (int round = 0; round < 30; ++round) {
    SentencePieceWriter writer;
    writer.extra.add("tokenizer.ggml.add_space_prefix", false);
    writer.extra.add("tokenizer.ggml.add_bos_token", false);
    std::map<std::string, float> scores;
    for (int i = 0; i < 60; ++i) {
      std::string piece;
      for (uint64_t length = 1 + random.next() % 5; length > 0; --length)
        piece += static_cast<char>('a' + random.next() % 4);
      const float score = -static_cast<float>(random.next() % 20);  // with ties
      if (scores.emplace(piece, score).second) writer.add(piece, score);
    }
    const Tokenizer tokenizer = writer.build();
    for (int text_round = 0; text_round < 20; ++text_round) {
      std::string text;
      for (int i = 0; i < 30; ++i) text += static_cast<char>('a' + random.next() % 4);
      std::vector<std::string> parts;
      for (const char c : text) parts.emplace_back(1, c);
      for (;;) {
        size_t at = SIZE_MAX;
        float best = -INFINITY;
        for (size_t i = 0; i + 1 < parts.size(); ++i) {
          const auto found = scores.find(parts[i] + parts[i + 1]);
          if (found == scores.end() || !(found->second > best)) continue;
          best = found->second;
          at = i;
        }
        if (at == SIZE_MAX) break;
        parts[at] += parts[at + 1];
        parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(at) + 1);
      }
      std::string expected;
      for (const std::string& part : parts) expected += (expected.empty() ? "" : "|") + part;
      CHECK(encode_to_pieces(tokenizer, text) == expected);
    }
  }
}

TEST_CASE("sentencepiece adds a space prefix and BOS by default, and finds special tokens") {
  SentencePieceWriter writer;
  const int32_t word = writer.add(kMark + "hi", -1);
  writer.add(kMark + "h", -2);
  for (const std::string& piece : {kMark, std::string("h"), std::string("i")}) writer.add(piece, -9);
  const Tokenizer tokenizer = writer.build();
  CHECK(tokenizer.add_space_prefix);
  CHECK(encode(tokenizer, "hi") == std::vector<int32_t>{1, word});
  CHECK(encode(tokenizer, "hi</s>hi") == std::vector<int32_t>{1, word, 2, word});
  CHECK(encode_to_pieces(tokenizer, " hi", {.add_special = false}) == " | hi");
  CHECK(encode(tokenizer, kMark + "hi") == encode(tokenizer, " hi"));
  const EncodeOptions continuation{.add_special = false, .is_rendered = true};
  CHECK(encode_to_pieces(tokenizer, " hi", continuation) == " hi");
  CHECK(encode_to_pieces(tokenizer, "hi</s>hi", continuation) == "h|i|</s>| hi");
  CHECK(encode(tokenizer, "</s>", {.add_special = false, .parse_special = false}).size() > 1);
  CHECK(tokenizer_piece(tokenizer, 3 + 10) == "\n");
}

TEST_CASE("a damaged sentencepiece vocabulary is rejected") {
  SentencePieceWriter bytes;
  bytes.add("<0xG1>", 0, kTokenByte);
  check_error(bytes.try_build(), ErrorCode::kBadMetadata);
  SentencePieceWriter text;
  text.add("byte", 0, kTokenByte);
  check_error(text.try_build(), ErrorCode::kBadMetadata);
  SentencePieceWriter scores;
  scores.scores.pop_back();
  check_error(scores.try_build(), ErrorCode::kBadMetadata);
  SentencePieceWriter number;
  number.add("a", NAN);
  check_error(number.try_build(), ErrorCode::kBadMetadata);
  SentencePieceWriter none(false);
  const Tokenizer tokenizer = none.build();  // without byte tokens, unknown characters become <unk>
  CHECK(encode(tokenizer, "q", {.add_special = false}) == std::vector<int32_t>{0, 0});
}

}  // namespace
}  // namespace camelgpt
