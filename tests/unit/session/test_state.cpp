// Saved states: another session continues them with the same bits.
#include <string>

#include "session/saved_state.h"
#include "session/state.h"
#include "tiny_lfm2.h"
#include "tiny_llama.h"
#include "tiny_stlm.h"

using namespace camelgpt;

namespace {

constexpr uint32_t kContext = 192;

std::vector<int32_t> steps(Session* session, uint32_t count) {
  const Answer found = answer(session, count);
  REQUIRE(found.tokens.size() == count);
  return found.tokens;
}

// Saves after a prompt and some steps, restores into a session of another context, and compares how the two continue.
void check_continuation(const std::vector<uint8_t>& file, const std::vector<int32_t>& prompt, KvType type,
                        uint32_t context, size_t piece = 1 << 20) {
  TestSession one, other;
  REQUIRE(load(one, file, 1 << 16, 0, type).ok());
  REQUIRE(load(other, file, 1 << 16, context, type).ok());
  for (TestSession* session : {&one, &other}) configure(*session, 40);
  prefill(one, prompt);
  const std::vector<int32_t> text = prompt + steps(one, 5);
  const std::vector<uint8_t> state = save(one);
  CHECK(save(one, 4097) == state);
  REQUIRE(restore(other, state, piece).ok());
  CHECK(session_cached_tokens(other) == text.size() - 1);  // the last token is not evaluated
  CHECK(save(other) == state);
  const std::vector<int32_t> next = text + some_tokens(9);
  for (TestSession* session : {&one, &other}) {
    prefill(*session, next);
    CHECK(session_reused_tokens(*session) == text.size() - 1);
  }
  CHECK(logits(one) == logits(other));
  CHECK(steps(one, 12) == steps(other, 12));
}

}  // namespace

TEST_CASE("a session continues a text that another one saved, with the same bits") {
  for (const KvType type : {KvType::k16, KvType::k8}) {
    for (const uint32_t context : {0u, 100u, 150u}) {
      for (const uint32_t count : {3u, 27u, 64u, 70u}) {
        CAPTURE(context);
        CAPTURE(count);
        check_continuation(llama_file<kContext>(), some_tokens(count), type, context);
      }
    }
  }
  for (const size_t piece : {size_t{1}, size_t{39}, size_t{40}, size_t{4097}}) {
    check_continuation(llama_file<kContext>(), some_tokens(33), KvType::k16, 0, piece);
  }
}

TEST_CASE("keys that were made with the factors for short contexts are not continued with those for long ones") {
  TinyLlama tiny(TensorType::kQ8_0, true, false, kContext);
  tiny.writer.add_string("llama.rope.scaling.type", "longrope");
  tiny.writer.add("llama.rope.scaling.original_context_length", uint32_t{100});
  for (const char* name : {"rope_factors_short.weight", "rope_factors_long.weight"})
    tiny.writer.add_tensor(name, {TinyLlama::kWidth / 2}, std::vector<float>(TinyLlama::kWidth / 2, 2));
  const std::vector<uint8_t> file = tiny.writer.file();
  check_continuation(file, some_tokens(20), KvType::k16, 150);
  TestSession short_one, long_one;
  REQUIRE(load(short_one, file, 1 << 16, 100).ok());
  REQUIRE(load(long_one, file, 1 << 16, 101).ok());
  configure(short_one);
  prefill(short_one, some_tokens(20));
  const Status status = restore(long_one, save(short_one), 1 << 20);
  CHECK(status.code == ErrorCode::kBadInput);
  CHECK(std::string(status.hint).find("contextLength") != std::string::npos);
}

TEST_CASE("inputs of convolutions are saved too, and the restored cache can be cut") {
  const std::vector<uint8_t> file = TinyLfm2().writer.file();
  for (const uint32_t count : {1u, 31u, 32u, 90u, 200u}) check_continuation(file, some_tokens(count), KvType::k16, 0);
  TestSession one, other;
  for (TestSession* session : {&one, &other}) {
    REQUIRE(load(*session, file).ok());
    configure(*session);
  }
  const std::vector<int32_t> tokens = some_tokens(300);
  prefill(one, tokens);
  prefill(one, std::vector<int32_t>(tokens.begin(), tokens.begin() + 250) + std::vector<int32_t>{1, 2, 3});
  const std::vector<uint8_t> state = save(one);
  for (const uint32_t kept : {252u, 250u, 200u, 128u, 70u, 1u}) {
    REQUIRE(restore(one, state).ok());
    REQUIRE(restore(other, state).ok());
    const std::vector<int32_t> next =
        std::vector<int32_t>(tokens.begin(), tokens.begin() + kept) + std::vector<int32_t>{7, 8, 9};
    prefill(one, next);
    prefill(other, next);
    CHECK(session_reused_tokens(one) + kAttentionTile > std::min(kept, 250u));
    CHECK(session_reused_tokens(other) == session_reused_tokens(one));
    CHECK(logits(one) == logits(other));
    TestSession third;
    REQUIRE(load(third, file).ok());
    configure(third);
    prefill(third, next);
    CHECK(logits(third) == logits(one));
  }
}

TEST_CASE("chunks are saved as bytes, because their ids differ from session to session") {
  const std::vector<uint8_t> file = TinyStlm().writer.file();
  TestSession one, other;
  for (TestSession* session : {&one, &other}) {
    REQUIRE(load(*session, file).ok());
    configure(*session);
  }
  const std::string text = "Once upon a time, na\xc3\xafve";
  const std::vector<int32_t> prompt = tokenize(one, text);
  prefill(one, prompt);
  const std::vector<int32_t> answer = steps(one, 4);
  detokenize(one, prompt + answer);
  const std::vector<uint8_t> state = save(one);
  tokenize(other, "Some other words come first.");
  REQUIRE(restore(other, state).ok());
  CHECK(session_cached_tokens(other) == prompt.size() + 3);
  const std::vector<int32_t> again = tokenize(other, text);
  CHECK(again != prompt);
  prefill(other, again);
  CHECK(session_reused_tokens(other) == prompt.size() - 1);
  const auto texts = [](Session* session, const std::vector<int32_t>& tokens) {
    std::string joined;
    for (const int32_t token : tokens) joined += piece(session, token);
    return joined;
  };
  CHECK(texts(other, steps(other, 4)) == texts(one, answer));

  const size_t at = sizeof(StateHeader);
  for (const uint8_t length : {uint8_t{TinyStlm::kLength + 1}, uint8_t{255}, uint8_t{0}}) {
    std::vector<uint8_t> wrong = state;
    wrong[at] = length;  // 0: the end chunk, and everything after it is shifted
    CHECK(restore(other, wrong).code == ErrorCode::kBadFormat);
    CHECK(session_cached_tokens(other) == 0);
  }
}

TEST_CASE("a text of chunks is restored although the chunk table is full") {
  const std::vector<uint8_t> file = TinyStlm().writer.file();
  TestSession one, other;
  for (TestSession* session : {&one, &other}) {
    REQUIRE(load(*session, file).ok());
    configure(*session);
  }
  prefill(one, tokenize(one, "Once upon a time"));
  const std::vector<uint8_t> state = save(one);
  std::string words;
  for (uint32_t i = 0; i < 65535; ++i) words += " " + std::to_string(10000 + i);
  REQUIRE(tokenize(other, words).size() == 65535);
  REQUIRE(restore(other, state).ok());
  prefill(other, tokenize(other, "Once upon a time"));
  CHECK(session_reused_tokens(other) == session_cached_tokens(one) - 1);
  CHECK(logits(one) == logits(other));
}

TEST_CASE("a masked model saves the prompt without the answer") {
  const TinyLlama tiny(TensorType::kF32, true, false, 160, TinyLlama::kVocabulary, "relu", "camelgpt");
  TestSession one, other;
  for (TestSession* session : {&one, &other}) {
    REQUIRE(load(*session, tiny.writer.file()).ok());
    configure(*session, 40);
  }
  const std::vector<int32_t> prompt = some_tokens(70);
  prefill(one, prompt);
  const std::vector<int32_t> answer = steps(one, 36);
  const std::vector<uint8_t> state = save(one);
  REQUIRE(restore(other, state).ok());
  CHECK(session_cached_tokens(other) == prompt.size());
  prefill(other, prompt);
  CHECK(session_reused_tokens(other) == prompt.size());
  CHECK(steps(other, 36) == answer);
  prefill(one, prompt);
  CHECK(session_reused_tokens(one) == prompt.size());
  CHECK(steps(one, 36) == answer);
  REQUIRE(restore(other, state).ok());
  prefill(other, some_tokens(69));  // all or nothing
  CHECK(session_reused_tokens(other) == 0);
}

TEST_CASE("page summaries for pruned attention are rebuilt by restoring") {
  const std::vector<uint8_t> file = TinyLlama(TensorType::kQ8_0, true, false, 512).writer.file();
  TestSession one, other;
  PruneOptions options;
  options.kv_tokens = 128;
  for (TestSession* session : {&one, &other}) {
    REQUIRE(load(*session, file, 1 << 16, 0, KvType::k16, true).ok());
    REQUIRE(session_set_pruning(*session, options).ok());
    configure(*session, 40);
  }
  std::vector<int32_t> text = some_tokens(300);
  prefill(one, text);
  REQUIRE(restore(other, save(one)).ok());
  text.push_back(5);
  prefill(one, text);
  prefill(other, text);
  CHECK(steps(one, 30) == steps(other, 30));
  CHECK(logits(one) == logits(other));
}

TEST_CASE("if neurons are selected per prompt, a restored text is evaluated again") {
  const std::vector<uint8_t> file = TinyLlama(TensorType::kQ8_0).writer.file();
  TestSession one, other;
  PruneOptions options;
  options.ffn = 0.5f;
  for (TestSession* session : {&one, &other}) {
    REQUIRE(load(*session, file, 1 << 16, 0, KvType::k16, false, 0.5f).ok());
    REQUIRE(session_set_pruning(*session, options).ok());
    configure(*session, 20);
  }
  const std::vector<int32_t> prompt = some_tokens(30);
  prefill(one, prompt);
  const std::vector<int32_t> answer = steps(one, 8);
  prefill(other, some_tokens(12));
  REQUIRE(restore(other, save(one)).ok());
  prefill(other, prompt);
  CHECK(session_reused_tokens(other) == 0);
  CHECK(steps(other, 8) == answer);
  prefill(other, prompt + answer);
  CHECK(session_reused_tokens(other) > 0);
}

TEST_CASE("drafts are not saved") {
  TestSession session;
  REQUIRE(load(session, llama_file<kContext>()).ok());
  use_drafts(session);
  configure(session, 64);
  std::vector<int32_t> tokens;
  for (int i = 0; i < 100; ++i) tokens.push_back(i % 5);
  prefill(session, tokens);
  tokens = tokens + steps(session, 40);
  CHECK(session_draft_counts(session).batches > 0);
  const std::vector<uint8_t> state = save(session);
  CHECK(session_cached_tokens(session) >= tokens.size() - 1);
  CHECK(session_cached_tokens(session) <= tokens.size());
  TestSession other;
  REQUIRE(load(other, llama_file<kContext>()).ok());
  configure(other);
  tokens.resize(session_cached_tokens(session));
  prefill(other, tokens);
  CHECK(save(other) == state);
}

TEST_CASE("without a text there is nothing to save, and saving ends a generation") {
  TestSession session;
  ActivityProgress progress;
  CHECK(session_begin(session, SaveRequest{}).code == ErrorCode::kBadState);
  CHECK(session_begin(session, RestoreRequest{100}).code == ErrorCode::kBadState);
  REQUIRE(load(session, llama_file<kContext>()).ok());
  CHECK(session_begin(session, SaveRequest{}).code == ErrorCode::kBadState);
  CHECK(session_continue(session, 1, &progress).code == ErrorCode::kBadState);
  configure(session);
  prefill(session, some_tokens(5));
  save(session);
  CHECK(session_continue(session, 1, &progress).code == ErrorCode::kBadState);
  CHECK(session_generation_step(session).token == -1);
}
