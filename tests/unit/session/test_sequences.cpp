// Several texts that take turns in one session: each continues as in a session of its own.
#include <string>

#include "session/saved_state.h"
#include "tiny_lfm2.h"
#include "tiny_llama.h"
#include "tiny_stlm.h"

using namespace camelgpt;

namespace {

struct Sequences : TestSession {
  Sequences(const std::vector<uint8_t>& file, uint32_t sequences, float ffn = 0) {
    REQUIRE(load(session, file, 1 << 16, MemoryOptions{.sequences = sequences, .prune = {.ffn = ffn}}).ok());
    configure(*this, 40);
  }
};

// A text that grows by turns, and a session that holds no other.
struct Conversation {
  std::vector<int32_t> text;
  Sequences own;
  Conversation(const std::vector<uint8_t>& file, std::vector<int32_t> text) : text(std::move(text)), own(file, 1) {}
};

std::vector<int32_t> some_answer(Session* session) { return answer(session, 6).tokens; }

// One turn in the shared session and in the conversation's own, with equal bits. Returns how many tokens the shared
// session reused.
uint32_t turn(TestSession& shared, Conversation* talk, const std::vector<int32_t>& more) {
  talk->text.insert(talk->text.end(), more.begin(), more.end());
  prefill(shared, talk->text);
  prefill(talk->own, talk->text);
  const uint32_t reused = session_reused_tokens(shared);
  CHECK(logits(shared) == logits(talk->own));
  const std::vector<int32_t> tokens = some_answer(shared);
  CHECK(tokens == some_answer(talk->own));
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

TEST_CASE("conversations that take turns evaluate only their new tokens") {
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

TEST_CASE("the common prefix of texts is evaluated once") {
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

TEST_CASE("the least recently used text makes room, and a repeated prompt stays in its sequence") {
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

TEST_CASE("texts of masked and byte-level models take turns too") {
  const TinyLlama masked(TensorType::kF32, true, false, 160, TinyLlama::kVocabulary, "relu", "camelgpt");
  Sequences session(masked.writer.file(), 2);
  const std::vector<int32_t> a = some_tokens(40), b = some_tokens(70);
  std::vector<std::vector<int32_t>> answers[2];
  for (int round = 0; round < 3; ++round) {
    for (const auto* prompt : {&a, &b}) {
      prefill(session, *prompt);
      CHECK(session_reused_tokens(session) == (round == 0 ? 0 : prompt->size()));
      answers[prompt == &b].push_back(some_answer(session));
    }
  }
  for (const auto& same : answers) CHECK((same[0] == same[1] && same[1] == same[2]));

  Sequences bytes(TinyStlm().writer.file(), 2);
  const std::string first = "Once upon a time", second = "In the middle of the night";
  prefill(bytes, tokenize(bytes, first));
  prefill(bytes, tokenize(bytes, second));
  std::string words;
  for (uint32_t i = 0; i < 65500; ++i) words += " " + std::to_string(10000 + i);
  tokenize(bytes, words);  // the table is swept: the chunks of both texts stay
  for (const std::string& text : {first, second}) {
    const std::vector<int32_t> tokens = tokenize(bytes, text);
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
  const std::vector<int32_t> other = some_tokens(30);
  REQUIRE(session_begin(session, ScoreRequest{other}).ok());
  CHECK(turn(session, &b, {1}) == 55);
  REQUIRE(restore(session, state).ok());
  CHECK(save(session) == state);
  CHECK(turn(session, &b, {2}) == 62);
  CHECK(turn(session, &a, {1}) == 46);
  REQUIRE(session_begin(session, EmbedRequest{other}).ok());
  CHECK(turn(session, &a, {2}) == 53);
  CHECK(turn(session, &b, {3}) == 0);
}

TEST_CASE("if neurons are selected per prompt, a text that comes back is evaluated again") {
  PruneOptions options;
  options.ffn = 0.5f;
  Sequences session(llama_file(), 2, 0.5f);
  REQUIRE(session_set_pruning(session, options).ok());
  const std::vector<int32_t> a = some_tokens(40), b = some_tokens(50);
  prefill(session, a);
  const std::vector<int32_t> expected = some_answer(session);
  prefill(session, b);
  prefill(session, a);
  CHECK(session_reused_tokens(session) == 0);
  CHECK(some_answer(session) == expected);
  prefill(session, a);
  CHECK(session_reused_tokens(session) == a.size() - 1);
}

TEST_CASE("the plan counts the caches of all sequences, and too many sequences are refused") {
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
  CHECK(four.workspace_bytes > one.workspace_bytes + 3 * 64 * sizeof(int32_t));  // token ids and tables of drafts
  for (const uint32_t sequences : {0u, 17u, UINT32_MAX}) {
    CHECK(plan(llama_file(), sequences, 64, &one).code == ErrorCode::kBadOption);
  }
  const std::vector<uint8_t> bytes = TinyStlm(2, 2, true, "gpt-2", 32768).writer.file();
  CHECK(plan(bytes, 16, 2048, &one).ok());
  const Status status = plan(bytes, 16, 2049, &one);
  CHECK(status.code == ErrorCode::kBadOption);
  CHECK(std::string(status.expected) == "1 to 15");
  CHECK(plan(bytes, 2, 32768, &one).code == ErrorCode::kBadOption);
  CHECK(plan(bytes, 1, 32768, &one).ok());
}

namespace {

// The ways in which the options of a generation can differ.
void configure_kind(TestSession& session, uint32_t kind) {
  configure(session, 8);
  GenerationOptions& options = session.options;
  switch (kind) {
    case 0: break;  // greedy
    case 1:
      options.sampler.temperature = 1.5f;
      options.sampler.seed = 7;
      options.sampler.top_k = 0;
      options.logprobs = 3;
      break;
    case 2:
      options.sampler.repeat_penalty = 5;
      options.sampler.presence_penalty = 20;
      options.max_tokens = 5;
      break;
    case 3: allow_only(session, 'x'); break;
    case 4:
      allow_only(session, 'x');
      session.stop_strings = {"xxx"};
      break;
  }
}

}  // namespace

TEST_CASE("the options of one generation do not leak into that of another sequence") {
  Sequences session(llama_file(), 2);
  const std::vector<int32_t> prompts[2] = {some_tokens(41), some_tokens(50)};
  for (const uint32_t first : {0u, 1u, 2u, 3u, 4u}) {
    for (const uint32_t second : {0u, 1u, 2u, 3u, 4u}) {
      CAPTURE(first);
      CAPTURE(second);
      const uint32_t kinds[2] = {first, second};
      for (int round = 0; round < 2; ++round) {
        for (const int which : {0, 1}) {
          configure_kind(session, kinds[which]);
          prefill(session, prompts[which]);
          const Answer found = answer(session);
          TestSession alone;
          REQUIRE(load(alone, llama_file()).ok());
          configure_kind(alone, kinds[which]);
          prefill(alone, prompts[which]);
          const Answer expected = answer(alone);
          CHECK(found.tokens == expected.tokens);
          CHECK(found.text == expected.text);
          CHECK(found.finish == expected.finish);
          CHECK(session_top_tokens(session).size() == (kinds[which] == 1 ? 3 : 0));
          if (kinds[which] == 3) CHECK(found.text == "xxxxxxxx");
          if (kinds[which] == 4) CHECK(found.finish == FinishReason::kStop);
        }
      }
    }
  }
}

TEST_CASE("two sequences that generate a few tokens each in turn answer as two sessions do") {
  Sequences session(llama_file(), 2);
  std::vector<int32_t> texts[2] = {some_tokens(41), some_tokens(50)};
  Answer expected[2];
  for (const int which : {0, 1}) {
    Sequences alone(llama_file(), 1);
    configure(alone, 30);
    if (which == 1) allow_only(alone, 'x');
    prefill(alone, texts[which]);
    expected[which] = answer(alone);
  }
  Answer found[2];
  for (uint32_t round = 0; round < 10; ++round) {
    for (const int which : {0, 1}) {
      configure(session, 30 - 3 * round);
      if (which == 1) allow_only(session, 'x');
      prefill(session, texts[which]);
      CHECK(session_reused_tokens(session) == (round == 0 ? 0 : texts[which].size() - 1));
      // The other sequence interrupts this one after three tokens.
      const Answer some = answer(session, 3);
      CHECK(some.finish == (round == 9 ? FinishReason::kLength : FinishReason::kNone));
      texts[which].insert(texts[which].end(), some.tokens.begin(), some.tokens.end());
      found[which].tokens.insert(found[which].tokens.end(), some.tokens.begin(), some.tokens.end());
      found[which].text += some.text;
    }
  }
  for (const int which : {0, 1}) CHECK(found[which].tokens == expected[which].tokens);
  CHECK(found[1].text == std::string(30, 'x'));
}
