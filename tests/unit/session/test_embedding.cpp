// Several texts in one EmbedRequest: each vector is the one that the text has by itself, bit for bit.
#include <doctest/doctest.h>

#include "session/loaded_session.h"
#include "session/saved_state.h"
#include "tiny_lfm2.h"
#include "tiny_llama.h"

using namespace camelgpt;

namespace {

struct Texts {
  std::vector<int32_t> tokens;
  std::vector<uint32_t> ends;

  explicit Texts(const std::vector<uint32_t>& sizes) {
    uint32_t seed = 1;
    for (const uint32_t size : sizes) {
      for (uint32_t i = 0; i < size; ++i) tokens.push_back(static_cast<int32_t>((seed = seed * 1664525 + 7) >> 24));
      ends.push_back(static_cast<uint32_t>(tokens.size()));
    }
  }
  std::vector<int32_t> text(size_t i) const {
    return {tokens.begin() + (i == 0 ? 0 : ends[i - 1]), tokens.begin() + ends[i]};
  }
};

std::vector<std::vector<float>> embed_all(Session* session, const Texts& texts, Pooling pooling, uint32_t budget) {
  REQUIRE(run(session, EmbedRequest{texts.tokens, pooling, true, texts.ends}, budget).ok());
  std::vector<std::vector<float>> vectors;
  for (size_t i = 0; i < texts.ends.size(); ++i) {
    const std::span<const float> vector = session_embedding(session, i);
    vectors.emplace_back(vector.begin(), vector.end());
  }
  CHECK(session_embedding(session, texts.ends.size()).empty());
  return vectors;
}

void check_vectors(const std::vector<uint8_t>& file, KvType type, const std::vector<uint32_t>& sizes) {
  TestSession session;
  REQUIRE(load(session, file, 1 << 16, 0, type).ok());
  const Texts texts(sizes);
  for (const Pooling pooling : {Pooling::kMean, Pooling::kFirst, Pooling::kLast}) {
    std::vector<std::vector<float>> expected;
    for (size_t i = 0; i < texts.ends.size(); ++i) expected.push_back(embed(session, texts.text(i), pooling));
    for (const uint32_t budget : {64u, 17u, 1u}) CHECK(embed_all(session, texts, pooling, budget) == expected);
  }
}

}  // namespace

TEST_CASE("texts that share forward passes have the vectors that they have by themselves") {
  check_vectors(llama_file(), KvType::k16, {5, 1, 40, 64, 3, 3, 70, 150, 2, 256, 31, 32, 33});
  check_vectors(llama_file<64>(), KvType::k8, {20, 30, 5, 33, 1, 64, 64, 2});
  check_vectors(llama_file(), KvType::k16, std::vector<uint32_t>(70, 1));
}

TEST_CASE("texts of a model that sees both ways share forward passes as a whole") {
  const auto file = TinyLlama(TensorType::kQ8_0, true, false, 256, TinyLlama::kVocabulary, "silu", "camelgpt");
  check_vectors(file.writer.file(), KvType::k16, {5, 1, 40, 64, 3, 3, 70, 150, 2, 31, 32, 33});
  // More than one batch a pass, and batches that begin within texts.
  check_vectors(file.writer.file(), KvType::k8, {50, 50, 50, 50, 50, 50, 256, 1, 90, 90, 75, 1, 1});
  check_vectors(file.writer.file(), KvType::k16, std::vector<uint32_t>(70, 7));
}

TEST_CASE("texts of a model that sees both ways fill passes of several batches, and can be dropped between passes") {
  TestSession session;
  const auto file = TinyLlama(TensorType::kQ8_0, true, false, 256, TinyLlama::kVocabulary, "silu", "camelgpt");
  REQUIRE(load(session, file.writer.file()).ok());
  const Texts texts(std::vector<uint32_t>(20, 25));
  const std::vector<std::vector<float>> expected = embed_all(session, texts, Pooling::kMean, 64);
  REQUIRE(session_begin(session, EmbedRequest{texts.tokens, Pooling::kMean, true, texts.ends}).ok());
  ActivityProgress progress;
  REQUIRE(session_continue(session, 64, &progress).ok());
  CHECK(progress.processed == 200);  // eight texts of 32 positions each fill the cache of 256
  CHECK(progress.remaining == 300);
  CHECK(embed_all(session, texts, Pooling::kMean, 64) == expected);
}

TEST_CASE("texts of a model with convolutions are evaluated one after the other") {
  check_vectors(TinyLfm2().writer.file(), KvType::k16, {5, 1, 40, 3, 3, 33});
}

TEST_CASE("an embedding reports how many tokens remain, and several texts leave the cache empty") {
  TestSession session;
  REQUIRE(load(session, llama_file()).ok());
  const Texts texts({50, 50, 50});
  REQUIRE(session_begin(session, EmbedRequest{texts.tokens, Pooling::kMean, true, texts.ends}).ok());
  CHECK(session_remaining(session) == 150);
  ActivityProgress progress;
  REQUIRE(session_continue(session, 64, &progress).ok());
  CHECK(progress.processed == 64);
  CHECK(progress.remaining == 86);
  CHECK(session_embedding(session, 0).empty());
  REQUIRE(run(session).ok());
  CHECK(session_cached_tokens(session) == 0);
}

TEST_CASE("an empty or overlong text among others is refused") {
  TestSession session;
  REQUIRE(load(session, llama_file<64>()).ok());
  for (const std::vector<uint32_t>& sizes : {std::vector<uint32_t>{3, 0, 3}, {3, 65, 3}}) {
    const Texts texts(sizes);
    CHECK_FALSE(session_begin(session, EmbedRequest{texts.tokens, Pooling::kMean, true, texts.ends}).ok());
  }
}
