// Several answers to one prompt in one ScoreRequest: each has the scores that it has by itself.
#include <doctest/doctest.h>

#include "session/loaded_session.h"
#include "session/saved_state.h"
#include "session/session.h"
#include "tiny_lfm2.h"
#include "tiny_llama.h"
#include "tiny_stlm.h"

using namespace camelgpt;

namespace {

using Scores = std::vector<TokenScore>;

Scores score_answers(Session* session, const std::vector<int32_t>& prompt, const std::vector<uint32_t>& sizes,
                     uint32_t budget) {
  std::vector<int32_t> tokens = prompt;
  std::vector<uint32_t> ends;
  for (size_t i = 0; i < sizes.size(); ++i) {
    for (uint32_t t = 0; t < sizes[i]; ++t) tokens.push_back(static_cast<int32_t>((i * 31 + t * 7) % 256));
    ends.push_back(static_cast<uint32_t>(tokens.size()));
  }
  const ScoreRequest request{.tokens = tokens, .first = static_cast<uint32_t>(prompt.size()), .ends = ends};
  REQUIRE(run(session, request, budget).ok());
  const std::span<const TokenScore> scores = session_scores(session);
  return {scores.begin(), scores.end()};
}

// The scores of every answer in a request of its own.
Scores score_apart(Session* session, const std::vector<int32_t>& prompt, const std::vector<uint32_t>& sizes) {
  Scores all;
  for (size_t i = 0; i < sizes.size(); ++i) {
    std::vector<int32_t> tokens = prompt;
    for (uint32_t t = 0; t < sizes[i]; ++t) tokens.push_back(static_cast<int32_t>((i * 31 + t * 7) % 256));
    REQUIRE(run(session, ScoreRequest{.tokens = tokens, .first = static_cast<uint32_t>(prompt.size())}).ok());
    const std::span<const TokenScore> scores = session_scores(session);
    all.insert(all.end(), scores.begin(), scores.end());
  }
  return all;
}

// The first token of an answer has the sum of another order; all others are equal bit for bit.
void check_same(const Scores& found, const Scores& expected, const std::vector<uint32_t>& sizes) {
  REQUIRE(found.size() == expected.size());
  size_t at = 0;
  for (const uint32_t size : sizes) {
    CHECK(found[at].logprob == doctest::Approx(expected[at].logprob).epsilon(1e-6));
    for (uint32_t t = 0; t < size; ++t, ++at) {
      CHECK(found[at].best == expected[at].best);
      if (t > 0) CHECK(found[at].logprob == expected[at].logprob);
    }
  }
}

void check_answers(const std::vector<uint8_t>& file, KvType type, uint32_t prompt, const std::vector<uint32_t>& sizes) {
  CAPTURE(prompt);
  TestSession session, other;
  REQUIRE(load(session, file, 1 << 16, 0, type).ok());
  REQUIRE(load(other, file, 1 << 16, 0, type).ok());
  const std::vector<int32_t> text = some_tokens(prompt);
  const Scores expected = score_apart(other, text, sizes);
  for (const uint32_t budget : {64u, 17u, 1u}) check_same(score_answers(session, text, sizes, budget), expected, sizes);
}

}  // namespace

TEST_CASE("answers that share forward passes have the scores that they have by themselves") {
  const auto file = TinyLlama(TensorType::kQ8_0, true, false, 512).writer.file();
  check_answers(file, KvType::k16, 20, {1, 1, 1, 1});
  check_answers(file, KvType::k16, 31, {2, 3, 1, 5, 2, 40, 1, 9});
  check_answers(file, KvType::k8, 64, {3, 70, 2, 2, 130, 1});
  check_answers(file, KvType::k16, 1, std::vector<uint32_t>(70, 2));
}

TEST_CASE("answers that do not fit next to the prompt are evaluated in its place") {
  check_answers(TinyLlama(TensorType::kQ8_0, true, false, 256).writer.file(), KvType::k16, 200, {5, 2, 50, 1, 6});
  check_answers(llama_file<64>(), KvType::k16, 45, {2, 3, 14});
}

TEST_CASE("answers of a model with convolutions are evaluated one after the other") {
  check_answers(TinyLfm2().writer.file(), KvType::k16, 70, {5, 2, 150, 1, 6});
}

TEST_CASE("answers of a model that reads bytes are evaluated one after the other") {
  const auto file = TinyStlm().writer.file();
  TestSession session, other;
  REQUIRE(load(session, file).ok());
  REQUIRE(load(other, file).ok());
  const std::string prompt = "which of these is it?", texts[] = {" one", " two and three", " one two"};
  const auto joined = [&](Session* s, std::initializer_list<size_t> answers, std::vector<uint32_t>* ends) {
    std::vector<int32_t> tokens = tokenize(s, prompt);
    for (const size_t i : answers) {
      const std::vector<int32_t> answer = tokenize(s, texts[i]);
      tokens.insert(tokens.end(), answer.begin(), answer.end());
      ends->push_back(static_cast<uint32_t>(tokens.size()));
    }
    return tokens;
  };
  const uint32_t first = static_cast<uint32_t>(tokenize(session, prompt).size());
  std::vector<uint32_t> ends;
  const std::vector<int32_t> all = joined(session, {0, 1, 2}, &ends);
  REQUIRE(run(session, ScoreRequest{.tokens = all, .first = first, .ends = ends}).ok());
  const Scores found(session_scores(session).begin(), session_scores(session).end());
  Scores expected;
  for (size_t i = 0; i < 3; ++i) {
    std::vector<uint32_t> unused;
    REQUIRE(run(other, ScoreRequest{.tokens = joined(other, {i}, &unused), .first = first}).ok());
    for (const TokenScore& each : session_scores(other)) expected.push_back(each);
  }
  REQUIRE(found.size() == expected.size());
  for (size_t i = 0; i < found.size(); ++i) CHECK(found[i].logprob == expected[i].logprob);
}

TEST_CASE("a prompt is not evaluated again for other answers") {
  TestSession session;
  REQUIRE(load(session, llama_file()).ok());
  const std::vector<int32_t> text = some_tokens(100);
  const Scores first = score_answers(session, text, {3, 2}, 64);
  std::vector<int32_t> tokens = text;
  tokens.insert(tokens.end(), {1, 2, 3});
  const std::vector<uint32_t> ends{101, 103};
  REQUIRE(session_begin(session, ScoreRequest{.tokens = tokens, .first = 100, .ends = ends}).ok());
  ActivityProgress progress;
  REQUIRE(session_continue(session, 64, &progress).ok());
  CHECK(progress.processed == 1);
  check_same(score_answers(session, text, {3, 2}, 64), first, {3, 2});
}

TEST_CASE("answers are refused if they do not fit after the prompt") {
  TestSession session;
  REQUIRE(load(session, llama_file<64>()).ok());
  const std::vector<int32_t> tokens = some_tokens(90);
  const std::vector<uint32_t> fits{61, 64}, too_long{61, 90}, one{61};
  CHECK(session_begin(session, ScoreRequest{.tokens = tokens, .first = 60, .ends = fits}).ok());
  CHECK(session_begin(session, ScoreRequest{.tokens = tokens, .first = 60, .ends = too_long}).code ==
        ErrorCode::kContextOverflow);
  std::vector<int32_t> wrong = tokens;
  wrong[60] = 5000;
  CHECK(session_begin(session, ScoreRequest{.tokens = wrong, .first = 60, .ends = one}).code == ErrorCode::kBadInput);
}
