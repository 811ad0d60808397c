#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "camelgpt.h"
#include "lent_threads.h"
#include "session/loaded_session.h"
#include "tiny_llama.h"

using namespace camelgpt;

namespace {

constexpr uint32_t kContext = 160;
constexpr int32_t kMask = TinyLlama::kStart;

struct MaskedModel {
  TinyLlama tiny{TensorType::kF32, true, false, kContext, TinyLlama::kVocabulary, "relu", "camelgpt"};
  TestSession session;
  explicit MaskedModel(float ffn = 0) {
    REQUIRE(load(session, tiny.writer.file(), 1 << 16, 0, KvType::k16, false, ffn).ok());
  }
};

double largest_difference(std::span<const float> found, const std::vector<double>& expected) {
  double largest = 0;
  for (size_t i = 0; i < expected.size(); ++i)
    largest = std::fmax(largest, std::fabs(static_cast<double>(found[i]) - expected[i]));
  return largest;
}

std::vector<int32_t> with_masks(size_t count, std::initializer_list<size_t> masks) {
  std::vector<int32_t> tokens = some_tokens(count);
  for (const size_t at : masks) tokens[at] = kMask;
  return tokens;
}

// Greedy decoding by its definition: in each step the surest masks after the prompt are decided.
std::vector<int32_t> decide(const TinyLlama& tiny, std::vector<int32_t> tokens, size_t prompt, uint32_t steps) {
  const auto masks =
      static_cast<size_t>(std::count(tokens.begin() + static_cast<ptrdiff_t>(prompt), tokens.end(), kMask));
  size_t decided = 0;
  for (uint32_t step = 1; decided < masks; ++step) {
    struct Choice {
      size_t at;
      int32_t token;
      double logprob;
    };
    std::vector<Choice> choices;
    for (size_t at = prompt; at < tokens.size(); ++at) {
      if (tokens[at] != kMask) continue;
      const std::vector<double> logits = tiny.masked_logits(tokens, prompt, at);
      const auto best =
          std::max_element(logits.begin(), logits.begin() + TinyLlama::kBytes);  // control tokens excluded
      double total = 0;
      for (const double logit : logits) total += std::exp(logit - *best);
      choices.push_back({at, static_cast<int32_t>(best - logits.begin()), -std::log(total)});
    }
    std::sort(choices.begin(), choices.end(), [](const Choice& a, const Choice& b) { return a.logprob > b.logprob; });
    const size_t wanted = (masks * step + steps - 1) / steps;
    for (const Choice& choice : choices) {
      if (decided >= wanted) break;
      tokens[choice.at] = choice.token;
      ++decided;
    }
  }
  return tokens;
}

GenerationOptions in_steps(uint32_t steps, uint32_t max_tokens) {
  GenerationOptions options;
  options.steps = steps;
  options.max_tokens = max_tokens;
  options.ignore_eos = true;
  return options;
}

// The prompt with its answer.
std::vector<int32_t> generate(TestSession& session, const std::vector<int32_t>& prompt) {
  prefill(session, prompt);
  std::vector<int32_t> tokens = prompt;
  const Answer found = answer(session);
  tokens.insert(tokens.end(), found.tokens.begin(), found.tokens.end());
  return tokens;
}

}  // namespace

TEST_CASE("tokens of a masked model see the whole text, even one longer than a batch") {
  for (const uint32_t threads : {1u, 3u}) {
    const LentThreads lent(threads);
    MaskedModel model;
    for (const size_t count : {size_t{1}, size_t{5}, size_t{64}, size_t{65}, size_t{130}}) {
      for (const size_t prompt : {size_t{0}, size_t{3}, size_t{70}}) {
        if (prompt >= count) continue;
        CAPTURE(count);
        CAPTURE(prompt);
        std::vector<int32_t> tokens = some_tokens(count);
        tokens.back() = kMask;
        REQUIRE(run(model.session, PredictRequest{tokens, prompt}).ok());
        for (const size_t position : {prompt, count - 1}) {
          float logprob = 0;
          REQUIRE(session_predict(model.session, static_cast<uint32_t>(position), 7, 3, &logprob).ok());
          const std::vector<double> expected = model.tiny.masked_logits(tokens, prompt, position);
          double total = 0;
          for (const double logit : expected) total += std::exp(logit - expected[7]);
          CHECK(static_cast<double>(logprob) == doctest::Approx(-std::log(total)).epsilon(0.01));
          CHECK(largest_difference(session_logits(model.session), expected) < 0.02);
          CHECK(session_top_tokens(model.session)[0].token ==
                std::max_element(expected.begin(), expected.end()) - expected.begin());
        }
      }
    }
  }
}

TEST_CASE("an answer is decided in steps, the surest tokens first") {
  MaskedModel model;
  const std::vector<int32_t> prompt = some_tokens(9);
  std::vector<int32_t> masked = prompt;
  masked.resize(prompt.size() + 8, kMask);
  for (const uint32_t steps : {1u, 3u, 8u, 20u}) {
    CAPTURE(steps);
    configure(model.session, in_steps(steps, 8));
    CHECK(generate(model.session, prompt) == decide(model.tiny, masked, prompt.size(), steps));
  }
}

TEST_CASE("an answer longer than a block continues after it") {
  MaskedModel model;
  configure(model.session, in_steps(2, 40));
  std::vector<int32_t> expected = some_tokens(5);
  const std::vector<int32_t> found = generate(model.session, expected);
  REQUIRE(found.size() == 45);
  CHECK(std::count(found.begin(), found.end(), kMask) == 0);
  // An equal prompt is not evaluated again, and gives the same answer.
  CHECK(generate(model.session, expected) == found);
  CHECK(session_reused_tokens(model.session) == 5);
}

TEST_CASE("an answer ends with its end token, although more tokens were decided") {
  MaskedModel model;
  GenerationOptions options = in_steps(3, 6);
  options.ignore_eos = false;
  configure(model.session, options);
  model.session.logit_bias = {{TinyLlama::kEnd, 1000}};
  const std::vector<int32_t> prompt = some_tokens(4), found = generate(model.session, prompt);
  REQUIRE(found.size() == 5);
  CHECK(found.back() == static_cast<int32_t>(TinyLlama::kEnd));
}

TEST_CASE("the masks of a text are filled in steps, each of which depends on those before") {
  MaskedModel model;
  const std::vector<int32_t> tokens = with_masks(24, {2, 3, 11, 23}), plain = some_tokens(24);
  for (const uint32_t steps : {1u, 3u}) {
    REQUIRE(run(model.session, FillRequest{tokens, in_steps(steps, 1)}).ok());
    const std::span<const int32_t> filled = session_filled(model.session);
    CHECK(std::vector<int32_t>(filled.begin(), filled.end()) == decide(model.tiny, tokens, 0, steps));
  }
  REQUIRE(run(model.session, FillRequest{plain, in_steps(3, 1)}).ok());  // without masks nothing changes
  const std::span<const int32_t> filled = session_filled(model.session);
  CHECK(std::vector<int32_t>(filled.begin(), filled.end()) == plain);
}

TEST_CASE("answers of a masked model are computed with the neurons that its prompt selected") {
  MaskedModel model(0.5f);
  PruneOptions options;
  options.ffn = 0.5f;
  REQUIRE(session_set_pruning(model.session, options).ok());
  configure(model.session, in_steps(3, 8));
  const std::vector<int32_t> first = generate(model.session, some_tokens(9));
  const PruneReport report = session_prune_report(model.session);
  CHECK(report.ffn_kept == doctest::Approx(0.5));
  CHECK(report.macs_per_token < report.macs_per_token_dense);
  CHECK(generate(model.session, some_tokens(9)) == first);
}

TEST_CASE("tasks of other kinds of models, and impossible positions and tokens, are refused") {
  const TinyLlama causal(TensorType::kF32);
  TestSession session;
  REQUIRE(load(session, causal.writer.file()).ok());
  const std::vector<int32_t> tokens = some_tokens(4), long_text = some_tokens(kContext + 1);
  CHECK(session_begin(session, PredictRequest{tokens}).code == ErrorCode::kUnsupportedTask);
  CHECK(session_begin(session, FillRequest{tokens, {}}).code == ErrorCode::kUnsupportedTask);

  MaskedModel masked;
  float logprob;
  CHECK(session_begin(masked.session, ScoreRequest{tokens}).code == ErrorCode::kUnsupportedTask);
  CHECK(session_predict(masked.session, 0, 0, 1, &logprob).code == ErrorCode::kBadState);
  REQUIRE(run(masked.session, PredictRequest{tokens, 2}).ok());
  CHECK(session_predict(masked.session, 1, 0, 1, &logprob).code == ErrorCode::kBadInput);
  CHECK(session_predict(masked.session, 4, 0, 1, &logprob).code == ErrorCode::kBadInput);
  CHECK(session_predict(masked.session, 2, TinyLlama::kVocabulary, 1, &logprob).code == ErrorCode::kBadInput);
  CHECK(session_predict(masked.session, 2, -1, kMaxLogprobs + 1, &logprob).ok());  // no token; the number is limited
  CHECK(session_top_tokens(masked.session).size() == kMaxLogprobs);
  CHECK(session_begin(masked.session, PredictRequest{}).code == ErrorCode::kBadInput);
  CHECK(session_begin(masked.session, PredictRequest{long_text}).code == ErrorCode::kContextOverflow);
}

TEST_CASE("the vector of a text is pooled from the hidden states of its tokens") {
  for (const bool is_masked : {false, true}) {
    const TinyLlama tiny(TensorType::kF32, true, false, kContext, TinyLlama::kVocabulary, "silu",
                         is_masked ? "camelgpt" : "llama");
    TestSession session;
    REQUIRE(load(session, tiny.writer.file()).ok());
    const std::vector<int32_t> tokens = some_tokens(100);
    const auto vector = [&](size_t count, Pooling pooling, bool normalize) {
      const auto end = tokens.begin() + static_cast<ptrdiff_t>(count);
      return embed(session, std::vector<int32_t>(tokens.begin(), end), pooling, normalize, 13);
    };
    const std::vector<float> unit = vector(100, Pooling::kMean, true), mean = vector(100, Pooling::kMean, false);
    double squares = 0, error = 0;
    for (const float value : unit) squares += static_cast<double>(value) * static_cast<double>(value);
    CHECK(squares == doctest::Approx(1));
    CHECK(vector(100, Pooling::kOfModel, false) == mean);
    if (is_masked) continue;
    // In a causal model the state of a token is the last state of the text up to it.
    std::vector<double> sum(mean.size());
    for (size_t count = 1; count <= 100; ++count) {
      const std::vector<float> last = vector(count, Pooling::kLast, false);
      for (size_t i = 0; i < sum.size(); ++i) sum[i] += static_cast<double>(last[i]) / 100;
      if (count == 1) CHECK(vector(100, Pooling::kFirst, false) == last);
    }
    for (size_t i = 0; i < sum.size(); ++i) error = std::fmax(error, std::fabs(sum[i] - static_cast<double>(mean[i])));
    CHECK(error < 1e-4);
  }
}
