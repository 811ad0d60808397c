// Drafts: tokens that are evaluated before they are chosen change the speed of an answer and nothing else.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "lent_threads.h"
#include "session/loaded_session.h"
#include "tiny_llama.h"

using namespace camelgpt;

namespace {

// Everything that an answer shows.
struct Shown {
  std::vector<int32_t> tokens;
  std::vector<std::vector<float>> logits;  // of each step
  std::vector<float> logprobs;
  std::string text;
  FinishReason finish = FinishReason::kNone;
  bool operator==(const Shown&) const = default;
};

Shown show(TestSession& session, const std::vector<int32_t>& prompt, uint32_t max_steps = UINT32_MAX) {
  Shown shown;
  prefill(session, prompt);
  while (shown.finish == FinishReason::kNone && shown.tokens.size() < max_steps) {
    const Step next = step(session);
    shown.tokens.push_back(next.token);
    shown.logits.push_back(logits(session));
    for (const TokenProbability& top : session_top_tokens(session)) shown.logprobs.push_back(top.logprob);
    shown.text += next.text;
    shown.finish = next.finish;
  }
  return shown;
}

// Options with which a random model repeats itself more or less: few tokens to choose from.
void configure_to_repeat(TestSession& session, uint64_t seed, uint32_t max_tokens = 1000) {
  GenerationOptions options;
  options.max_tokens = max_tokens;
  options.sampler.temperature = static_cast<float>(seed % 3) * 0.7f;
  options.sampler.repeat_penalty = seed % 5 == 4 ? 1.1f : 1.0f;
  options.sampler.seed = seed;
  options.logprobs = seed % 4 == 3 ? 3 : 0;
  options.ignore_eos = seed % 2 == 0;
  configure(session, options);
  for (int32_t token = 0; token < static_cast<int32_t>(TinyLlama::kVocabulary); ++token) {
    const bool allowed = (token >= 'a' && token < 'a' + static_cast<int32_t>(1 + seed % 4));
    if (!allowed) session.logit_bias.push_back({token, token == TinyLlama::kEnd ? -3.0f : -HUGE_VALF});
  }
}

// Some tokens, then the first of them again.
std::vector<int32_t> repeating_prompt(uint64_t seed) {
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

}  // namespace

TEST_CASE("drafts change no token, logit or text of any answer") {
  for (const TensorType type : {TensorType::kQ4_1, TensorType::kF32}) {
    const std::vector<uint8_t> file = TinyLlama(type).writer.file();
    const KvType kv_type = type == TensorType::kF32 ? KvType::k8 : KvType::k16;
    TestSession plain, drafting;
    REQUIRE(load(plain, file, 1 << 16, 0, kv_type).ok());
    REQUIRE(load(drafting, file, 1 << 16, 0, kv_type).ok());
    use_drafts(drafting);
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
    use_drafts(session);
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
  use_drafts(session);
  const std::vector<int32_t> prompt(8, 'x');
  for (uint32_t max_tokens = 1; max_tokens < 70; ++max_tokens) {
    CAPTURE(max_tokens);
    configure(session, max_tokens);
    allow_only(session, 'x');
    const Shown shown = show(session, prompt);
    const uint32_t expected = std::min(max_tokens, TinyLlama::kContext - 8);
    CHECK(shown.finish == FinishReason::kLength);
    CHECK(shown.text == std::string(expected, 'x'));
    const DraftCounts counts = session_draft_counts(session);
    CHECK(counts.drafted == counts.accepted);  // every draft comes true
    // A token is chosen after each evaluated one; the first token follows from the prompt.
    CHECK(counts.batches + counts.drafted <= expected - 1);
    if (expected > 8) CHECK(counts.accepted >= expected / 2);
  }
}

TEST_CASE("an answer that ends or is interrupted amid drafts leaves a correct cache") {
  const std::vector<uint8_t> file = TinyLlama(TensorType::kQ4_1).writer.file();
  TestSession session;
  REQUIRE(load(session, file).ok());
  use_drafts(session);
  uint32_t kept_drafts = 0;
  for (uint32_t steps = 1; steps < 24; ++steps) {
    CAPTURE(steps);
    configure_to_repeat(session, 2);
    const std::vector<int32_t> prompt = repeating_prompt(steps);
    const Shown begun = show(session, prompt, steps);
    // The next prompt continues the answer, then as the drafts did or otherwise.
    for (const int32_t next : {static_cast<int32_t>('a'), static_cast<int32_t>('b'), static_cast<int32_t>('z')}) {
      std::vector<int32_t> longer = prompt;
      longer.insert(longer.end(), begun.tokens.begin(), begun.tokens.end());
      longer.insert(longer.end(), 3, next);
      configure_to_repeat(session, 2);
      prefill(session, longer);
      CHECK(session_reused_tokens(session) >= prompt.size() + steps - 1);
      if (session_reused_tokens(session) > prompt.size() + steps) ++kept_drafts;
      const std::vector<float> reused = logits(session);
      TestSession other;
      REQUIRE(load(other, file).ok());
      configure_to_repeat(other, 2);
      prefill(other, longer);
      const bool same = logits(other) == reused;
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
  use_drafts(drafting);
  DraftTotals totals;
  uint32_t stopped = 0;
  for (uint64_t seed = 0; seed < 30; ++seed) {
    CAPTURE(seed);
    Shown shown[2];
    for (const bool drafts : {false, true}) {
      TestSession& session = drafts ? drafting : plain;
      configure_to_repeat(session, seed);
      session.stop_strings = {"aaaaaaaaaaaaaaaa", "babba", "cac"};
      shown[drafts] = show(session, repeating_prompt(seed));
    }
    const bool same = shown[0] == shown[1];
    CHECK(same);
    totals.add(drafting);
    stopped += shown[1].finish == FinishReason::kStop ? 1 : 0;
  }
  CHECK(stopped > 10);
  CHECK(stopped < 30);
  CHECK(totals.accepted > 0);
}

TEST_CASE("drafts can be turned on and off between answers, and scores do not depend on them") {
  const std::vector<uint8_t> file = TinyLlama(TensorType::kQ4_1).writer.file();
  TestSession plain, drafting;
  REQUIRE(load(plain, file).ok());
  REQUIRE(load(drafting, file).ok());
  const auto logprobs = [](Session* session) {
    std::vector<float> values;
    for (const TokenScore& each : score(session, repeating_prompt(1), 5)) values.push_back(each.logprob);
    return values;
  };
  uint64_t batches = 0;
  for (uint64_t seed = 0; seed < 8; ++seed) {
    CAPTURE(seed);
    const bool drafts = seed % 4 != 1;
    use_drafts(drafting, drafts);
    configure_to_repeat(plain, seed);
    configure_to_repeat(drafting, seed);
    const bool same = show(plain, repeating_prompt(seed)) == show(drafting, repeating_prompt(seed));
    CHECK(same);
    if (!drafts) CHECK(session_draft_counts(drafting).batches == 0);
    batches += session_draft_counts(drafting).batches;
    CHECK(logprobs(plain) == logprobs(drafting));
  }
  CHECK(batches > 0);
}
