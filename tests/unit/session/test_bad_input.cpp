// Requests that are refused: in the wrong order, with impossible tokens or options.
#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "session/loaded_session.h"
#include "tiny_llama.h"

using namespace camelgpt;

namespace {

TinyLlama masked_model() {
  return TinyLlama(TensorType::kF32, true, false, TinyLlama::kContext, TinyLlama::kVocabulary, "relu", "camelgpt");
}

// There is nothing to continue, and no result of any activity.
void check_idle(Session* session) {
  ActivityProgress progress;
  CHECK(session_continue(session, 1, &progress).code == ErrorCode::kBadState);
  CHECK(progress.state == ActivityState::kDone);
  CHECK(progress.processed == 0);
  CHECK(session_remaining(session) == 0);
  CHECK(session_generation_step(session).token == -1);
  CHECK(session_generation_step(session).finish == FinishReason::kNone);
  CHECK(session_text(session).empty());
  CHECK(session_top_tokens(session).empty());
  CHECK(session_reused_tokens(session) == 0);
  CHECK(session_draft_counts(session).batches == 0);
  CHECK(session_scores(session).empty());
  CHECK(session_embedding(session).empty());
  CHECK(session_filled(session).empty());
  float logprob;
  CHECK(session_predict(session, 0, 0, 0, &logprob).code == ErrorCode::kBadState);
}

}  // namespace

TEST_CASE("prompts that do not fit and tokens that do not exist are refused") {
  TestSession session;
  REQUIRE(load(session, TinyLlama(TensorType::kF32).writer.file()).ok());
  configure(session);
  CHECK(prompt(session, some_tokens(TinyLlama::kContext)).code == ErrorCode::kContextOverflow);
  CHECK(prompt(session, some_tokens(TinyLlama::kContext + 1)).code == ErrorCode::kContextOverflow);
  CHECK(prompt(session, {}).code == ErrorCode::kBadInput);
  for (const int32_t token : {-1, 258, INT32_MAX}) {
    const std::vector<int32_t> tokens = {1, token};
    CHECK(prompt(session, tokens).code == ErrorCode::kBadInput);
    CHECK(session_begin(session, ScoreRequest{tokens}).code == ErrorCode::kBadInput);
    CHECK(session_begin(session, EmbedRequest{tokens}).code == ErrorCode::kBadInput);
    check_idle(session);
  }
  CHECK(session_begin(session, EmbedRequest{}).code == ErrorCode::kBadInput);
  const std::vector<int32_t> long_text = some_tokens(TinyLlama::kContext + 1);
  CHECK(session_begin(session, EmbedRequest{long_text}).code == ErrorCode::kContextOverflow);
  CHECK(session_begin(session, ScoreRequest{}).code == ErrorCode::kContextOverflow);
  CHECK(session_begin(session, ScoreRequest{long_text}).code == ErrorCode::kContextOverflow);
}

TEST_CASE("calls in the wrong order are errors, not accidents") {
  TestSession session;
  const std::vector<int32_t> tokens = some_tokens(9);
  const auto refuses = [&](const auto& request) {
    CHECK(session_begin(session, request).code == ErrorCode::kBadState);
    check_idle(session);
  };
  MemoryPlan plan;
  ModelInfo info;
  Buffer<int32_t> out;
  Buffer<char> text;
  std::string_view piece;
  check_idle(session);
  refuses(GenerateRequest{tokens, {}});
  refuses(GenerateRequest{});
  refuses(PredictRequest{tokens});
  refuses(FillRequest{tokens, {}});
  refuses(ScoreRequest{tokens});
  refuses(EmbedRequest{tokens});
  refuses(CalibrateRequest{tokens});
  refuses(CalibrateRequest{});
  refuses(SaveRequest{});
  refuses(RestoreRequest{100});
  CHECK(session_plan(session, {}, &plan).code == ErrorCode::kBadState);
  CHECK(session_allocate(session, {}).code == ErrorCode::kBadState);
  CHECK(session_load_eagerly(session).code == ErrorCode::kBadState);
  size_t used = 0;
  CHECK(session_feed_rows(session, 0, 0, &used).code == ErrorCode::kBadState);
  CHECK(session_request_rows(session, 0).empty());
  CHECK(session_wanted(session).from == session_wanted(session).to);
  CHECK(session_missing(session).empty());
  CHECK(session_model_info(session, &info).code == ErrorCode::kBadState);
  CHECK(session_tokenize(session, "text", {}, &out).code == ErrorCode::kBadState);
  CHECK(session_detokenize(session, tokens, false, &text).code == ErrorCode::kBadState);
  CHECK(session_piece(session, 5, &piece).code == ErrorCode::kBadState);
  CHECK(session_set_pruning(session, {}).code == ErrorCode::kBadState);
  CHECK(session_set_trained_ffn(session, 0.5f).code == ErrorCode::kBadState);
  CHECK(session_sidecar(session, &text).code == ErrorCode::kBadState);
  CHECK(session_use_sidecar(session, {}).code == ErrorCode::kBadState);
  CHECK(session_logits(session).empty());
  CHECK(session_cached_tokens(session) == 0);
  CHECK(session_bytes(session) == -1);
  CHECK_FALSE(session_prune_report(session).calibrated);
  CHECK_FALSE(session_is_complete(session));

  REQUIRE(load(session, TinyLlama(TensorType::kF32).writer.file()).ok());
  CHECK(session_plan(session, {}, &plan).code == ErrorCode::kBadState);
  CHECK(session_allocate(session, {}).code == ErrorCode::kBadState);
  check_idle(session);
  CHECK(session_cached_tokens(session) == 0);
  configure(session, 2);
  REQUIRE(prompt(session, tokens).ok());
  ActivityProgress progress;
  REQUIRE(session_continue(session, 4, &progress).ok());
  CHECK(session_generation_step(session).token == -1);  // the prompt comes first
  REQUIRE(session_continue(session, 64, &progress).ok());
  answer(session);
  CHECK(session_continue(session, 64, &progress).code == ErrorCode::kBadState);
}

TEST_CASE("results of an activity are empty until it is done, and can be read until the next one begins") {
  TestSession session;
  REQUIRE(load(session, TinyLlama(TensorType::kF32).writer.file()).ok());
  configure(session);
  const std::vector<int32_t> tokens = some_tokens(20);
  ActivityProgress progress;
  REQUIRE(session_begin(session, ScoreRequest{tokens}).ok());
  REQUIRE(session_continue(session, 12, &progress).ok());
  CHECK(progress.state == ActivityState::kMore);
  CHECK(progress.remaining == 7);
  CHECK(session_scores(session).empty());
  REQUIRE(session_continue(session, 12, &progress).ok());
  CHECK(progress.state == ActivityState::kDone);
  CHECK(session_scores(session).size() == 19);
  CHECK(session_continue(session, 12, &progress).code == ErrorCode::kBadState);
  CHECK(session_scores(session).size() == 19);

  REQUIRE(session_begin(session, EmbedRequest{tokens}).ok());
  CHECK(session_scores(session).empty());
  REQUIRE(session_continue(session, 12, &progress).ok());
  CHECK(progress.remaining == 8);
  CHECK(session_embedding(session).empty());
  REQUIRE(session_continue(session, 12, &progress).ok());
  CHECK(session_embedding(session).size() == TinyLlama::kHidden);
  REQUIRE(session_begin(session, SaveRequest{}).ok());
  CHECK(session_embedding(session).empty());

  TestSession masked;
  REQUIRE(load(masked, masked_model().writer.file()).ok());
  std::vector<int32_t> with_masks = tokens;
  with_masks[3] = with_masks[7] = with_masks[11] = TinyLlama::kStart;
  float logprob;
  REQUIRE(session_begin(masked, PredictRequest{with_masks}).ok());
  CHECK(session_remaining(masked) == 20);
  CHECK(session_predict(masked, 3, 5, 2, &logprob).code == ErrorCode::kBadState);
  REQUIRE(session_continue(masked, 1, &progress).ok());
  CHECK(progress.state == ActivityState::kDone);  // the text is evaluated in one call
  CHECK(progress.processed == 20);
  CHECK(session_predict(masked, 3, 5, 2, &logprob).ok());
  CHECK(session_top_tokens(masked).size() == 2);

  GenerationOptions options;
  options.steps = 3;
  REQUIRE(session_begin(masked, FillRequest{with_masks, options}).ok());
  CHECK(session_top_tokens(masked).empty());
  CHECK(session_predict(masked, 3, 5, 2, &logprob).code == ErrorCode::kBadState);
  for (const uint64_t remaining : {2u, 1u, 0u}) {
    CHECK(session_filled(masked).empty());
    REQUIRE(session_continue(masked, 1, &progress).ok());
    CHECK(progress.processed == 1);
    CHECK(progress.remaining == remaining);
  }
  CHECK(progress.state == ActivityState::kDone);
  CHECK(session_filled(masked).size() == 20);
  options.steps = 0;
  CHECK(session_begin(masked, FillRequest{with_masks, options}).code == ErrorCode::kBadOption);
  check_idle(masked);
}

TEST_CASE("options, stop strings and biases out of range are errors that name them") {
  TestSession session;
  REQUIRE(load(session, TinyLlama(TensorType::kF32).writer.file()).ok());
  const auto refused = [&](auto change, const char* name) {
    CAPTURE(name);
    configure(session);
    change();
    const Status status = prompt(session, some_tokens(5));
    CHECK(status.code == ErrorCode::kBadOption);
    CHECK(std::string(status.message).find(name) != std::string::npos);
    check_idle(session);
  };
  GenerationOptions& options = session.options;
  configure(session);
  prefill(session, some_tokens(20));
  refused([&] { options.max_tokens = 0; }, "maxTokens");
  refused([&] { options.max_tokens = UINT32_MAX; }, "maxTokens");
  refused([&] { options.steps = 0; }, "steps");
  refused([&] { options.logprobs = kMaxLogprobs + 1; }, "logprobs");
  refused([&] { options.sampler.temperature = -1; }, "temperature");
  refused([&] { options.sampler.top_p = 0; }, "topP");
  refused([&] { options.sampler.repeat_last = kMaxRepeatLast + 1; }, "repeatLast");
  refused([&] { session.stop_strings = {"good", ""}; }, "stop string");
  refused([&] { session.stop_strings = {"\xe2\x82"}; }, "stop string");
  refused([&] { session.stop_strings.assign(65, "x"); }, "stop string");
  refused([&] { session.logit_bias = {{258, 1}}; }, "logit bias");
  refused([&] { session.logit_bias = {{-1, 1}}; }, "logit bias");
  refused([&] { session.logit_bias = {{5, NAN}}; }, "logit bias");
  refused([&] { session.logit_bias = {{5, HUGE_VALF}}; }, "logit bias");
  CHECK(session_cached_tokens(session) == 20);  // the cached text is still there
  configure(session);
  prefill(session, some_tokens(20));
  CHECK(session_reused_tokens(session) == 19);
}
