// One activity at a time: beginning one ends the one before, and so does an error.
#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "session/saved_state.h"
#include "session/session.h"
#include "tiny_llama.h"

using namespace camelgpt;

namespace {

constexpr uint32_t kRows = 8200;  // large enough for a pruned output head

struct Loaded : TestSession {
  explicit Loaded(const std::vector<uint8_t>& file = llama_file(), bool prunes = false) {
    REQUIRE(load(session, file, 1 << 16, 0, KvType::k16, prunes).ok());
    configure(*this, 40);
  }
};

// The answer of a session that has done nothing else.
Answer undisturbed_answer(const std::vector<int32_t>& tokens) {
  Loaded session;
  prefill(session, tokens);
  return answer(session);
}

}  // namespace

TEST_CASE("an activity that another one interrupts has no result, and the other one is not disturbed") {
  const std::vector<int32_t> text = some_tokens(150), tokens = some_tokens(30);
  const Answer expected = undisturbed_answer(tokens);
  Loaded undisturbed, session;
  const std::vector<float> vector = embed(undisturbed, text);
  ActivityProgress progress;

  // An embedding.
  REQUIRE(session_begin(session, EmbedRequest{text}).ok());
  REQUIRE(session_continue(session, 64, &progress).ok());
  REQUIRE(progress.state == ActivityState::kMore);
  prefill(session, tokens);
  CHECK(session_embedding(session).empty());
  CHECK(session_scores(session).empty());
  const Answer found = answer(session);
  CHECK(found.tokens == expected.tokens);
  CHECK(found.text == expected.text);
  CHECK(session_embedding(session).empty());
  CHECK(embed(session, text) == vector);

  // Scores.
  REQUIRE(session_begin(session, ScoreRequest{text}).ok());
  REQUIRE(session_continue(session, 64, &progress).ok());
  prefill(session, tokens);
  CHECK(session_scores(session).empty());
  CHECK(answer(session).tokens == expected.tokens);
  CHECK(session_scores(session).empty());

  // A generation amid its prompt, then amid its answer.
  REQUIRE(prompt(session, text).ok());
  REQUIRE(session_continue(session, 64, &progress).ok());
  CHECK(embed(session, text) == vector);
  CHECK(session_text(session).empty());
  prefill(session, tokens);
  answer(session, 5);
  CHECK(embed(session, text) == vector);
  CHECK(session_generation_step(session).token == -1);
  CHECK(session_continue(session, 64, &progress).code == ErrorCode::kBadState);
  prefill(session, tokens);
  CHECK(answer(session).tokens == expected.tokens);
}

TEST_CASE("an interrupted generation stays in the cache") {
  Loaded session;
  const std::vector<int32_t> tokens = some_tokens(30);
  const Answer expected = undisturbed_answer(tokens);
  prefill(session, tokens);
  const Answer begun = answer(session, 10);
  std::vector<int32_t> longer = tokens;
  longer.insert(longer.end(), begun.tokens.begin(), begun.tokens.end());
  configure(session, 30);
  prefill(session, longer);
  CHECK(session_reused_tokens(session) == longer.size() - 1);
  const Answer rest = answer(session);
  std::vector<int32_t> all = begun.tokens;
  all.insert(all.end(), rest.tokens.begin(), rest.tokens.end());
  CHECK(all == expected.tokens);
}

TEST_CASE("continuing after a generation has begun works on the generation, not on an earlier embedding") {
  const std::vector<int32_t> text = some_tokens(150), tokens = some_tokens(30);
  Loaded session;
  // No embedding was computed yet: there is no vector to write to.
  prefill(session, tokens);
  ActivityProgress progress;
  REQUIRE(session_continue(session, 64, &progress).ok());
  CHECK(session_generation_step(session).token >= 0);
  CHECK(session_embedding(session).empty());

  // One that was refused, and one that was interrupted.
  CHECK(session_begin(session, EmbedRequest{}).code == ErrorCode::kBadInput);
  CHECK(session_continue(session, 64, &progress).code == ErrorCode::kBadState);
  CHECK(session_embedding(session).empty());
  const std::vector<float> vector = embed(session, text);
  REQUIRE(session_begin(session, EmbedRequest{text}).ok());
  REQUIRE(session_continue(session, 1, &progress).ok());
  REQUIRE(prompt(session, tokens).ok());
  REQUIRE(session_continue(session, 7, &progress).ok());
  CHECK(progress.processed == 7);
  CHECK(progress.remaining == 23);
  CHECK(session_embedding(session).empty());
  while (session_remaining(session) > 0) REQUIRE(session_continue(session, 64, &progress).ok());
  CHECK(answer(session).tokens == undisturbed_answer(tokens).tokens);
  CHECK(embed(session, text) == vector);
}

TEST_CASE("an error ends the activity") {
  Loaded session;
  const std::vector<int32_t> tokens = some_tokens(30);
  const Answer expected = undisturbed_answer(tokens);
  ActivityProgress progress;
  const auto check_ended = [&] {
    CHECK(session_remaining(session) == 0);
    CHECK(session_generation_step(session).token == -1);
    CHECK(session_text(session).empty());
    CHECK(session_continue(session, 64, &progress).code == ErrorCode::kBadState);
  };

  // A request that is refused ends the generation before it.
  prefill(session, tokens);
  answer(session, 3);
  CHECK(session_begin(session, ScoreRequest{}).code == ErrorCode::kContextOverflow);
  check_ended();

  // No token can come next.
  configure(session, 40);
  allow_only(session, -1);
  prefill(session, tokens);
  const Status status = session_continue(session, 64, &progress);
  CHECK(status.code == ErrorCode::kBadState);
  CHECK(std::string(status.message).find("No token can come next") != std::string::npos);
  CHECK(progress.state == ActivityState::kDone);
  check_ended();

  // A damaged state.
  configure(session, 40);
  prefill(session, tokens);
  std::vector<uint8_t> state = save(session);
  const std::vector<uint8_t> sound = state;
  state.back() ^= 1;
  CHECK(restore(session, state).code == ErrorCode::kBadFormat);
  check_ended();
  // More bytes than were announced.
  REQUIRE(session_begin(session, RestoreRequest{sound.size()}).ok());
  CHECK(session_continue(session, static_cast<uint32_t>(sound.size()) + 1, &progress).code == ErrorCode::kBadState);
  check_ended();

  REQUIRE(restore(session, sound).ok());
  prefill(session, tokens);
  CHECK(session_reused_tokens(session) == tokens.size() - 1);
  CHECK(answer(session).tokens == expected.tokens);
}

TEST_CASE("a calibration that a generation interrupts resumes, with the same result") {
  const std::vector<uint8_t> file = TinyLlama(TensorType::kQ8_0, false, false, 256, kRows).writer.file();
  constexpr uint32_t kText = 700, kWindow = 128, kBatch = 64;
  TestRandom random(1);
  std::vector<int32_t> text;
  for (uint32_t i = 0; i < kText; ++i) text.push_back(static_cast<int32_t>(random.next() % kRows));
  const std::vector<int32_t> tokens(text.begin(), text.begin() + 20);

  Loaded undisturbed(file, true);
  prefill(undisturbed, tokens);
  const Answer expected = answer(undisturbed);
  CHECK(session_begin(undisturbed, CalibrateRequest{}).code == ErrorCode::kBadState);  // there is none to resume
  uint32_t calls = 0;
  ActivityProgress progress{ActivityState::kMore};
  REQUIRE(session_begin(undisturbed, CalibrateRequest{text}).ok());
  for (; progress.state == ActivityState::kMore; ++calls) {
    const uint64_t before = session_remaining(undisturbed);
    REQUIRE(session_continue(undisturbed, 1, &progress).ok());
    CHECK(progress.processed == 1);
    CHECK(progress.remaining < before);
    CHECK(progress.remaining == session_remaining(undisturbed));
  }
  const std::string sidecar = sidecar_of(undisturbed);
  CHECK(session_begin(undisturbed, CalibrateRequest{}).code == ErrorCode::kBadState);
  CHECK(sidecar_of(undisturbed) == sidecar);

  constexpr uint32_t kWindowCalls = kWindow / kBatch, kTextCalls = (kText + kBatch - 1) / kBatch;
  REQUIRE(calls > kTextCalls + 20);
  struct Case {
    uint32_t calls;  // before the interruption
    uint32_t again;  // calls that evaluate the beginning of the window again
  };
  for (const Case& c :
       {Case{0, 0}, Case{1, 1}, Case{kWindowCalls, 0}, Case{kWindowCalls + 1, 1}, Case{2 * kWindowCalls, 0},
        Case{kTextCalls, 0}, Case{kTextCalls + 1, 0}, Case{calls - 20, 0}, Case{calls - 1, 0}}) {
    CAPTURE(c.calls);
    Loaded session(file, true);
    REQUIRE(session_begin(session, CalibrateRequest{text}).ok());
    for (uint32_t i = 0; i < c.calls; ++i) REQUIRE(session_continue(session, 1, &progress).ok());
    const uint64_t remaining = session_remaining(session);
    prefill(session, tokens);
    CHECK(answer(session).tokens == expected.tokens);  // dense until the calibration ends
    CHECK_FALSE(session_prune_report(session).calibrated);
    Buffer<char> none;
    CHECK(session_sidecar(session, &none).code == ErrorCode::kBadState);
    const std::vector<int32_t> short_text(text.begin(), text.begin() + kMinCalibrationTokens - 1);
    CHECK(session_begin(session, CalibrateRequest{short_text}).code == ErrorCode::kBadInput);
    REQUIRE(session_begin(session, CalibrateRequest{}).ok());
    CHECK(session_remaining(session) == remaining);
    uint32_t rest = 0;
    for (progress.state = ActivityState::kMore; progress.state == ActivityState::kMore; ++rest) {
      REQUIRE(session_continue(session, 1, &progress).ok());
    }
    CHECK(session_prune_report(session).calibrated);
    const std::string resumed = sidecar_of(session);
    CHECK(resumed == sidecar);
    CHECK(c.calls + rest == calls + c.again);
    const PruneReport a = session_prune_report(session), b = session_prune_report(undisturbed);
    for (uint32_t i = 0; i < kMeasuredCosts; ++i) CHECK(a.costs[i].head_rows == b.costs[i].head_rows);
    REQUIRE(use_sidecar(undisturbed, resumed).ok());  // it is sound
    REQUIRE(use_sidecar(undisturbed, sidecar).ok());
    CHECK(session_begin(session, CalibrateRequest{}).code == ErrorCode::kBadState);
  }
}
