// Answers that continue past the end of the context.
#include <string>

#include "session/loaded_session.h"
#include "tiny_lfm2.h"
#include "tiny_llama.h"
#include "tiny_stlm.h"

using namespace camelgpt;

namespace {

constexpr uint32_t kTokens = 150;

void configure_shift(TestSession& session) {
  configure(session, kTokens);
  session.options.context_shift = true;
}

}  // namespace

TEST_CASE("past the end of the context an answer continues as from a prompt of the kept text") {
  const std::vector<uint8_t> llama = TinyLlama(TensorType::kQ8_0).writer.file(), lfm2 = TinyLfm2().writer.file();
  for (const std::vector<uint8_t>* file : {&llama, &lfm2}) {
    for (const uint32_t context : {2u, 7u, 50u, 64u}) {
      CAPTURE(context);
      TestSession session, other;
      for (TestSession* each : {&session, &other}) REQUIRE(load(*each, *file, 1 << 16, context).ok());
      configure(other);
      configure_shift(session);
      std::vector<int32_t> text = {5};
      prefill(session, text);
      uint32_t shifts = 0, steps = 0;
      ActivityProgress progress{ActivityState::kMore};
      while (progress.state == ActivityState::kMore) {
        REQUIRE(session_continue(session, 16, &progress).ok());
        const GenerationStep step = session_generation_step(session);
        CHECK((step.token == -1) == (text.size() == context));
        if (step.token != -1) {
          text.push_back(step.token);
          ++steps;
          CHECK(progress.remaining == 0);
          continue;
        }
        // The context was full: the text is shorter now, and evaluated like a prompt.
        const auto first = static_cast<ptrdiff_t>(std::min(kShiftKept, context / 4));
        const ptrdiff_t dropped = (static_cast<ptrdiff_t>(context) - first) / 2;
        text.erase(text.begin() + first, text.begin() + first + dropped);
        CHECK(session_text(session).empty());
        CHECK(progress.processed > 0);
        CHECK(progress.processed + progress.remaining + static_cast<uint64_t>(first) >= text.size());
        while (progress.remaining > 0) {
          REQUIRE(session_continue(session, 16, &progress).ok());
          CHECK(session_generation_step(session).token == -1);
          CHECK(progress.state == ActivityState::kMore);
        }
        prefill(other, text);
        CHECK(logits(session) == logits(other));
        ++shifts;
      }
      CHECK(session_generation_step(session).finish == FinishReason::kLength);
      CHECK(steps == kTokens);
      CHECK(shifts >= 2);
    }
  }
}

TEST_CASE("drafts do not change an answer that shifts the context") {
  std::vector<int32_t> expected;
  for (const bool drafts : {false, true}) {
    TestSession session;
    REQUIRE(load(session, TinyLlama(TensorType::kQ8_0).writer.file()).ok());
    use_drafts(session, drafts);
    configure_shift(session);
    std::vector<int32_t> prompt;
    for (int i = 0; i < 40; ++i) prompt.push_back(i % 5);
    prefill(session, prompt);
    const std::vector<int32_t> tokens = answer(session).tokens;
    CHECK(tokens.size() == kTokens);
    if (!drafts) expected = tokens;
    CHECK(tokens == expected);
  }
}

TEST_CASE("the bytes of an answer include those of dropped chunks") {
  TestSession session;
  REQUIRE(load(session, TinyStlm().writer.file()).ok());
  configure_shift(session);
  prefill(session, tokenize(session, "Once upon a time"));
  size_t bytes = 0;
  for (const int32_t token : answer(session).tokens) bytes += piece(session, token).size();
  CHECK(session_bytes(session) == static_cast<int64_t>(bytes));
}

TEST_CASE("without the option, and in masked models, an answer ends with the context") {
  TestSession session;
  REQUIRE(load(session, TinyLlama(TensorType::kQ8_0).writer.file()).ok());
  configure(session, kTokens);
  prefill(session, some_tokens(60));
  const Answer found = answer(session);
  CHECK(found.finish == FinishReason::kLength);
  CHECK(found.tokens.size() == 4);
  TestSession masked;
  REQUIRE(load(masked,
               TinyLlama(TensorType::kF32, true, false, 64, TinyLlama::kVocabulary, "relu", "camelgpt").writer.file())
              .ok());
  configure_shift(masked);
  prefill(masked, some_tokens(60));
  CHECK(answer(masked).tokens.size() == 4);
}

TEST_CASE("while there is room, nothing is dropped") {
  TestSession session;
  REQUIRE(load(session, TinyLlama(TensorType::kQ8_0).writer.file()).ok());
  std::vector<int32_t> expected;
  for (const bool shifts : {false, true}) {
    configure(session, 30);
    session.options.context_shift = shifts;
    prefill(session, some_tokens(20));
    const Answer found = answer(session);
    if (!shifts) expected = found.tokens;
    CHECK(found.tokens == expected);
    CHECK(session_cached_tokens(session) == 20 + 29);
  }
}
