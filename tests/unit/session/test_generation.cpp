// Prompts, answers and scores of a causal model.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "lent_threads.h"
#include "session/loaded_session.h"
#include "tiny_llama.h"

using namespace camelgpt;

// The norm of the difference over the norm of the expected vector.
static double relative_error(std::span<const float> found, const std::vector<double>& expected) {
  double error = 0, size = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    error += std::pow(static_cast<double>(found[i]) - expected[i], 2);
    size += expected[i] * expected[i];
  }
  return std::sqrt(error / size);
}

TEST_CASE("a model of every tensor type gives the logits of a plain evaluation of its dequantised weights") {
  for (const TensorType type : kAllTensorTypes) {
    for (const bool tied : {true, false}) {
      CAPTURE(tensor_type_info(type).name);
      CAPTURE(tied);
      const TinyLlama tiny(type, tied);
      TestSession session;
      REQUIRE(load(session, tiny.writer.file()).ok());
      configure(session);
      const std::vector<int32_t> tokens = some_tokens(13);
      prefill(session, tokens);
      const double error = relative_error(session_logits(session), tiny.logits(tokens));
      // Float panels differ by rounding and by half-precision keys and values, quantised ones by 8-bit activations too.
      const bool floats = type == TensorType::kF32 || type == TensorType::kF16 || type == TensorType::kBF16;
      CHECK(error < (floats ? 1e-3 : 1e-2));
    }
  }
}

TEST_CASE("frequencies of rotation are divided by the factors of Llama 3") {
  const TinyLlama with(TensorType::kF32, true, true);
  TestSession session;
  REQUIRE(load(session, with.writer.file()).ok());
  configure(session);
  const std::vector<int32_t> tokens = some_tokens(20);
  prefill(session, tokens);
  CHECK(relative_error(session_logits(session), with.logits(tokens)) < 1e-3);
  CHECK(relative_error(session_logits(session), TinyLlama(TensorType::kF32).logits(tokens)) > 1e-2);
}

TEST_CASE("the batch that a token is evaluated in does not change its result") {
  TestSession session;
  REQUIRE(load(session, TinyLlama(TensorType::kQ4_1).writer.file()).ok());
  configure(session);
  const std::vector<int32_t> tokens = some_tokens(45);
  prefill(session, tokens);
  const std::vector<float> together = logits(session);
  for (const uint32_t slice : {1u, 3u, 16u}) {
    prefill(session, some_tokens(3));  // shares no prefix: nothing can be reused
    prefill(session, tokens, slice);
    CHECK(logits(session) == together);
  }
}

TEST_CASE("each call evaluates at most its budget of the prompt and reports what remains") {
  TestSession session;
  REQUIRE(load(session, TinyLlama(TensorType::kQ4_1).writer.file()).ok());
  configure(session, 2);
  REQUIRE(prompt(session, some_tokens(45)).ok());
  CHECK(session_remaining(session) == 45);
  ActivityProgress progress;
  for (const uint32_t expected : {16u, 16u, 13u}) {
    REQUIRE(session_continue(session, 16, &progress).ok());
    CHECK(progress.state == ActivityState::kMore);
    CHECK(progress.processed == expected);
    CHECK(progress.remaining == session_remaining(session));
    CHECK(session_generation_step(session).token == -1);
    CHECK(session_text(session).empty());
  }
  CHECK(progress.remaining == 0);
  REQUIRE(session_continue(session, 16, &progress).ok());
  CHECK(progress.state == ActivityState::kMore);
  CHECK(progress.processed == 1);
  CHECK(session_generation_step(session).token >= 0);
  REQUIRE(session_continue(session, 16, &progress).ok());
  CHECK(progress.state == ActivityState::kDone);
}

TEST_CASE("the number of threads does not change a bit of any result") {
  for (const TensorType type : {TensorType::kQ4_1, TensorType::kQ6_K, TensorType::kF16}) {
    const TinyLlama tiny(type);
    const std::vector<int32_t> tokens = some_tokens(61);
    std::vector<float> first_logits, stepped_logits;
    std::vector<TokenScore> first_scores;
    for (const uint32_t count : {1u, 2u, 3u, 5u}) {
      CAPTURE(count);
      const LentThreads threads(count);
      TestSession session;
      REQUIRE(load(session, tiny.writer.file()).ok());
      configure(session);
      prefill(session, tokens, 47);
      const std::vector<float> prefilled = logits(session);
      answer(session);
      const std::vector<float> stepped = logits(session);
      const std::vector<TokenScore> scores = score(session, tokens);
      if (count == 1) {
        first_logits = prefilled;
        stepped_logits = stepped;
        first_scores = scores;
      }
      CHECK(prefilled == first_logits);
      CHECK(stepped == stepped_logits);
      CHECK(std::memcmp(scores.data(), first_scores.data(), scores.size() * sizeof(TokenScore)) == 0);
    }
  }
}

TEST_CASE("the cached prefix of a prompt is not evaluated again") {
  TestSession session;
  REQUIRE(load(session, TinyLlama(TensorType::kQ8_0).writer.file()).ok());
  configure(session);
  std::vector<int32_t> tokens = some_tokens(20);
  prefill(session, tokens);
  CHECK(session_reused_tokens(session) == 0);
  tokens.push_back(7);
  tokens.push_back(8);
  prefill(session, tokens);
  CHECK(session_reused_tokens(session) == 20);
  const std::vector<float> reused = logits(session);
  prefill(session, tokens);  // an equal prompt: only the last token is evaluated, for the logits
  CHECK(session_reused_tokens(session) == 21);
  CHECK(logits(session) == reused);
  prefill(session, some_tokens(4));
  prefill(session, tokens);
  CHECK(logits(session) == reused);
}

TEST_CASE("generation ends with the number of tokens or with the context") {
  TestSession session;
  REQUIRE(load(session, TinyLlama(TensorType::kF16).writer.file()).ok());
  for (const uint32_t prompt : {5u, 60u}) {
    configure(session, 10);
    prefill(session, some_tokens(prompt));
    const Answer found = answer(session);
    CHECK(found.finish == FinishReason::kLength);
    CHECK(found.tokens.size() == std::min(10u, TinyLlama::kContext - prompt));
    ActivityProgress progress;
    CHECK(session_continue(session, 64, &progress).code == ErrorCode::kBadState);
  }
}

TEST_CASE("the end token ends the text unless it is ignored, and a bias can force or forbid it") {
  TestSession session;
  REQUIRE(load(session, TinyLlama(TensorType::kF32).writer.file()).ok());
  configure(session, 4, false);
  session.logit_bias = {{TinyLlama::kEnd, 1000.0f}};
  prefill(session, some_tokens(3));
  const Step end = step(session);
  CHECK(end.finish == FinishReason::kStop);
  CHECK(end.token == static_cast<int32_t>(TinyLlama::kEnd));
  CHECK(end.text.empty());
  configure(session, 4, true);
  session.logit_bias = {{TinyLlama::kEnd, 1000.0f}};
  prefill(session, some_tokens(3));
  CHECK(step(session).token != static_cast<int32_t>(TinyLlama::kEnd));
}

TEST_CASE("the end token is forbidden before min_tokens, and possible from then on") {
  TestSession session;
  REQUIRE(load(session, llama_file()).ok());
  configure(session, 20, false);
  session.options.min_tokens = 7;
  session.logit_bias = {{TinyLlama::kEnd, 1000}};
  REQUIRE(prompt(session, some_tokens(5)).ok());
  const Answer found = answer(session);
  CHECK(found.tokens.size() == 8);
  CHECK(found.tokens.back() == TinyLlama::kEnd);
  CHECK(found.finish == FinishReason::kStop);
  session.options.ignore_eos = true;
  REQUIRE(prompt(session, some_tokens(5)).ok());
  CHECK(answer(session).tokens.size() == 20);
}

TEST_CASE("a stop string that spans tokens ends the text before it") {
  TestSession session;
  REQUIRE(load(session, TinyLlama(TensorType::kF32).writer.file()).ok());
  configure(session, 6);
  allow_only(session, 'x');  // the text is xxxxxx
  session.stop_strings = {"xxx"};
  prefill(session, some_tokens(3));
  const Answer found = answer(session);
  CHECK(found.finish == FinishReason::kStop);
  CHECK(found.text.empty());
}

TEST_CASE("text never ends in half a character") {
  TestSession session;
  REQUIRE(load(session, TinyLlama(TensorType::kF32).writer.file()).ok());
  configure(session, 3);
  allow_only(session, 0xe2);
  prefill(session, some_tokens(3));
  CHECK(answer(session).text == "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

TEST_CASE("scores are the log-probabilities of the logits") {
  TestSession session;
  const TinyLlama tiny(TensorType::kQ6_K);
  REQUIRE(load(session, tiny.writer.file()).ok());
  configure(session);
  const std::vector<int32_t> tokens = some_tokens(40);
  const std::vector<TokenScore> scores = score(session, tokens, 16);
  REQUIRE(scores.size() == 39);
  for (const size_t at : {size_t{0}, size_t{17}, size_t{38}}) {
    prefill(session, {tokens.begin(), tokens.begin() + static_cast<ptrdiff_t>(at) + 1});
    const std::vector<float> values = logits(session);
    double total = 0;
    for (const float value : values) total += std::exp(static_cast<double>(value));
    const double expected = static_cast<double>(values[static_cast<size_t>(tokens[at + 1])]) - std::log(total);
    CHECK(static_cast<double>(scores[at].logprob) == doctest::Approx(expected).epsilon(1e-4));
    CHECK(scores[at].best == std::max_element(values.begin(), values.end()) - values.begin());
  }
}

TEST_CASE("log-probabilities of a step are reported most probable first") {
  TestSession session;
  REQUIRE(load(session, TinyLlama(TensorType::kF32).writer.file()).ok());
  GenerationOptions options;
  options.logprobs = 5;
  configure(session, options);
  prefill(session, some_tokens(3));
  step(session);
  const std::span<const TokenProbability> top = session_top_tokens(session);
  REQUIRE(top.size() == 5);
  CHECK(top[0].token == session_generation_step(session).token);
  CHECK(top[0].logprob == session_generation_step(session).logprob);
  for (size_t i = 1; i < 5; ++i) CHECK(top[i].logprob <= top[i - 1].logprob);
  options.logprobs = 0;
  configure(session, options);
  prefill(session, some_tokens(3));
  step(session);
  CHECK(session_top_tokens(session).empty());
  CHECK(std::isnan(session_generation_step(session).logprob));
}
