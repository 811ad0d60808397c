// The work that a step reports, and pruning that changes during an answer.
#include <doctest/doctest.h>

#include <numeric>

#include "session/loaded_session.h"
#include "tiny_llama.h"

using namespace camelgpt;

static constexpr uint32_t kRows = 8200;

static std::vector<int32_t> text(size_t count) {
  TestRandom random(1);
  std::vector<int32_t> tokens;
  for (size_t i = 0; i < count; ++i) tokens.push_back(static_cast<int32_t>(random.next() % kRows));
  return tokens;
}

static PruneOptions rows_of_head(uint32_t rows) {
  PruneOptions options;
  options.head_rows = rows;
  return options;
}

// A calibrated model that answers greedily and never ends.
struct Calibrated : TestSession {
  Calibrated() {
    const std::vector<uint8_t> file = TinyLlama(TensorType::kQ8_0, false, false, 256, kRows).writer.file();
    REQUIRE(load(*this, file, 1 << 16, 0, KvType::k16, true).ok());
    const std::vector<int32_t> tokens = text(400);
    REQUIRE(run(*this, CalibrateRequest{tokens}).ok());
    options.ignore_eos = true;
    options.max_tokens = 24;
    configure(*this, options);
  }
};

static uint64_t sum(std::span<const uint8_t> map) { return std::accumulate(map.begin(), map.end(), uint64_t{0}); }

TEST_CASE("a pruned step reports which rows it scored, and a dense step that it scored all") {
  Calibrated session;
  REQUIRE(session_set_pruning(session, rows_of_head(250)).ok());
  prefill(session, text(9));
  for (uint32_t i = 0; i < 4; ++i) {
    const int32_t token = step(session).token;
    const GenerationStep last = session_generation_step(session);
    const std::span<const uint8_t> map = session_head_map(session);
    CHECK(map.size() == (kRows + kHeadMapRows - 1) / kHeadMapRows);
    CHECK(last.head_rows == sum(map));
    CHECK(last.head_rows < kRows / 2);
    CHECK(map[static_cast<uint32_t>(token) / kHeadMapRows] > 0);  // the best row was scored
  }
  REQUIRE(session_set_pruning(session, {.mode = PruneMode::kOff}).ok());
  step(session);
  CHECK(session_generation_step(session).head_rows == kRows);
  CHECK(session_generation_step(session).expected_kl == 0);
  CHECK(session_head_map(session).empty());
  CHECK(session_open_neurons(session).empty());  // its gates are not ReLUs
}

TEST_CASE("an answer continues when pruning changes, with the tokens of the new setting") {
  Calibrated dense, changed;
  REQUIRE(session_set_pruning(dense, {.mode = PruneMode::kOff}).ok());
  prefill(dense, text(9));
  const std::vector<int32_t> expected = answer(dense).tokens;
  REQUIRE(session_set_pruning(changed, rows_of_head(4000)).ok());
  prefill(changed, text(9));
  const std::vector<int32_t> begin = answer(changed, 8).tokens;
  REQUIRE(session_set_pruning(changed, {.mode = PruneMode::kOff}).ok());
  const std::vector<int32_t> end = answer(changed).tokens;
  CHECK(begin.size() + end.size() == expected.size());
  // With the same beginning the dense steps choose the same end.
  std::vector<int32_t> prompt = text(9);
  prompt.insert(prompt.end(), begin.begin(), begin.end());
  dense.options.max_tokens = static_cast<uint32_t>(end.size());
  prefill(dense, prompt);
  CHECK(answer(dense).tokens == end);
}

TEST_CASE("another activity than an answer ends when pruning changes") {
  Calibrated session;
  const std::vector<int32_t> tokens = text(200);
  REQUIRE(session_begin(session, ScoreRequest{tokens, false}).ok());
  REQUIRE(session_set_pruning(session, rows_of_head(250)).ok());
  ActivityProgress progress;
  CHECK(session_continue(session, 64, &progress).code == ErrorCode::kBadState);
}
