#include <cstring>
#include <random>

#include "tokenize/encoder.h"
#include "vocabularies.h"

namespace camelgpt {
namespace {

VocabularyWriter vocabulary(const char* model) {
  VocabularyWriter writer(std::string_view(model) == "gpt2" ? "gpt-2" : "", std::string_view(model) == "gpt2");
  writer.model = model;
  const bool is_bert = writer.model == "bert";
  writer.add_written(is_bert ? "[UNK]" : "<unk>", kTokenUnknown);
  writer.add_written(is_bert ? "[CLS]" : "<s>", kTokenControl);
  writer.add_written(is_bert ? "[SEP]" : "</s>", kTokenControl);
  writer.add_written("<x>", kTokenControl);
  writer.add_written("<x><y>", kTokenControl);
  if (writer.model == "gpt2") {
    for (const char* pair : {"aa", "aaaa", "ab"})
      writer.add_merge(std::string(pair).substr(0, strlen(pair) / 2), pair + strlen(pair) / 2);
  } else {
    for (const char* piece : {"a", "b", "aa", "aaaa", "ab", "\xe2\x96\x81",
                              "\xe2\x96\x81"
                              "a",
                              "\xe2\x96\x81"
                              "b"})
      writer.add_written(piece, kTokenNormal);
  }
  std::vector<float> scores;
  for (size_t i = 0; i < writer.tokens.size(); ++i) scores.push_back(-static_cast<float>(i % 5));
  writer.extra.add_numbers("tokenizer.ggml.scores", scores);
  return writer;
}

std::string random_text(std::mt19937* random, size_t parts) {
  static const char* const kParts[] = {"a", "aa", "b", " ", "<x>", "<x><y>", "<", "\xc3\xa9", "aaaaaaaaaaaaaaaa", "\n"};
  std::string text;
  for (size_t i = 0; i < parts; ++i) text += kParts[(*random)() % std::size(kParts)];
  return text;
}

TEST_CASE("a text gets the same tokens in steps of any size") {
  std::mt19937 random(2);
  for (const char* model : {"gpt2", "llama", "t5", "bert"}) {
    CAPTURE(model);
    const Tokenizer tokenizer = vocabulary(model).build();
    for (const size_t budget : {size_t{1}, size_t{7}, size_t{1000}}) {
      const std::string text = random_text(&random, budget < 100 ? 500 : 20000);
      Buffer<int32_t> tokens;
      REQUIRE(tokens.push_back(-5));
      Encoder encoder;
      REQUIRE(encoder_begin(tokenizer, text, {}, &tokens, &encoder).ok());
      size_t steps = 0;
      for (; !encoder.is_done; ++steps) REQUIRE(encoder_continue(&encoder, budget, &tokens).ok());
      CHECK(steps > text.size() / budget / 8);
      const std::vector<int32_t> expected = encode(tokenizer, text);
      CHECK(std::equal(expected.begin(), expected.end(), tokens.begin() + 1, tokens.end()));
    }
  }
}

TEST_CASE("a long word is encoded in steps too") {
  const std::string word(100'000, 'a');
  for (const char* model : {"gpt2", "llama", "t5"}) {
    CAPTURE(model);
    const Tokenizer tokenizer = vocabulary(model).build();
    Buffer<int32_t> tokens;
    Encoder encoder;
    REQUIRE(encoder_begin(tokenizer, word, {}, &tokens, &encoder).ok());
    size_t steps = 0;
    for (; !encoder.is_done; ++steps) REQUIRE(encoder_continue(&encoder, 1000, &tokens).ok());
    CHECK(steps >= 50);
  }
}

TEST_CASE("special tokens are found across the windows of the search") {
  VocabularyWriter writer;
  const int32_t one = writer.add_written("<one>", kTokenControl);
  const int32_t user = writer.add_written("<user>", kTokenUserDefined);
  const Tokenizer tokenizer = writer.build();
  for (size_t before = kSearchWindow - 8; before < kSearchWindow + 8; ++before) {
    const std::string text = std::string(before, '<') + "<one><user><one>";
    std::vector<int32_t> tokens = encode(tokenizer, text);
    tokens.erase(tokens.begin(), tokens.end() - 3);
    CHECK(tokens == std::vector{one, user, one});
    // In a literal range only the user-defined one matches.
    const TextRange literal[] = {{static_cast<uint32_t>(before), static_cast<uint32_t>(before + 11)}};
    tokens = encode(tokenizer, text, {.literal = literal});
    tokens.erase(tokens.begin(), tokens.end() - 3);
    CHECK(tokens == std::vector<int32_t>{'>', user, one});
  }
}

TEST_CASE("a text that is longer than its limit has more tokens than the limit is for") {
  std::mt19937 random(3);
  for (const char* model : {"gpt2", "llama", "t5", "bert"}) {
    CAPTURE(model);
    const Tokenizer tokenizer = vocabulary(model).build();
    for (int i = 0; i < 20; ++i) {
      const std::string text = random_text(&random, 200);
      const std::vector<int32_t> tokens = encode(tokenizer, text, {.add_special = false});
      CHECK(text.size() <= tokenizer_max_bytes(tokenizer, tokens.size()));
    }
    CHECK(tokenizer_max_bytes(tokenizer, 10) < 10 * 3 * 40 + 2 * kMaxDroppedBytes);
  }
}

}  // namespace
}  // namespace camelgpt
