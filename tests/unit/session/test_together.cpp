// Generations side by side: each has the tokens, the text and the steps that it has by itself, bit for bit.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "lent_threads.h"
#include "session/loaded_session.h"
#include "session/session.h"
#include "tiny_lfm2.h"
#include "tiny_llama.h"
#include "tiny_stlm.h"

using namespace camelgpt;

namespace {

constexpr uint32_t kRows = 8200;  // large enough for a pruned output head

struct Question {
  std::vector<int32_t> prompt;
  GenerationOptions options;
  std::string grammar;
  uint32_t salt = 0;
};

struct Steps {
  std::vector<int32_t> tokens;
  std::vector<uint32_t> head_rows;
  std::vector<float> logprobs;
  std::string text;
  FinishReason finish = FinishReason::kNone;
  bool operator==(const Steps&) const = default;
};

Status begin(Session* session, const Question& question, bool side_by_side) {
  return session_begin(session, GenerateRequest{.prompt = question.prompt,
                                                .options = question.options,
                                                .grammar = question.grammar,
                                                .cache_salt = question.salt,
                                                .side_by_side = side_by_side});
}

// Adds the last step to the answer. Returns whether it ended.
bool take_step(Session* session, Steps* answer) {
  const GenerationStep step = session_generation_step(session);
  answer->text += session_text(session);
  answer->finish = step.finish;
  if (step.token >= 0) {
    answer->tokens.push_back(step.token);
    answer->head_rows.push_back(step.head_rows);
    for (const TokenProbability& top : session_top_tokens(session)) answer->logprobs.push_back(top.logprob);
  }
  return step.finish != FinishReason::kNone;
}

Steps by_itself(Session* session, const Question& question) {
  REQUIRE(begin(session, question, false).ok());
  Steps answer;
  ActivityProgress progress;
  do {
    REQUIRE(session_continue(session, 16, &progress).ok());
  } while (!take_step(session, &answer));
  return answer;
}

// Runs generations side by side: those that begin in a later round join the others. `slots` generations at most.
std::vector<Steps> side_by_side(Session* session, const std::vector<Question>& questions, size_t slots) {
  std::vector<Steps> answers(questions.size());
  std::vector<std::pair<uint32_t, size_t>> running;  // slot, question
  size_t next = 0;
  while (next < questions.size() || !running.empty()) {
    if (next < questions.size() && running.size() < slots) {
      REQUIRE(begin(session, questions[next], true).ok());
      running.emplace_back(session_slot(session), next++);
    }
    std::vector<uint32_t> slots_in_use;
    for (const auto& [slot, question] : running) slots_in_use.push_back(slot);
    REQUIRE(session_evaluate_together(session, slots_in_use).ok());
    for (size_t i = 0; i < running.size();) {
      const auto [slot, question] = running[i];
      REQUIRE(session_resume(session, slot).ok());
      ActivityProgress progress;
      REQUIRE(session_continue(session, 16, &progress).ok());
      if (!take_step(session, &answers[question])) {
        ++i;
        continue;
      }
      session_release(session, slot);
      running.erase(running.begin() + static_cast<ptrdiff_t>(i));
    }
  }
  return answers;
}

Question question(size_t tokens, uint32_t first, uint32_t max_tokens, uint64_t seed, uint32_t vocabulary = 256) {
  Question question;
  for (size_t i = 0; i < tokens; ++i) {
    question.prompt.push_back(static_cast<int32_t>((first + 31 * i) % vocabulary));
  }
  question.options.max_tokens = max_tokens;
  question.options.ignore_eos = true;
  question.options.sampler.seed = seed;
  question.options.sampler.temperature = seed == 0 ? 0 : 1;
  return question;
}

std::vector<Question> some_questions(uint32_t vocabulary = 256) {
  std::vector<Question> questions = {
      question(5, 3, 12, 0, vocabulary), question(40, 7, 9, 1, vocabulary),  question(17, 9, 20, 2, vocabulary),
      question(1, 11, 7, 0, vocabulary), question(33, 3, 12, 3, vocabulary),
  };
  questions[2].options.logprobs = 3;
  questions[1].options.sampler.repeat_penalty = 1.3f;
  return questions;
}

struct Loaded : TestSession {
  Loaded(const std::vector<uint8_t>& file, uint32_t sequences, const PruneOptions& prune = {}) {
    REQUIRE(load(session, file, 1 << 16, MemoryOptions{.sequences = sequences, .prune = prune}).ok());
  }
};

// Compares answers side by side with those of a session that computes one after the other.
void check_equal(Session* shared, Session* own, const std::vector<Question>& questions, size_t slots) {
  const std::vector<Steps> answers = side_by_side(shared, questions, slots);
  for (size_t i = 0; i < questions.size(); ++i) {
    CAPTURE(i);
    CHECK(!answers[i].tokens.empty());
    const Steps expected = by_itself(own, questions[i]);
    CHECK(answers[i].tokens == expected.tokens);
    CHECK(answers[i].head_rows == expected.head_rows);
    CHECK(answers[i].logprobs == expected.logprobs);
    CHECK(answers[i].text == expected.text);
    CHECK(answers[i].finish == expected.finish);
  }
}

}  // namespace

TEST_CASE("answers side by side are those of each request by itself, whatever joins and leaves") {
  for (const std::vector<uint8_t>& file :
       {llama_file(), TinyLlama(TensorType::kQ4_1, true, false).writer.file(), TinyLfm2().writer.file()}) {
    for (const uint32_t threads : {1u, 3u}) {
      const LentThreads lent(threads);
      Loaded shared(file, 4), own(file, 1);
      for (const size_t slots : {size_t{4}, size_t{2}, size_t{1}}) check_equal(shared, own, some_questions(), slots);
    }
  }
}

TEST_CASE("steps with a pruned output head or a limited context stay pruned side by side") {
  const std::vector<uint8_t> file = TinyLlama(TensorType::kQ8_0, false, false, 256, kRows).writer.file();
  const PruneOptions reserved{.head_rows = 1, .kv_tokens = 1};
  Loaded shared(file, 4, reserved), own(file, 1, reserved);
  std::vector<int32_t> text;
  for (uint32_t i = 0; i < 400; ++i) text.push_back(static_cast<int32_t>(i * 7919 % kRows));
  REQUIRE(run(own, CalibrateRequest{text}).ok());
  REQUIRE(use_sidecar(shared, sidecar_of(own)).ok());
  std::vector<Question> questions = some_questions(kRows);
  questions.push_back(question(120, 5, 20, 0, kRows));
  for (const float max_kl : {0.0f, 0.5f}) {
    for (const PruneOptions& options : {PruneOptions{.head_rows = 64}, PruneOptions{.kv_tokens = 64},
                                        PruneOptions{.head_rows = 512, .kv_tokens = 64}}) {
      PruneOptions pruning = options;
      pruning.max_kl = max_kl;
      for (Session* each : {static_cast<Session*>(shared), static_cast<Session*>(own)}) {
        REQUIRE(session_set_pruning(each, pruning).ok());
      }
      check_equal(shared, own, questions, 4);
      if (options.head_rows == 64 && max_kl == 0) {
        const std::vector<uint32_t> rows = by_itself(own, questions[0]).head_rows;
        CHECK(std::any_of(rows.begin(), rows.end(), [](uint32_t count) { return count < kRows; }));
      }
    }
  }
}

TEST_CASE("answers side by side can follow grammars, their own or a common one") {
  Loaded shared(llama_file(), 4), own(llama_file(), 1);
  std::vector<Question> questions = some_questions();
  questions[0].grammar = "root ::= [a-z]{3,9}";
  questions[1].grammar = "root ::= \"The answer, as always, is: \" (\"fourty-two\" | \"forty-one\") \".\"";
  questions[1].options.max_tokens = 60;
  questions[3].grammar = "root ::= \"(\" root{0,2} \")\" | \"x\"";
  questions[4].grammar = questions[0].grammar;
  check_equal(shared, own, questions, 4);
  // More grammars than are kept; some stay in use while others come and go.
  std::vector<Question> many;
  for (uint32_t i = 0; i < 3 * kMaxGrammars; ++i) {
    many.push_back(question(4 + i % 3, i, i % 5 == 0 ? 40 : 6, 0));
    many.back().grammar = "root ::= [a-z]{2," + std::to_string(3 + i) + "} \".\"";
  }
  check_equal(shared, own, many, 4);
}

TEST_CASE("a prefix is evaluated once, and only for requests with the same salt") {
  Loaded session(llama_file(), 4);
  Question first = question(60, 3, 4, 0), second = first;
  second.prompt.back() = 99;
  second.prompt.push_back(98);
  side_by_side(session, {first}, 1);
  REQUIRE(begin(session, second, true).ok());
  CHECK(session_reused_tokens(session) == 59);
  const uint32_t slot = session_slot(session);
  Question other = second;
  other.salt = 1;
  REQUIRE(begin(session, other, true).ok());
  CHECK(session_reused_tokens(session) == 0);
  ActivityProgress progress;
  while (session_remaining(session) > 0) REQUIRE(session_continue(session, 64, &progress).ok());
  REQUIRE(begin(session, other, true).ok());  // the sequence that holds the prefix is in use: its copy continues
  CHECK(session_reused_tokens(session) == 60);
  REQUIRE(session_resume(session, slot).ok());
  CHECK(session_reused_tokens(session) == 59);
}

TEST_CASE("a full context is shifted side by side as by itself") {
  const std::vector<uint8_t> file = TinyLlama(TensorType::kQ8_0, true, false, 64).writer.file();
  Loaded shared(file, 3), own(file, 1);
  std::vector<Question> questions = {question(40, 3, 70, 0), question(50, 7, 60, 1), question(5, 9, 100, 2)};
  for (Question& each : questions) each.options.context_shift = true;
  check_equal(shared, own, questions, 3);
}

TEST_CASE("slots are refused where they cannot be, and freed by any other activity") {
  Loaded single(llama_file(), 1);
  CHECK(!session_can_run_beside(single));
  CHECK(begin(single, question(4, 1, 4, 0), true).code == ErrorCode::kUnsupportedTask);
  Loaded bytes(TinyStlm().writer.file(), 2);
  CHECK(!session_can_run_beside(bytes));

  Loaded session(llama_file(), 2);
  CHECK(session_can_run_beside(session));
  CHECK(session_resume(session, 0).code == ErrorCode::kBadState);
  CHECK(session_resume(session, 99).code == ErrorCode::kBadState);
  for (uint32_t i = 0; i < 2; ++i) REQUIRE(begin(session, question(4 + i, i, 40, 0), true).ok());
  CHECK(begin(session, question(9, 1, 4, 0), true).code == ErrorCode::kBadState);
  std::vector<uint32_t> slots = {0, 1, 0};
  ActivityProgress progress;
  for (const uint32_t slot : {0u, 1u, 0u, 1u}) {
    REQUIRE(session_resume(session, slot).ok());
    REQUIRE(session_continue(session, 64, &progress).ok());
  }
  REQUIRE(session_evaluate_together(session, slots).ok());
  CHECK(session_evaluate_together(session, slots).code == ErrorCode::kBadState);
  // A generation that is released with a result leaves a text that others can continue.
  session_release(session, 0);
  CHECK(session_resume(session, 0).code == ErrorCode::kBadState);
  CHECK(session_continue(session, 64, &progress).ok());
  Loaded own(llama_file(), 1);
  CHECK(side_by_side(session, {question(4, 0, 9, 0)}, 1)[0] == by_itself(own, question(4, 0, 9, 0)));
  REQUIRE(run(session, EmbedRequest{.tokens = question(8, 5, 1, 0).prompt}).ok());
  CHECK(session_resume(session, 1).code == ErrorCode::kBadState);
  CHECK(by_itself(session, question(5, 1, 9, 0)) == by_itself(own, question(5, 1, 9, 0)));
}

TEST_CASE("pruning that is set during answers side by side lets them continue") {
  const std::vector<uint8_t> file = TinyLlama(TensorType::kQ8_0, false, false, 256, kRows).writer.file();
  Loaded session(file, 3, PruneOptions{.head_rows = 1, .kv_tokens = 1, .ffn = 0.5f});
  for (uint32_t i = 0; i < 2; ++i) REQUIRE(begin(session, question(20 + i, i, 30, 0, kRows), true).ok());
  std::vector<Steps> answers(2);
  const std::vector<uint32_t> slots = {0, 1};
  for (int round = 0; round < 33; ++round) {
    if (round == 8) REQUIRE(session_set_pruning(session, PruneOptions{.ffn = 0.5f}).ok());
    if (round == 16) CHECK(!session_can_run_beside(session));
    if (round == 16) REQUIRE(session_set_pruning(session, PruneOptions{.kv_tokens = 64}).ok());
    REQUIRE(session_evaluate_together(session, slots).ok());
    for (const uint32_t slot : slots) {
      ActivityProgress progress;
      REQUIRE(session_resume(session, slot).ok());
      if (answers[slot].finish != FinishReason::kNone) continue;
      REQUIRE(session_continue(session, 16, &progress).ok());
      take_step(session, &answers[slot]);
    }
  }
  for (const Steps& answer : answers) CHECK(answer.tokens.size() == 30);
  // Dense neurons and less than 64 cached tokens: as by itself.
  Loaded own(file, 1);
  for (uint32_t i = 0; i < 2; ++i) CHECK(answers[i].tokens == by_itself(own, question(20 + i, i, 30, 0, kRows)).tokens);
}
