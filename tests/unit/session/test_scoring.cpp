// Scores of an answer after a prompt.
#include <doctest/doctest.h>

#include "session/saved_state.h"
#include "session/session.h"
#include "tiny_llama.h"

using namespace camelgpt;

namespace {

std::vector<TokenScore> score_from(Session* session, const std::vector<int32_t>& tokens, uint32_t first,
                                   uint32_t budget = 64) {
  REQUIRE(run(session, ScoreRequest{.tokens = tokens, .first = first}, budget).ok());
  const std::span<const TokenScore> scores = session_scores(session);
  return {scores.begin(), scores.end()};
}

void check_same(const std::vector<TokenScore>& found, std::span<const TokenScore> expected) {
  REQUIRE(found.size() == expected.size());
  for (size_t i = 0; i < found.size(); ++i) {
    CHECK(found[i].logprob == expected[i].logprob);
    CHECK(found[i].best == expected[i].best);
  }
}

}  // namespace

TEST_CASE("scores from a token on are those of the whole text, also while the prompt is cached") {
  TestSession session;
  REQUIRE(load(session, llama_file()).ok());
  const std::vector<int32_t> tokens = some_tokens(150);
  const std::vector<TokenScore> all = score(session, tokens);
  for (const uint32_t first : {1u, 2u, 64u, 65u, 100u, 149u, 150u}) {
    check_same(score_from(session, tokens, first), std::span(all).subspan(first - 1));
    check_same(score_from(session, tokens, first, 7), std::span(all).subspan(first - 1));
  }
}

TEST_CASE("answers to one prompt evaluate it once") {
  TestSession session;
  REQUIRE(load(session, llama_file()).ok());
  std::vector<int32_t> tokens = some_tokens(100);
  score_from(session, tokens, 98);
  tokens[98] ^= 1;
  const std::vector<TokenScore> expected = [&] {
    TestSession other;
    REQUIRE(load(other, llama_file()).ok());
    return score_from(other, tokens, 98);
  }();
  REQUIRE(session_begin(session, ScoreRequest{.tokens = tokens, .first = 98}).ok());
  CHECK(session_remaining(session) == 2);
  REQUIRE(run(session).ok());
  const std::span<const TokenScore> found = session_scores(session);
  check_same({found.begin(), found.end()}, expected);
}

TEST_CASE("scores of an answer are pruned as the steps of a generation") {
  const std::vector<uint8_t> file = TinyLlama(TensorType::kQ8_0, true, false, 256).writer.file();
  PruneOptions options;
  options.kv_tokens = 64;
  TestSession session;
  REQUIRE(load(session, file, 1 << 16, 0, KvType::k16, true).ok());
  REQUIRE(session_set_pruning(session, options).ok());
  const std::vector<int32_t> tokens = some_tokens(150);
  const std::vector<TokenScore> first = score_from(session, tokens, 140);
  check_same(score_from(session, tokens, 140), first);  // with a cached prompt
  CHECK(session_begin(session, ScoreRequest{.tokens = std::vector<int32_t>{5000}, .first = 2}).code ==
        ErrorCode::kBadInput);
}
