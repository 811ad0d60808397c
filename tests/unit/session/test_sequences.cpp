// Several texts that take turns in one session: each goes on as in a session of its own.
#include <string>

#include "session/saved_state.h"
#include "tiny_lfm2.h"
#include "tiny_llama.h"
#include "tiny_stlm.h"

using namespace camelgpt;

namespace {

const std::vector<uint8_t>& llama_file() {
  static const std::vector<uint8_t> file = TinyLlama(TensorType::kQ8_0, true, false, 256).writer.file();
  return file;
}

struct Sequences : TestSession {
  Sequences(const std::vector<uint8_t>& file, uint32_t sequences, float ffn = 0) {
    REQUIRE(load(session, file, 1 << 16, MemoryOptions{.sequences = sequences, .prune = {.ffn = ffn}}).ok());
    configure(session, 40);
  }
};

// A text that grows by turns, and a session that knows it alone.
struct Conversation {
  std::vector<int32_t> text;
  Sequences own;
  Conversation(const std::vector<uint8_t>& file, std::vector<int32_t> text) : text(std::move(text)), own(file, 1) {}
};

std::vector<int32_t> answer(Session* session, uint32_t count = 6) {
  std::vector<int32_t> tokens;
  StepResult result;
  for (uint32_t i = 0; i < count; ++i) {
    REQUIRE(session_step(session, &result).ok());
    tokens.push_back(session_last_token(session).token);
  }
  return tokens;
}

// One turn in the shared session and in the conversation's own: the same bits. Says how many tokens the shared one did
// not evaluate.
uint32_t turn(Session* shared, Conversation* talk, const std::vector<int32_t>& more) {
  talk->text.insert(talk->text.end(), more.begin(), more.end());
  prefill(shared, talk->text);
  prefill(talk->own, talk->text);
  const uint32_t reused = session_reused_tokens(shared);
  CHECK(logits(shared) == logits(talk->own));
  const std::vector<int32_t> tokens = answer(shared);
  CHECK(tokens == answer(talk->own));
  talk->text.insert(talk->text.end(), tokens.begin(), tokens.end());
  return reused;
}

std::vector<int32_t> beginning(size_t shared, size_t own) {
  std::vector<int32_t> tokens = some_tokens(shared);
  const std::vector<int32_t> rest = some_tokens(own);
  tokens.insert(tokens.end(), rest.begin(), rest.end());
  return tokens;
}

}  // namespace

TEST_CASE("conversations that take turns evaluate only what is new to them") {
  for (const std::vector<uint8_t>& file : {llama_file(), TinyLfm2().writer.file()}) {
    Sequences session(file, 3);
    Conversation talks[] = {{file, some_tokens(41)}, {file, some_tokens(50)}, {file, some_tokens(64)}};
    for (Conversation& talk : talks) CHECK(turn(session, &talk, {}) == 0);
    for (int round = 0; round < 4; ++round) {
      for (Conversation& talk : talks) {
        const size_t before = talk.text.size();
        CHECK(turn(session, &talk, {7, 8, 9}) == before - 1);  // the last token of an answer is not evaluated
      }
    }
  }
}

TEST_CASE("what texts have in common at their beginning is evaluated once") {
  for (const std::vector<uint8_t>& file : {llama_file(), TinyLfm2().writer.file()}) {
    Sequences session(file, 3);
    Conversation talks[] = {{file, beginning(64, 21)}, {file, beginning(64, 22)}, {file, beginning(64, 23)}};
    CHECK(turn(session, &talks[0], {}) == 0);
    for (int i : {1, 2}) CHECK(turn(session, &talks[i], {}) >= 64);
    for (Conversation& talk : talks) {
      const size_t before = talk.text.size();
      CHECK(turn(session, &talk, {1, 2}) == before - 1);
    }
  }
}

TEST_CASE("a text makes room that was not used for longest, and an answer that is asked for again stays where it is") {
  Sequences session(llama_file(), 2);
  Conversation a(llama_file(), some_tokens(41)), b(llama_file(), some_tokens(50)), c(llama_file(), some_tokens(64));
  CHECK(turn(session, &a, {}) == 0);
  CHECK(turn(session, &b, {}) == 0);
  CHECK(turn(session, &a, {1}) == 46);
  CHECK(turn(session, &c, {}) == 0);  // in b's place
  CHECK(turn(session, &a, {2}) == 53);
  CHECK(turn(session, &b, {1}) == 0);  // in c's
  a.text.resize(54);
  CHECK(turn(session, &a, {}) == 53);
  CHECK(turn(session, &b, {2}) == 62);
}

TEST_CASE("texts of masked models and of chunks take turns too") {
  const TinyLlama masked(TensorType::kF32, true, false, 160, TinyLlama::kVocabulary, "relu", "camelgpt");
  Sequences session(masked.writer.file(), 2);
  const std::vector<int32_t> a = some_tokens(40), b = some_tokens(70);
  std::vector<std::vector<int32_t>> answers[2];
  for (int round = 0; round < 3; ++round) {
    for (const auto* prompt : {&a, &b}) {
      prefill(session, *prompt);
      CHECK(session_reused_tokens(session) == (round == 0 ? 0 : prompt->size()));
      answers[prompt == &b].push_back(answer(session));
    }
  }
  for (const auto& same : answers) CHECK((same[0] == same[1] && same[1] == same[2]));

  Sequences bytes(TinyStlm().writer.file(), 2);
  const auto tokenize = [&](std::string_view text) {
    std::memcpy(session_text_buffer(bytes, text.size()), text.data(), text.size());
    REQUIRE(session_tokenize(bytes, text.size(), true, true).ok());
    const std::span<const int32_t> tokens = session_tokens(bytes);
    return std::vector<int32_t>(tokens.begin(), tokens.end());
  };
  const std::string first = "Once upon a time", second = "In the middle of the night";
  prefill(bytes, tokenize(first));
  prefill(bytes, tokenize(second));
  std::string words;
  for (uint32_t i = 0; i < 65500; ++i) words += " " + std::to_string(10000 + i);
  tokenize(words);  // sweeps: what both texts consist of stays
  for (const std::string& text : {first, second}) {
    const std::vector<int32_t> tokens = tokenize(text);
    prefill(bytes, tokens);
    CHECK(session_reused_tokens(bytes) == tokens.size() - 1);
  }
}

TEST_CASE("scores and restored texts take the place of the least recently used one") {
  Sequences session(llama_file(), 2);
  Conversation a(llama_file(), some_tokens(41)), b(llama_file(), some_tokens(50));
  turn(session, &a, {});
  const std::vector<uint8_t> state = save(session);
  turn(session, &b, {});
  put_tokens(session, some_tokens(30));
  REQUIRE(session_score_begin(session, 30).ok());
  CHECK(turn(session, &b, {1}) == 55);
  REQUIRE(restore(session, state).ok());
  CHECK(save(session) == state);
  CHECK(turn(session, &b, {2}) == 62);
  CHECK(turn(session, &a, {1}) == 46);
  put_tokens(session, some_tokens(30));
  REQUIRE(session_embed_begin(session, 30, Pooling::kMean, true).ok());
  CHECK(turn(session, &a, {2}) == 53);
  CHECK(turn(session, &b, {3}) == 0);
}

TEST_CASE("where neurons are chosen by the prompt, a text that comes back is evaluated anew") {
  PruneOptions options;
  options.ffn = 0.5f;
  Sequences session(llama_file(), 2, 0.5f);
  REQUIRE(session_set_pruning(session, options).ok());
  const std::vector<int32_t> a = some_tokens(40), b = some_tokens(50);
  prefill(session, a);
  const std::vector<int32_t> expected = answer(session);
  prefill(session, b);
  prefill(session, a);
  CHECK(session_reused_tokens(session) == 0);
  CHECK(answer(session) == expected);
  prefill(session, a);
  CHECK(session_reused_tokens(session) == a.size() - 1);
}

TEST_CASE("the plan has the caches of all sequences, and too many are refused") {
  const auto plan = [](const std::vector<uint8_t>& file, uint32_t sequences, uint32_t context, MemoryPlan* plan) {
    TestSession session;
    const size_t size = std::min(file.size(), session_staging(session).size());
    std::memcpy(session_staging(session).data(), file.data(), size);
    REQUIRE(session_feed(session, size).ok());
    return session_plan(session, {.context_length = context, .sequences = sequences}, plan);
  };
  MemoryPlan one, four;
  REQUIRE(plan(llama_file(), 1, 64, &one).ok());
  REQUIRE(plan(llama_file(), 4, 64, &four).ok());
  CHECK(four.cache_bytes == 4 * one.cache_bytes);
  CHECK(four.workspace_bytes >
        one.workspace_bytes + 3 * 64 * sizeof(int32_t));  // the ids, and what says where they are
  for (const uint32_t sequences : {0u, 17u, UINT32_MAX})
    CHECK(plan(llama_file(), sequences, 64, &one).code == ErrorCode::kBadOption);
  const std::vector<uint8_t> bytes = TinyStlm(2, 2, true, "gpt-2", 32768).writer.file();
  CHECK(plan(bytes, 16, 2048, &one).ok());
  const Status status = plan(bytes, 16, 2049, &one);
  CHECK(status.code == ErrorCode::kBadOption);
  CHECK(std::string(status.expected) == "1 to 15");
  CHECK(plan(bytes, 2, 32768, &one).code == ErrorCode::kBadOption);
  CHECK(plan(bytes, 1, 32768, &one).ok());
}
