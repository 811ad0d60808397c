// Answers that go on behind the end of the context.
#include <string>

#include "session/loaded_session.h"
#include "tiny_lfm2.h"
#include "tiny_llama.h"
#include "tiny_stlm.h"

using namespace camelgpt;

namespace {

constexpr uint32_t kTokens = 150;

void configure_shift(Session* session) {
  GenerationOptions options;
  options.max_tokens = kTokens;
  options.ignore_eos = true;
  options.context_shift = true;
  REQUIRE(session_configure(session, options).ok());
}

void shift(Session* session) {
  REQUIRE(session_shift(session).ok());
  uint32_t left = 1;
  while (left > 0) REQUIRE(session_prefill(session, 16, &left).ok());
}

std::vector<int32_t> answer(Session* session) {
  std::vector<int32_t> tokens;
  StepResult result = StepResult::kContinue;
  while (result != StepResult::kLength) {
    REQUIRE(session_step(session, &result).ok());
    tokens.push_back(session_last_token(session).token);
    if (result == StepResult::kFull) shift(session);
  }
  return tokens;
}

}  // namespace

TEST_CASE("behind the end of the context an answer goes on as from a prompt of what is left") {
  const std::vector<uint8_t> llama = TinyLlama(TensorType::kQ8_0).writer.file(), lfm2 = TinyLfm2().writer.file();
  for (const std::vector<uint8_t>* file : {&llama, &lfm2}) {
    for (const uint32_t context : {2u, 7u, 50u, 64u}) {
      CAPTURE(context);
      TestSession session, fresh;
      for (Session* each : {session.session, fresh.session}) REQUIRE(load(each, *file, 1 << 16, context).ok());
      configure(fresh);
      configure_shift(session);
      std::vector<int32_t> text = {5};
      prefill(session, text);
      StepResult result = StepResult::kContinue;
      uint32_t shifts = 0, steps = 0;
      for (; result != StepResult::kLength; ++steps) {
        REQUIRE(session_step(session, &result).ok());
        text.push_back(session_last_token(session).token);
        CHECK((result == StepResult::kFull) == (text.size() == context && steps + 1 < kTokens));
        if (result != StepResult::kFull) continue;
        const auto first = static_cast<ptrdiff_t>(std::min(kShiftKept, context / 4));
        text.erase(text.begin() + first, text.begin() + first + (static_cast<ptrdiff_t>(context) - first) / 2);
        shift(session);
        prefill(fresh, text);
        CHECK(logits(session) == logits(fresh));
        ++shifts;
      }
      CHECK(steps == kTokens);
      CHECK(shifts >= 2);
    }
  }
}

TEST_CASE("drafts change nothing about it") {
  std::vector<int32_t> expected;
  for (const bool drafts : {false, true}) {
    TestSession session;
    REQUIRE(load(session, TinyLlama(TensorType::kQ8_0).writer.file()).ok());
    REQUIRE(session_set_drafts(session, drafts).ok());
    configure_shift(session);
    std::vector<int32_t> prompt;
    for (int i = 0; i < 40; ++i) prompt.push_back(i % 5);
    prefill(session, prompt);
    const std::vector<int32_t> tokens = answer(session);
    if (!drafts) expected = tokens;
    CHECK(tokens == expected);
  }
}

TEST_CASE("bytes of chunks that were forgotten count") {
  TestSession session;
  REQUIRE(load(session, TinyStlm().writer.file()).ok());
  configure_shift(session);
  const std::string text = "Once upon a time";
  std::memcpy(session_text_buffer(session, text.size()), text.data(), text.size());
  REQUIRE(session_tokenize(session, text.size(), true, true).ok());
  const std::span<const int32_t> tokens = session_tokens(session);
  prefill(session, {tokens.begin(), tokens.end()});
  size_t bytes = 0;
  for (const int32_t token : answer(session)) {
    REQUIRE(session_piece(session, token).ok());
    bytes += session_output(session).size();
  }
  CHECK(session_bytes(session) == static_cast<int64_t>(bytes));
}

TEST_CASE("without the option, of masked models, and where there is room, nothing is forgotten") {
  TestSession session;
  REQUIRE(load(session, TinyLlama(TensorType::kQ8_0).writer.file()).ok());
  CHECK(session_shift(session).code == ErrorCode::kBadState);
  configure_shift(session);
  prefill(session, some_tokens(20));
  CHECK(session_shift(session).code == ErrorCode::kBadState);
  configure(session, kTokens);
  prefill(session, some_tokens(60));
  StepResult result = StepResult::kContinue;
  while (result == StepResult::kContinue) REQUIRE(session_step(session, &result).ok());
  CHECK(result == StepResult::kLength);
  CHECK(session_shift(session).code == ErrorCode::kBadState);
  TestSession masked;
  REQUIRE(load(masked,
               TinyLlama(TensorType::kF32, true, false, 64, TinyLlama::kVocabulary, "relu", "camelgpt").writer.file())
              .ok());
  configure_shift(masked);
  prefill(masked, some_tokens(60));
  CHECK(answer(masked).size() == 4);
}
