#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "lent_threads.h"
#include "model/some_logits.h"
#include "session/loaded_session.h"
#include "session/session.h"
#include "tiny_llama.h"

using namespace camelgpt;

static constexpr uint32_t kRows = 8200;  // no multiple of the slices that rows are selected from

static const std::vector<uint8_t>& model_file() {
  static const std::vector<uint8_t> file = TinyLlama(TensorType::kQ8_0, false, false, 256, kRows).writer.file();
  return file;
}

static std::vector<int32_t> text(size_t count, uint64_t seed = 1) {
  TestRandom random(seed);
  std::vector<int32_t> tokens;
  for (size_t i = 0; i < count; ++i) tokens.push_back(static_cast<int32_t>(random.next() % kRows));
  return tokens;
}

static void calibrate(Session* session) {
  const std::vector<int32_t> tokens = text(400);
  REQUIRE(run(session, CalibrateRequest{tokens}).ok());
}

static void set_rows(Session* session, uint32_t rows, float max_kl = 0) {
  PruneOptions options;
  options.head_rows = rows;
  options.max_kl = max_kl;
  REQUIRE(session_set_pruning(session, options).ok());
}

// Calibrates once for all tests.
struct Calibrated : TestSession {
  Calibrated() {
    static std::string sidecar;
    REQUIRE(load(*this, model_file(), 1 << 16, 0, KvType::k16, true).ok());
    if (sidecar.empty()) {
      calibrate(*this);
      sidecar = sidecar_of(*this);
    } else {
      REQUIRE(use_sidecar(*this, sidecar).ok());
    }
  }
};

TEST_CASE("selected logits are the dense ones bit for bit, and the best are among them") {
  Calibrated session;
  configure(session);
  for (uint64_t seed = 2; seed < 12; ++seed) {
    set_rows(session, 0);
    prefill(session, text(9, seed));
    const std::vector<float> dense = logits(session);
    set_rows(session, 250);
    prefill(session, text(9, seed));
    const std::vector<float> pruned = logits(session);
    size_t exact = 0;
    for (size_t i = 0; i < dense.size(); ++i) exact += dense[i] == pruned[i] ? 1 : 0;
    CHECK(exact >= 150);
    CHECK(exact < 3000);
    // Rows of this model have no common directions, so coarse scores predict little, but more than chance.
    std::vector<size_t> order(dense.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::partial_sort(order.begin(), order.begin() + 100, order.end(),
                      [&](size_t a, size_t b) { return dense[a] > dense[b]; });
    const auto found =
        std::count_if(order.begin(), order.begin() + 100, [&](size_t i) { return dense[i] == pruned[i]; });
    CHECK(found > static_cast<ptrdiff_t>(130 * exact / dense.size()));
  }
}

TEST_CASE("the text of a calibration is not saved") {
  TestSession session;
  REQUIRE(load(session, model_file(), 1 << 16, 0, KvType::k16, true).ok());
  configure(session);
  prefill(session, text(9));
  REQUIRE(session_begin(session, SaveRequest{}).ok());
  calibrate(session);
  CHECK(session_cached_tokens(session) == 0);
  CHECK(session_begin(session, SaveRequest{}).code == ErrorCode::kBadState);
  prefill(session, text(9));
  CHECK(session_cached_tokens(session) == 9);
}

TEST_CASE("without a calibration, with the mode off, or with all rows wanted, steps are dense") {
  TestSession plain;
  REQUIRE(load(plain, model_file()).ok());
  configure(plain);
  prefill(plain, text(9));
  const std::vector<float> dense = logits(plain);
  TestSession session;
  REQUIRE(load(session, model_file(), 1 << 16, 0, KvType::k16, true).ok());
  configure(session);
  set_rows(session, 1000);
  prefill(session, text(9));
  CHECK(logits(session) == dense);
  CHECK(session_prune_report(session).head_rows == kRows);
  calibrate(session);
  for (const uint32_t rows : {0u, kRows / 2 + 1, kRows}) {
    set_rows(session, rows);
    prefill(session, text(9));
    CHECK(logits(session) == dense);
  }
  REQUIRE(session_set_pruning(session, {.mode = PruneMode::kOff}).ok());
  prefill(session, text(9));
  CHECK(logits(session) == dense);
  set_rows(session, 1000);
  prefill(session, text(9));
  CHECK(logits(session) != dense);
}

TEST_CASE("if the margin is too thin, all rows are scored") {
  Calibrated session;
  configure(session);
  set_rows(session, 0);
  prefill(session, text(9));
  const std::vector<float> dense = logits(session);
  for (const float margin : {0.0f, 1e-6f, 100.0f}) {
    PruneOptions options;
    options.head_rows = 100;
    options.margin = margin;
    REQUIRE(session_set_pruning(session, options).ok());
    prefill(session, text(9));
    CHECK((logits(session) == dense) == (margin == 100.0f));
  }
}

TEST_CASE("neither a calibration nor pruned logits depend on the number of threads") {
  std::string first_sidecar;
  std::vector<float> first;
  for (const uint32_t count : {1u, 3u}) {
    const LentThreads threads(count);
    TestSession session;
    REQUIRE(load(session, model_file(), 1 << 16, 0, KvType::k16, true).ok());
    calibrate(session);
    configure(session);
    set_rows(session, 500);
    prefill(session, text(20));
    const std::string sidecar = sidecar_of(session);
    if (count == 1) {
      first_sidecar = sidecar;
      first = logits(session);
    }
    CHECK(sidecar == first_sidecar);
    CHECK(logits(session) == first);
  }
}

TEST_CASE("a sidecar replaces the calibration in another session") {
  Calibrated calibrated;
  const std::string sidecar = sidecar_of(calibrated);
  TestSession session;
  REQUIRE(load(session, model_file(), 1 << 16, 0, KvType::k16, true).ok());
  REQUIRE(use_sidecar(session, sidecar).ok());
  CHECK(session_prune_report(session).calibrated);
  for (TestSession* each : {static_cast<TestSession*>(&calibrated), &session}) {
    configure(*each);
    set_rows(*each, 700);
    prefill(*each, text(9));
  }
  CHECK(logits(session) == logits(calibrated));
  CHECK(sidecar_of(session) == sidecar);
  const PruneReport a = session_prune_report(calibrated), b = session_prune_report(session);
  for (uint32_t i = 0; i < kMeasuredCosts; ++i) {
    CHECK(a.costs[i].kl == b.costs[i].kl);
    CHECK(a.costs[i].head_rows > 0);
    CHECK(a.costs[i].kl >= 0);
    CHECK(a.costs[i].top1 > 0.5f);
  }
  CHECK(a.costs[0].kl <= a.costs[2].kl);
  CHECK(a.macs_per_token < a.macs_per_token_dense);
}

TEST_CASE("sidecars that are cut, altered, of another version or another model are refused") {
  Calibrated session;
  const std::string sidecar = sidecar_of(session);
  for (const size_t size : {size_t{0}, size_t{3}, size_t{4}, size_t{95}, size_t{96}, sidecar.size() - 1}) {
    CHECK(use_sidecar(session, sidecar.substr(0, size)).code == ErrorCode::kTruncated);
  }
  CHECK(use_sidecar(session, sidecar + "x").code == ErrorCode::kBadFormat);
  for (size_t at = 0; at < sidecar.size(); at += at < 96 ? 1 : 9973) {
    CAPTURE(at);
    std::string altered = sidecar;
    altered[at] = static_cast<char>(altered[at] ^ (1 << at % 8));
    CHECK(!use_sidecar(session, altered).ok());
  }
  std::string version = sidecar;
  version[4] = 1;
  CHECK(use_sidecar(session, version).code == ErrorCode::kUnsupportedVersion);
  CHECK(session_prune_report(session).calibrated);
  TestSession other;
  REQUIRE(
      load(other, TinyLlama(TensorType::kQ4_0, false, false, 256, kRows).writer.file(), 1 << 16, 0, KvType::k16, true)
          .ok());
  CHECK(use_sidecar(other, sidecar).code == ErrorCode::kBadInput);
  TestSession small;
  REQUIRE(load(small, TinyLlama(TensorType::kQ4_0).writer.file(), 1 << 16, 0, KvType::k16, true).ok());
  CHECK(use_sidecar(small, sidecar).code == ErrorCode::kBadInput);  // its head is not pruned
}

TEST_CASE("while margins stay thin, most steps do not try to prune") {
  Calibrated session;
  configure(session, 60);
  PruneOptions options;
  options.head_rows = 100;
  options.margin = 100;
  REQUIRE(session_set_pruning(session, options).ok());
  prefill(session, text(9));
  answer(session);
  const StepPruning& pruning = latest_sequence(session.session)->pruning;
  const uint64_t tried = pruning.exact_rows - pruning.steps * kRows;  // twice, then after 2, 4, 8, 16 and 32 steps
  CHECK(pruning.steps == 60);
  CHECK(tried > 0);
  CHECK(tried < 60 * 100 * (1 + kWiderRows + kWiderRows * kWiderRows) / 5);
}

TEST_CASE("with a budget, steps whose coarse logits predict little are dense") {
  Calibrated session;  // the rows of this model have no common directions
  configure(session, 40);
  set_rows(session, 100, 0.001f);
  prefill(session, text(9));
  answer(session);
  const StepPruning& pruning = latest_sequence(session.session)->pruning;
  CHECK(pruning.steps == 40);
  CHECK(pruning.exact_rows >= 40 * uint64_t{kRows});
  CHECK(session_prune_report(session).drift_events == 0);  // no pruned step needed a check
  const std::vector<TokenScore> scores = score(session, text(20, 5), 20, true);
  for (const TokenScore& each : scores) CHECK(std::fabs(each.kl) < 1e-9f);
}

TEST_CASE("scores compare with the dense model") {
  Calibrated session;
  const std::vector<int32_t> tokens = text(50, 3);
  const std::vector<TokenScore> dense = score(session, tokens, 20, true);
  set_rows(session, 400);
  const std::vector<TokenScore> pruned = score(session, tokens, 20, true), alone = score(session, tokens, 20);
  bool differs = false;
  for (size_t i = 0; i < dense.size(); ++i) {
    CHECK(dense[i].kl == 0);
    CHECK(std::fabs(pruned[i].dense_logprob - dense[i].logprob) < 1e-4f);
    CHECK(pruned[i].dense_best == dense[i].best);
    CHECK(pruned[i].kl > -1e-6f);
    CHECK(alone[i].logprob == pruned[i].logprob);
    differs |= pruned[i].logprob != dense[i].logprob;
  }
  CHECK(differs);
}

TEST_CASE("models that cannot be pruned, and options out of range, are errors") {
  TestSession plain;
  CHECK(session_set_pruning(plain, {.mode = PruneMode::kOff}).code == ErrorCode::kBadState);
  REQUIRE(load(plain, model_file()).ok());
  CHECK(session_set_pruning(plain, {.mode = PruneMode::kBalanced}).code == ErrorCode::kBadState);
  const std::vector<int32_t> tokens = text(400), same(300, 5), short_text = text(kMinCalibrationTokens - 1);
  CHECK(session_begin(plain, CalibrateRequest{tokens}).code == ErrorCode::kBadState);
  TestSession small;
  REQUIRE(load(small, TinyLlama(TensorType::kQ4_0).writer.file(), 1 << 16, 0, KvType::k16, true).ok());
  REQUIRE(session_set_pruning(small, {.mode = PruneMode::kBalanced}).ok());  // it prunes what it can
  CHECK(session_begin(small, CalibrateRequest{same}).code == ErrorCode::kBadInput);
  TestSession session;
  REQUIRE(load(session, model_file(), 1 << 16, 0, KvType::k16, true).ok());
  for (const auto& [rows, max_kl] : {std::pair(kRows + 1, 0.0f), std::pair(UINT32_MAX, 0.0f), std::pair(0u, -1.0f),
                                     std::pair(0u, 11.0f), std::pair(0u, static_cast<float>(NAN))}) {
    PruneOptions options;
    options.head_rows = rows;
    options.max_kl = max_kl;
    CHECK(session_set_pruning(session, options).code == ErrorCode::kBadOption);
  }
  CHECK(session_begin(session, CalibrateRequest{short_text}).code == ErrorCode::kBadInput);
  Buffer<char> sidecar;
  CHECK(session_sidecar(session, &sidecar).code == ErrorCode::kBadState);
}

TEST_CASE("answers during a calibration, and after it, are correct") {
  TestSession plain;
  REQUIRE(load(plain, model_file()).ok());
  configure(plain);
  prefill(plain, text(20));
  const std::vector<float> dense = logits(plain);
  TestSession session;
  REQUIRE(load(session, model_file(), 1 << 16, 0, KvType::k16, true).ok());
  configure(session);
  const std::vector<int32_t> tokens = text(400);
  REQUIRE(session_begin(session, CalibrateRequest{tokens}).ok());
  ActivityProgress progress{ActivityState::kMore};
  for (uint32_t call = 0; progress.state == ActivityState::kMore; ++call) {
    REQUIRE(session_continue(session, 64, &progress).ok());
    if (call != 0 && call != 2 && call != 40) continue;
    prefill(session, text(20));
    CHECK(logits(session) == dense);
    REQUIRE(session_begin(session, CalibrateRequest{}).ok());
  }
  CHECK(session_prune_report(session).calibrated);
  Calibrated uninterrupted;  // with the same text
  CHECK(sidecar_of(session) == sidecar_of(uninterrupted));
  set_rows(session, 1000);
  prefill(session, text(20));
  CHECK(logits(session) != dense);
}

TEST_CASE("under a mask the rows are selected among the allowed ones, and the best of them is exact") {
  for (const uint32_t threads : {1u, 3u}) {
    const LentThreads lent(threads);
    Calibrated session;
    configure(session);
    Session& s = *static_cast<Session*>(session);
    for (uint64_t seed = 2; seed < 8; ++seed) {
      set_rows(session, 0);
      prefill(session, text(9, seed));
      const std::vector<float> dense = logits(session);
      std::vector<uint64_t> allowed((kRows + 63) / 64);
      TestRandom random(seed);
      for (uint64_t& word : allowed) word = random.next() & (seed % 2 == 0 ? ~uint64_t{0} : random.next());
      const auto is_allowed = [&](size_t i) { return (allowed[i / 64] >> (i % 64) & 1) != 0; };
      model_some_logits(s.memory.model, 0, allowed, &s.memory.workspace);
      const std::vector<float> some = logits(session);
      for (size_t i = 0; i < kRows; ++i) CHECK(some[i] == (is_allowed(i) ? dense[i] : -HUGE_VALF));

      const HeadLimits limits{0, 0.01f};
      for (const HeadLimits* each : {&limits, static_cast<const HeadLimits*>(nullptr)}) {
        pruned_logits(s.memory.model, 0, 250, each, allowed, &s.memory.pruning.head, &s.memory.workspace);
        const std::vector<float> pruned = logits(session);
        size_t exact = 0;
        for (size_t i = 0; i < kRows; ++i) {
          if (!is_allowed(i)) CHECK(pruned[i] == -HUGE_VALF);
          exact += is_allowed(i) && pruned[i] == dense[i] ? 1 : 0;
        }
        const size_t best = static_cast<size_t>(std::max_element(pruned.begin(), pruned.end()) - pruned.begin());
        CHECK(pruned[best] == dense[best]);
        CHECK(exact >= 100);
      }
    }
  }
}
