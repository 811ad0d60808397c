#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "camelgpt.h"
#include "lent_threads.h"
#include "session/loaded_session.h"
#include "tiny_llama.h"

using namespace camelgpt;

static std::string output(Session* session) { return std::string(session_output(session)); }

// Length of the difference over the length of what was expected.
static double relative_error(std::span<const float> found, const std::vector<double>& expected) {
  double error = 0, size = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    error += std::pow(static_cast<double>(found[i]) - expected[i], 2);
    size += expected[i] * expected[i];
  }
  return std::sqrt(error / size);
}

// Leaves one token to choose from.
static void allow_only(Session* session, int32_t allowed) {
  for (int32_t token = 0; token < static_cast<int32_t>(TinyLlama::kVocabulary); ++token) {
    if (token != allowed) REQUIRE(session_add_logit_bias(session, token, -HUGE_VALF).ok());
  }
}

// Steps to the end of the answer; its text.
static std::string answer(Session* session, StepResult* result) {
  std::string text;
  *result = StepResult::kContinue;
  while (*result == StepResult::kContinue) {
    REQUIRE(session_step(session, result).ok());
    text += output(session);
  }
  return text;
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
      // Float panels differ by rounding and half-precision keys and values, quantised ones by 8-bit activations too.
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

TEST_CASE("a model loads the same from pieces of any size") {
  const std::vector<uint8_t> file = TinyLlama(TensorType::kQ4_K).writer.file();
  std::vector<float> whole;
  for (const size_t piece : {size_t{1} << 20, size_t{4096}, size_t{333}, size_t{7}}) {
    TestSession session;
    REQUIRE(load(session, file, piece).ok());
    configure(session);
    prefill(session, some_tokens(5));
    if (whole.empty()) whole = logits(session);
    CHECK(logits(session) == whole);
  }
}

TEST_CASE("the batch that a token is evaluated in does not change its result") {
  TestSession session;
  REQUIRE(load(session, TinyLlama(TensorType::kQ4_1).writer.file()).ok());
  configure(session);
  const std::vector<int32_t> tokens = some_tokens(45);
  prefill(session, tokens);
  const std::vector<float> together = logits(session);
  for (const uint32_t slice : {1u, 3u, 16u}) {
    prefill(session, some_tokens(3));  // another beginning: nothing can be reused
    prefill(session, tokens, slice);
    CHECK(logits(session) == together);
  }
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
      StepResult result;
      answer(session, &result);
      const std::vector<float> stepped = logits(session);

      put_tokens(session, tokens);
      REQUIRE(session_score_begin(session, tokens.size()).ok());
      uint32_t left = 1;
      while (left > 0) REQUIRE(session_score_continue(session, 64, &left).ok());
      const std::vector<TokenScore> scores(session_scores(session).begin(), session_scores(session).end());
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

TEST_CASE("what the cache holds of a prompt is not evaluated again") {
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
  prefill(session, tokens);  // the same again: the last token gives the logits
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
    uint32_t steps = 0;
    StepResult result = StepResult::kContinue;
    while (result == StepResult::kContinue) {
      REQUIRE(session_step(session, &result).ok());
      ++steps;
    }
    CHECK(result == StepResult::kLength);
    CHECK(steps == std::min(10u, TinyLlama::kContext - prompt));
    CHECK(session_step(session, &result).code == ErrorCode::kBadState);
  }
}

TEST_CASE("the end token ends the text unless it is ignored, and a bias can force or forbid it") {
  TestSession session;
  REQUIRE(load(session, TinyLlama(TensorType::kF32).writer.file()).ok());
  StepResult result;
  configure(session, 4, false);
  REQUIRE(session_add_logit_bias(session, TinyLlama::kEnd, 1000.0f).ok());
  prefill(session, some_tokens(3));
  REQUIRE(session_step(session, &result).ok());
  CHECK(result == StepResult::kStop);
  CHECK(session_last_token(session).token == static_cast<int32_t>(TinyLlama::kEnd));
  CHECK(output(session).empty());
  configure(session, 4, true);
  REQUIRE(session_add_logit_bias(session, TinyLlama::kEnd, 1000.0f).ok());
  prefill(session, some_tokens(3));
  REQUIRE(session_step(session, &result).ok());
  CHECK(session_last_token(session).token != static_cast<int32_t>(TinyLlama::kEnd));
}

TEST_CASE("a stop string ends the text before it, over token borders") {
  TestSession session;
  REQUIRE(load(session, TinyLlama(TensorType::kF32).writer.file()).ok());
  configure(session, 6);
  // Every token but x is forbidden, so the text is xxxxxx.
  allow_only(session, 'x');
  std::memcpy(session_text_buffer(session, 3), "xxx", 3);
  REQUIRE(session_add_stop(session, 3).ok());
  prefill(session, some_tokens(3));
  StepResult result;
  const std::string text = answer(session, &result);
  CHECK(result == StepResult::kStop);
  CHECK(text.empty());
}

TEST_CASE("text never ends in half a character") {
  TestSession session;
  REQUIRE(load(session, TinyLlama(TensorType::kF32).writer.file()).ok());
  configure(session, 3);
  allow_only(session, 0xe2);
  prefill(session, some_tokens(3));
  StepResult result;
  const std::string text = answer(session, &result);
  CHECK(text == "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

TEST_CASE("scores are the log-probabilities of the logits") {
  TestSession session;
  const TinyLlama tiny(TensorType::kQ6_K);
  REQUIRE(load(session, tiny.writer.file()).ok());
  configure(session);
  const std::vector<int32_t> tokens = some_tokens(40);
  put_tokens(session, tokens);
  REQUIRE(session_score_begin(session, tokens.size()).ok());
  uint32_t left = 1;
  while (left > 0) REQUIRE(session_score_continue(session, 16, &left).ok());
  const std::vector<TokenScore> scores(session_scores(session).begin(), session_scores(session).end());
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
  REQUIRE(session_configure(session, options).ok());
  prefill(session, some_tokens(3));
  StepResult result;
  REQUIRE(session_step(session, &result).ok());
  const std::span<const TokenProbability> top = session_top_tokens(session);
  REQUIRE(top.size() == 5);
  CHECK(top[0].token == session_last_token(session).token);
  CHECK(top[0].logprob == session_last_token(session).logprob);
  for (size_t i = 1; i < 5; ++i) CHECK(top[i].logprob <= top[i - 1].logprob);
}

// ------------------------------------------------------------------------------------------------------------ drafts

// All that an answer shows.
struct Shown {
  std::vector<int32_t> tokens;
  std::vector<std::vector<float>> logits;  // of each step
  std::vector<float> logprobs;
  std::string text;
  StepResult result = StepResult::kContinue;
  bool operator==(const Shown&) const = default;
};

static Shown show(Session* session, const std::vector<int32_t>& prompt, uint32_t most_steps = UINT32_MAX) {
  Shown shown;
  prefill(session, prompt);
  while (shown.result == StepResult::kContinue && shown.tokens.size() < most_steps) {
    REQUIRE(session_step(session, &shown.result).ok());
    shown.tokens.push_back(session_last_token(session).token);
    shown.logits.push_back(logits(session));
    for (const TokenProbability& top : session_top_tokens(session)) shown.logprobs.push_back(top.logprob);
    shown.text += output(session);
  }
  return shown;
}

// Options that make a random model repeat itself, more or less: few tokens to choose from.
static void configure_to_repeat(Session* session, uint64_t seed, uint32_t max_tokens = 1000) {
  GenerationOptions options;
  options.max_tokens = max_tokens;
  options.sampler.temperature = static_cast<float>(seed % 3) * 0.7f;
  options.sampler.repeat_penalty = seed % 5 == 4 ? 1.1f : 1.0f;
  options.sampler.seed = seed;
  options.logprobs = seed % 4 == 3 ? 3 : 0;
  options.ignore_eos = seed % 2 == 0;
  REQUIRE(session_configure(session, options).ok());
  for (int32_t token = 0; token < static_cast<int32_t>(TinyLlama::kVocabulary); ++token) {
    const bool allowed = (token >= 'a' && token < 'a' + static_cast<int32_t>(1 + seed % 4));
    if (!allowed) REQUIRE(session_add_logit_bias(session, token, token == TinyLlama::kEnd ? -3.0f : -HUGE_VALF).ok());
  }
}

// Some tokens, and then a part of them again.
static std::vector<int32_t> repeating_prompt(uint64_t seed) {
  TestRandom random(seed);
  std::vector<int32_t> tokens;
  for (int i = 0; i < 10; ++i) tokens.push_back(static_cast<int32_t>('a' + random.next() % 3));
  for (size_t i = 0; i < 6; ++i) tokens.push_back(tokens[i]);
  return tokens;
}

struct DraftTotals {
  uint64_t batches = 0, accepted = 0, rejected = 0;
  void add(const Session* session) {
    const DraftCounts counts = session_draft_counts(session);
    CHECK(counts.accepted <= counts.drafted);
    CHECK(counts.drafted <= counts.batches * 3);
    batches += counts.batches;
    accepted += counts.accepted;
    rejected += counts.drafted - counts.accepted;
  }
};

TEST_CASE("drafts change no token, logit or text of any answer") {
  for (const TensorType type : {TensorType::kQ4_1, TensorType::kF32}) {
    const std::vector<uint8_t> file = TinyLlama(type).writer.file();
    const KvType kv_type = type == TensorType::kF32 ? KvType::k8 : KvType::k16;
    TestSession plain, drafting;
    REQUIRE(load(plain, file, 1 << 16, 0, kv_type).ok());
    REQUIRE(load(drafting, file, 1 << 16, 0, kv_type).ok());
    REQUIRE(session_set_drafts(drafting, true).ok());
    DraftTotals totals;
    for (uint64_t seed = 0; seed < 40; ++seed) {
      CAPTURE(seed);
      configure_to_repeat(plain, seed);
      configure_to_repeat(drafting, seed);
      // Each answer comes after another one, whose drafts may still be in the cache.
      const bool same = show(drafting, repeating_prompt(seed)) == show(plain, repeating_prompt(seed));
      CHECK(same);
      totals.add(drafting);
    }
    CHECK(session_draft_counts(plain).batches == 0);
    CHECK(totals.batches > 20);
    CHECK(totals.accepted > 40);
    CHECK(totals.rejected > 10);
  }
}

TEST_CASE("drafts are the same with any number of threads") {
  const std::vector<uint8_t> file = TinyLlama(TensorType::kQ4_1).writer.file();
  std::vector<Shown> first;
  for (const uint32_t count : {1u, 2u, 3u}) {
    const LentThreads threads(count);
    TestSession session;
    REQUIRE(load(session, file).ok());
    REQUIRE(session_set_drafts(session, true).ok());
    DraftTotals totals;
    for (uint64_t seed = 0; seed < 6; ++seed) {
      configure_to_repeat(session, seed);
      const Shown shown = show(session, repeating_prompt(seed));
      if (count == 1) first.push_back(shown);
      const bool same = shown == first[seed];
      CHECK(same);
      totals.add(session);
    }
    CHECK(totals.accepted > 0);
  }
}

TEST_CASE("nothing is drafted that no token can follow") {
  TestSession session;
  REQUIRE(load(session, TinyLlama(TensorType::kQ8_0).writer.file()).ok());
  REQUIRE(session_set_drafts(session, true).ok());
  const std::vector<int32_t> prompt(8, 'x');
  for (uint32_t max_tokens = 1; max_tokens < 70; ++max_tokens) {
    CAPTURE(max_tokens);
    configure(session, max_tokens);
    allow_only(session, 'x');
    const Shown shown = show(session, prompt);
    const uint32_t expected = std::min(max_tokens, TinyLlama::kContext - 8);
    CHECK(shown.result == StepResult::kLength);
    CHECK(shown.text == std::string(expected, 'x'));
    const DraftCounts counts = session_draft_counts(session);
    CHECK(counts.drafted == counts.accepted);  // every draft comes true
    // Each evaluation is one that a token was chosen after; the first token came out of the prompt.
    CHECK(counts.batches + counts.drafted <= expected - 1);
    if (expected > 8) CHECK(counts.accepted >= expected / 2);
  }
}

TEST_CASE("an answer that ends or is left in the middle of drafts leaves a cache that is right") {
  const std::vector<uint8_t> file = TinyLlama(TensorType::kQ4_1).writer.file();
  TestSession session;
  REQUIRE(load(session, file).ok());
  REQUIRE(session_set_drafts(session, true).ok());
  uint32_t kept_drafts = 0;
  for (uint32_t steps = 1; steps < 24; ++steps) {
    CAPTURE(steps);
    configure_to_repeat(session, 2);
    const std::vector<int32_t> prompt = repeating_prompt(steps);
    const Shown begun = show(session, prompt, steps);
    // The next prompt goes on with the answer, and then as the drafts did or otherwise.
    for (const int32_t next : {static_cast<int32_t>('a'), static_cast<int32_t>('b'), static_cast<int32_t>('z')}) {
      std::vector<int32_t> longer = prompt;
      longer.insert(longer.end(), begun.tokens.begin(), begun.tokens.end());
      longer.insert(longer.end(), 3, next);
      configure_to_repeat(session, 2);
      prefill(session, longer);
      CHECK(session_reused_tokens(session) >= prompt.size() + steps - 1);
      if (session_reused_tokens(session) > prompt.size() + steps) ++kept_drafts;
      const std::vector<float> reused = logits(session);
      TestSession fresh;
      REQUIRE(load(fresh, file).ok());
      configure_to_repeat(fresh, 2);
      prefill(fresh, longer);
      const bool same = logits(fresh) == reused;
      CHECK(same);
    }
  }
  CHECK(kept_drafts > 0);
}

TEST_CASE("a stop string and the end token end an answer amid drafts as they do without") {
  const std::vector<uint8_t> file = TinyLlama(TensorType::kQ4_0).writer.file();
  TestSession plain, drafting;
  REQUIRE(load(plain, file).ok());
  REQUIRE(load(drafting, file).ok());
  REQUIRE(session_set_drafts(drafting, true).ok());
  DraftTotals totals;
  uint32_t stopped = 0;
  for (uint64_t seed = 0; seed < 30; ++seed) {
    CAPTURE(seed);
    Shown shown[2];
    for (const bool drafts : {false, true}) {
      Session* session = drafts ? drafting : plain;
      configure_to_repeat(session, seed);
      for (const std::string_view stop : {"aaaaaaaaaaaaaaaa", "babba", "cac"}) {
        std::copy(stop.begin(), stop.end(), session_text_buffer(session, stop.size()));
        REQUIRE(session_add_stop(session, stop.size()).ok());
      }
      shown[drafts] = show(session, repeating_prompt(seed));
    }
    const bool same = shown[0] == shown[1];
    CHECK(same);
    totals.add(drafting);
    stopped += shown[1].result == StepResult::kStop ? 1 : 0;
  }
  CHECK(stopped > 10);
  CHECK(stopped < 30);
  CHECK(totals.accepted > 0);
}

TEST_CASE("drafts can be turned on and off within an answer, and scores do not depend on them") {
  const std::vector<uint8_t> file = TinyLlama(TensorType::kQ4_1).writer.file();
  TestSession plain, drafting;
  REQUIRE(load(plain, file).ok());
  REQUIRE(load(drafting, file).ok());
  const auto scores = [](Session* session) {
    put_tokens(session, repeating_prompt(1));
    REQUIRE(session_score_begin(session, 16).ok());
    uint32_t left = 1;
    while (left > 0) REQUIRE(session_score_continue(session, 5, &left).ok());
    std::vector<float> logprobs;
    for (const TokenScore& score : session_scores(session)) logprobs.push_back(score.logprob);
    return logprobs;
  };
  for (uint64_t seed = 0; seed < 8; ++seed) {
    for (Session* session : {static_cast<Session*>(plain), static_cast<Session*>(drafting)}) {
      configure_to_repeat(session, seed);
      prefill(session, repeating_prompt(seed));
    }
    StepResult result = StepResult::kContinue;
    for (uint32_t step = 0; result == StepResult::kContinue; ++step) {
      REQUIRE(session_set_drafts(drafting, step % 14 < 9).ok());
      REQUIRE(session_step(plain, &result).ok());
      REQUIRE(session_step(drafting, &result).ok());
      const bool same = logits(plain) == logits(drafting);
      CHECK(same);
      CHECK(session_last_token(plain).token == session_last_token(drafting).token);
    }
    CHECK(scores(plain) == scores(drafting));
  }
}

// ------------------------------------------------------------------------------------------------- memory and bad
// input Summaries of the pages of a tiny model's context: memory for eight in each key/value head of each layer.
static constexpr uint64_t kPageBytes =
    TinyLlama::kLayers * TinyLlama::kKvHeads * 8 * (2 * TinyLlama::kWidth + sizeof(float));

TEST_CASE("the plan adds up, and no memory is taken for a context that the model does not have") {
  TestSession session;
  const std::vector<uint8_t> file = TinyLlama(TensorType::kQ4_0).writer.file();
  std::memcpy(session_staging(session).data(), file.data(), 20000);
  REQUIRE(session_feed(session, 20000).ok());
  REQUIRE(session_load_state(session) == LoadState::kPlanned);
  MemoryPlan plan;
  REQUIRE(session_plan(session, {}, &plan).ok());
  CHECK(plan.context_length == TinyLlama::kContext);
  const uint64_t rows = 2 * TinyLlama::kLayers * TinyLlama::kKvHeads * TinyLlama::kContext;
  CHECK(plan.cache_bytes == rows * (TinyLlama::kWidth * 2 + sizeof(float)) + kPageBytes);
  CHECK(plan.total_bytes ==
        plan.weight_bytes + plan.cache_bytes + plan.tokenizer_bytes + plan.workspace_bytes + plan.staging_bytes);
  CHECK(session_plan(session, {TinyLlama::kContext + 1}, &plan).code == ErrorCode::kBadOption);
  CHECK(session_plan(session, {UINT32_MAX}, &plan).code == ErrorCode::kBadOption);
  REQUIRE(session_plan(session, {16}, &plan).ok());
  CHECK(plan.context_length == 16);
}

TEST_CASE("8-bit keys and values take about half of the memory, and the logits stay close") {
  const std::vector<uint8_t> file = TinyLlama(TensorType::kQ4_0).writer.file();
  const std::vector<int32_t> tokens = some_tokens(20);
  std::vector<float> of_type[2];
  for (const KvType type : {KvType::k16, KvType::k8}) {
    TestSession session;
    REQUIRE(load(session, file, 1 << 16, 0, type).ok());
    configure(session);
    prefill(session, tokens);
    of_type[static_cast<int>(type)] = logits(session);
  }
  float largest = 0, difference = 0;
  for (size_t i = 0; i < of_type[0].size(); ++i) {
    largest = std::max(largest, std::fabs(of_type[0][i]));
    difference = std::max(difference, std::fabs(of_type[0][i] - of_type[1][i]));
  }
  CHECK(difference > 0);
  CHECK(difference < 0.05f * largest);

  TestSession session;
  std::memcpy(session_staging(session).data(), file.data(), 20000);
  REQUIRE(session_feed(session, 20000).ok());
  MemoryPlan words, bytes;
  REQUIRE(session_plan(session, {}, &words).ok());
  REQUIRE(session_plan(session, {0, KvType::k8}, &bytes).ok());
  const uint64_t rows = 2 * TinyLlama::kLayers * TinyLlama::kKvHeads * TinyLlama::kContext;
  CHECK(words.cache_bytes == rows * (TinyLlama::kWidth * 2 + sizeof(float)) + kPageBytes);
  CHECK(bytes.cache_bytes == rows * (TinyLlama::kWidth + sizeof(float)) + kPageBytes);
  CHECK(words.total_bytes - bytes.total_bytes == words.cache_bytes - bytes.cache_bytes);
}

TEST_CASE("a file that is cut off anywhere is called truncated") {
  const std::vector<uint8_t> file = TinyLlama(TensorType::kQ4_0).writer.file();
  for (size_t size = 0; size < file.size(); size += size < 300 ? 1 : 997) {
    CAPTURE(size);
    TestSession session;
    CHECK(load(session, {file.begin(), file.begin() + static_cast<ptrdiff_t>(size)}).code == ErrorCode::kTruncated);
  }
}

TEST_CASE("a file whose tensors do not make the model is refused by name") {
  const auto refused = [](GgufWriter writer, ErrorCode code, const char* name) {
    TestSession session;
    const Status status = load(session, writer.file());
    CAPTURE(status.message);
    CHECK(status.code == code);
    CHECK(std::string(status.message).find(name) != std::string::npos);
  };
  GgufWriter writer = TinyLlama(TensorType::kF16).writer;
  GgufWriter missing = writer;
  missing.tensors[3].name = "blk.0.attn_query.weight";
  refused(missing, ErrorCode::kBadTensor, "blk.0.attn_q.weight");
  GgufWriter shape = writer;
  std::swap(shape.tensors.back().dimensions[0], shape.tensors.back().dimensions[1]);
  refused(shape, ErrorCode::kBadTensor, "ffn_down");
  GgufWriter infinite = writer;
  infinite.tensors.back().data[101] = 0x7c;
  refused(infinite, ErrorCode::kBadTensor, "ffn_down");
  GgufWriter nothing;
  refused(nothing, ErrorCode::kMissingMetadata, "general.architecture");
}

TEST_CASE("the error for an architecture that there is none of lists those that there are") {
  GgufWriter writer;
  writer.add_string("general.architecture", "mamba");
  TestSession session;
  const Status status = load(session, writer.file());
  CHECK(status.code == ErrorCode::kUnsupportedArchitecture);
  CHECK(std::string(status.found) == "mamba");
  const std::string expected = std::string(status.expected) + ",";
  for (const char* name : {"llama", "qwen2", "qwen3", "gemma", "gemma2", "gemma3", "phi3", "gpt2", "stablelm", "olmo2",
                           "granite", "chatglm", "smollm3", "qwen2moe", "qwen3moe", "olmoe", "lfm2", "minicpm"}) {
    CAPTURE(name);
    CHECK(expected.find(std::string(" ") + name + ",") != std::string::npos);
  }
  CHECK(expected.size() < sizeof status.expected - 16);  // or the list is cut off
}

TEST_CASE("a key that a model needs is asked for by name, and an impossible one is refused") {
  const auto refused = [](const char* key, uint32_t value, ErrorCode code) {
    CAPTURE(key);
    GgufWriter writer = TinyLlama(TensorType::kQ8_0).writer;
    // In the file as it is: the same key with another last letter is another key.
    const std::string text(key);
    const auto at = std::search(writer.entries.begin(), writer.entries.end(), text.begin(), text.end());
    REQUIRE(at != writer.entries.end());
    if (code == ErrorCode::kMissingMetadata) {
      *(at + static_cast<ptrdiff_t>(text.size()) - 1) = 'X';
    } else {
      std::memcpy(&*at + text.size() + 4, &value, 4);  // behind the type
    }
    TestSession session;
    const Status status = load(session, writer.file());
    CAPTURE(status.message);
    CHECK(status.code == code);
    return std::string(status.message) + status.expected;
  };
  for (const char* key :
       {"llama.block_count", "llama.context_length", "llama.embedding_length", "llama.feed_forward_length",
        "llama.attention.head_count", "llama.attention.layer_norm_rms_epsilon"}) {
    CHECK(refused(key, 0, ErrorCode::kMissingMetadata).find(key) != std::string::npos);
    if (std::string(key).find("epsilon") == std::string::npos) {
      CHECK(refused(key, 0, ErrorCode::kBadMetadata).find(key) != std::string::npos);
    }
  }
  refused("llama.attention.head_count_kv", 3, ErrorCode::kBadMetadata);           // does not divide the heads
  refused("llama.attention.head_count", 6, ErrorCode::kUnsupportedArchitecture);  // heads of 256 / 6
  refused("llama.embedding_length", 128, ErrorCode::kBadTensor);                  // is not what the tensors have
}

TEST_CASE("a vocabulary that does not match the embedding is refused") {
  TestSession session;
  const Status status =
      load(session,
           TinyLlama(TensorType::kQ8_0, true, false, TinyLlama::kContext, TinyLlama::kVocabulary - 1).writer.file());
  CHECK(status.code == ErrorCode::kBadMetadata);
  CHECK(std::string(status.message) == "The tokenizer has more tokens than the embedding has rows.");
  CHECK(std::string(status.expected) == "at most 257 tokens");
  CHECK(std::string(status.found) == "258");
  GgufWriter head = TinyLlama(TensorType::kQ8_0, false).writer;
  for (GgufWriter::Tensor& tensor : head.tensors) {
    if (tensor.name == "output.weight") tensor.dimensions[1] -= 1;
  }
  TestSession other;
  const Status of_head = load(other, head.file());
  CHECK(of_head.code == ErrorCode::kBadTensor);
  CHECK(std::string(of_head.message).find("output.weight has the wrong shape") != std::string::npos);
}

TEST_CASE("prompts that do not fit and tokens that do not exist are refused") {
  TestSession session;
  REQUIRE(load(session, TinyLlama(TensorType::kF32).writer.file()).ok());
  configure(session);
  put_tokens(session, some_tokens(TinyLlama::kContext));
  CHECK(session_prompt(session, TinyLlama::kContext).code == ErrorCode::kContextOverflow);
  CHECK(session_prompt(session, TinyLlama::kContext + 1).code == ErrorCode::kBadInput);
  CHECK(session_prompt(session, 0).code == ErrorCode::kBadInput);
  for (const int32_t token : {-1, 258, INT32_MAX}) {
    put_tokens(session, {1, token});
    CHECK(session_prompt(session, 2).code == ErrorCode::kBadInput);
    CHECK(session_score_begin(session, 2).code == ErrorCode::kBadInput);
  }
}

TEST_CASE("calls in the wrong order are errors, not accidents") {
  TestSession session;
  StepResult result;
  uint32_t left;
  MemoryPlan plan;
  ModelInfo info;
  CHECK(session_configure(session, {}).code == ErrorCode::kBadState);
  CHECK(session_prompt(session, 0).code == ErrorCode::kBadState);
  CHECK(session_prefill(session, 1, &left).code == ErrorCode::kBadState);
  CHECK(session_step(session, &result).code == ErrorCode::kBadState);
  CHECK(session_plan(session, {}, &plan).code == ErrorCode::kBadState);
  CHECK(session_allocate(session, {}).code == ErrorCode::kBadState);
  CHECK(session_model_info(session, &info).code == ErrorCode::kBadState);
  CHECK(session_tokenize(session, 0, true, true).code == ErrorCode::kBadState);
  CHECK(session_score_continue(session, 1, &left).code == ErrorCode::kBadState);
  CHECK(session_set_drafts(session, true).code == ErrorCode::kBadState);
  CHECK(session_logits(session).empty());
  REQUIRE(load(session, TinyLlama(TensorType::kF32).writer.file()).ok());
  configure(session);
  put_tokens(session, some_tokens(9));
  REQUIRE(session_prompt(session, 9).ok());
  CHECK(session_step(session, &result).code == ErrorCode::kBadState);  // not prefilled
}
