#include <chrono>
#include <map>
#include <random>
#include <utility>

#include "vocabularies.h"

namespace camelgpt {
namespace {

TEST_CASE("bpe merges the lowest rank first, then from left to right") {
  VocabularyWriter writer;
  writer.add_merge("b", "c");
  writer.add_merge("a", "b");
  writer.add_merge("a", "bc");
  writer.add_merge("a", "a");
  writer.add_merge("aa", "a");
  const Tokenizer tokenizer = writer.build();
  CHECK(encode_to_pieces(tokenizer, "abc") == "abc");
  CHECK(encode_to_pieces(tokenizer, "abd") == "ab|d");
  CHECK(encode_to_pieces(tokenizer, "aaaaa") == "aa|aaa");  // aa aa a, then the second aa merges with a
  CHECK(encode_to_pieces(tokenizer, "aaa") == "aaa");
  CHECK(encode_to_pieces(tokenizer, "xyz") == "x|y|z");
  CHECK(encode_to_pieces(tokenizer, "") == "");
}

using Ranks = std::map<std::pair<std::string, std::string>, size_t>;

// Reference: repeatedly searches the whole piece for the merge with the lowest rank.
std::vector<std::string> merge_slowly(const Ranks& ranks, std::string_view piece) {
  std::vector<std::string> parts;
  for (const char byte : piece) parts.emplace_back(1, byte);
  for (;;) {
    size_t best = SIZE_MAX, at = 0;
    for (size_t i = 0; i + 1 < parts.size(); ++i) {
      const auto rank = ranks.find({parts[i], parts[i + 1]});
      if (rank != ranks.end() && rank->second < best) {
        best = rank->second;
        at = i;
      }
    }
    if (best == SIZE_MAX) return parts;
    parts[at] += parts[at + 1];
    parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
}

TEST_CASE("bpe agrees with a naive reference") {
  std::mt19937 random(12);
  for (int round = 0; round < 30; ++round) {
    VocabularyWriter writer;
    Ranks ranks;
    std::vector<std::string> parts = {"a", "b", "c", "d"};
    for (size_t rank = 0; rank < 60; ++rank) {
      const std::string left = parts[random() % parts.size()], right = parts[random() % parts.size()];
      if (left.size() + right.size() > 8 || !ranks.emplace(std::pair(left, right), rank).second) continue;
      writer.add_merge(left, right);
      parts.push_back(left + right);
    }
    const Tokenizer tokenizer = writer.build();
    for (int i = 0; i < 100; ++i) {
      std::string text;
      for (size_t size = random() % 60; text.size() < size;) text += static_cast<char>('a' + random() % 4);
      std::string expected;
      for (const std::string& part : merge_slowly(ranks, text)) expected += (expected.empty() ? "" : "|") + part;
      REQUIRE(encode_to_pieces(tokenizer, text) == expected);
    }
  }
}

TEST_CASE("bpe with ignore_merges looks up the whole piece first") {
  for (const char* pre : {"llama-bpe", "qwen2"}) {
    VocabularyWriter writer(pre);
    writer.add_token("hello");                   // not the result of merges
    writer.add_written("world", kTokenControl);  // pieces never match it
    const Tokenizer tokenizer = writer.build();
    const bool ignores = std::string_view(pre) == "llama-bpe";
    CHECK(encode_to_pieces(tokenizer, "hello") == (ignores ? "hello" : "h|e|l|l|o"));
    CHECK(encode_to_pieces(tokenizer, "hellos") == "h|e|l|l|o|s");
    CHECK(encode_to_pieces(tokenizer, "world", {.parse_special = false}) == "w|o|r|l|d");
  }
}

TEST_CASE("bpe drops bytes without a token, or emits the unknown token") {
  VocabularyWriter writer("gpt-2", false);
  for (const char* token : {"a", "b", "c", "!"}) writer.add_token(token);
  writer.add_merge("a", "b");
  const int32_t control = writer.add_written("<end>", kTokenControl);
  const int32_t unknown = writer.add_written("<unk>", kTokenUnknown);
  CHECK(encode_to_pieces(writer.build(), "axb") == "ab");
  CHECK(encode_to_pieces(writer.build(), "x \xe4\xb8\xad") == "");
  CHECK(encode_to_pieces(writer.build(), "xa!\xe4\xb8\xad") == "a|!");

  VocabularyWriter with_control = writer;
  with_control.extra.add("tokenizer.ggml.unknown_token_id", static_cast<uint32_t>(control));
  CHECK(encode_to_pieces(with_control.build(), "axb") == "ab");

  writer.extra.add("tokenizer.ggml.unknown_token_id", static_cast<uint32_t>(unknown));
  CHECK(encode_to_pieces(writer.build(), "axbab") == "a|<unk>|b|ab");
  CHECK(encode_to_pieces(writer.build(), "\xc3\xa4") == "<unk>|<unk>");
}

TEST_CASE("encode adds BOS and EOS if the model asks for them") {
  VocabularyWriter writer;
  const int32_t begin = writer.add_written("<s>", kTokenControl), end = writer.add_written("</s>", kTokenControl);
  writer.extra.add("tokenizer.ggml.bos_token_id", begin);
  writer.extra.add("tokenizer.ggml.eos_token_id", end);
  CHECK(encode(writer.build(), "a") == std::vector<int32_t>{'a'});
  writer.extra.add("tokenizer.ggml.add_bos_token", true);
  writer.extra.add("tokenizer.ggml.add_eos_token", true);
  const Tokenizer tokenizer = writer.build();
  CHECK(encode(tokenizer, "a") == std::vector{begin, int32_t{'a'}, end});
  CHECK(encode(tokenizer, "") == std::vector{begin, end});
  CHECK(encode(tokenizer, "a", {.add_special = false}) == std::vector<int32_t>{'a'});
}

TEST_CASE("encode rejects invalid UTF-8 with its position and adds no tokens") {
  const Tokenizer tokenizer = VocabularyWriter().build();
  Buffer<int32_t> tokens;
  REQUIRE(tokens.push_back(42));
  const Status status = tokenizer_encode(tokenizer, "abcdefghij\xe4\xb8", {}, &tokens);
  check_error(status, ErrorCode::kBadInput);
  CHECK(std::string_view(status.found) == "byte 0xe4 at position 10");
  CHECK(tokens.size() == 1);
  REQUIRE(tokenizer_encode(tokenizer, "z", {}, &tokens).ok());
  REQUIRE(tokens.size() == 2);
  CHECK(tokens[0] == 42);
  CHECK(tokens[1] == 'z');
}

TEST_CASE("encode keeps every byte of the text") {
  VocabularyWriter writer;
  writer.add_merge(" ", "t");
  writer.add_merge("\xc3", "\xa4");
  writer.add_merge("\n", "\n");
  const std::string text = std::string(1, '\0') + "\x01 t  t\n\n\n \xc3\xa4\xc3\xa4 \xf0\x9f\x98\x80\x7f 12 don't\r\n";
  for (const char* pre : {"gpt-2", "smollm", "llama-bpe", "qwen2"}) {
    writer.pre = pre;
    const Tokenizer tokenizer = writer.build();
    std::string joined;
    for (const int32_t token : encode(tokenizer, text)) joined += tokenizer_piece(tokenizer, token);
    CHECK(joined == text);
  }
}

TEST_CASE("encode takes about n log n time for one long piece") {
  VocabularyWriter writer("smollm");
  std::string run = "a";
  for (int i = 0; i < 6; ++i, run += run) writer.add_merge(run, run);
  writer.add_merge(" ", " ");
  const Tokenizer tokenizer = writer.build();
  for (const std::string& unit : {"a", "ab", " ", "\n ", "'", "1", "\xe4\xb8\xad"}) {
    std::string text;
    while (text.size() < 1000000) text += unit;
    const auto start = std::chrono::steady_clock::now();
    CHECK(!encode(tokenizer, text).empty());
    // Far more than n log n needs, even under sanitizers; far less than quadratic time would.
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(20));
  }
}

}  // namespace
}  // namespace camelgpt
