// Answers that follow a grammar.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "lent_threads.h"
#include "session/loaded_session.h"
#include "session/session.h"
#include "tiny_llama.h"
#include "tiny_stlm.h"

using namespace camelgpt;

namespace {

constexpr const char* kGrammars[] = {
    "root ::= \"yes\" | \"no\" | \"yesterday\"",
    "root ::= [a-c]* \"!\"",
    ("root ::= \"{\" (pair (\", \" pair)*)? \"}\"\npair ::= \"\\\"\" [a-z]{1,4} \"\\\": \" value\n"
     "value ::= [0-9]{1,3} | \"[\" value{0,2} \"]\" | \"null\""),
    "root ::= \"(\" root{0,2} \")\" | \"x\"",
    "root ::= ([\xc3\xa4-\xc3\xbc] | \"\xe2\x82\xac\"){2,5}",
    "root ::= \"The answer, as always, is: \" (\"fourty-two\" | \"forty-one\") \".\"",
};

std::vector<int32_t> prompt_of(Session* session) { return tokenize(session, "Once upon"); }

// A whole answer; the last step may choose no token.
Answer answer(TestSession& session, const std::string& grammar) {
  session.grammar = grammar;
  REQUIRE(prompt(session, prompt_of(session)).ok());
  Answer answer;
  ActivityProgress progress{ActivityState::kMore};
  while (progress.state != ActivityState::kDone) {
    REQUIRE(session_continue(session, 64, &progress).ok());
    REQUIRE(progress.state != ActivityState::kNeedsWeights);
    const GenerationStep step = session_generation_step(session);
    if (step.token >= 0 && step.finish != FinishReason::kStop) answer.tokens.push_back(step.token);
    answer.text += session_text(session);
    answer.finish = step.finish;
  }
  return answer;
}

GenerationOptions options(uint32_t max_tokens, uint64_t seed = 0, float temperature = 0) {
  GenerationOptions options;
  options.max_tokens = max_tokens;
  options.sampler.seed = seed;
  options.sampler.temperature = temperature;
  return options;
}

void check_in_language(TestSession& session, std::string_view grammar, const Answer& answer) {
  CAPTURE(answer.text);
  GrammarMatch match;
  REQUIRE(session_match(session, answer.text, grammar, &match).ok());
  if (answer.finish == FinishReason::kStop) {
    CHECK(match.matched == answer.text.size());
    CHECK(match.complete);
  } else if (answer.text.find("\xef\xbf\xbd") == std::string::npos) {  // not cut within a character
    CHECK(match.matched == answer.text.size());
  }
}

const std::vector<uint8_t>& tiny_file() {
  static const std::vector<uint8_t> file = TinyLlama(TensorType::kQ8_0).writer.file();
  return file;
}

}  // namespace

TEST_CASE("every answer of a random model is in the language of its grammar") {
  TestSession session;
  REQUIRE(load(session, tiny_file()).ok());
  uint32_t finished = 0, answers = 0;
  for (const char* grammar : kGrammars) {
    CAPTURE(grammar);
    for (uint64_t seed = 0; seed < 12; ++seed) {
      configure(session, options(40, seed, static_cast<float>(seed % 4)));
      session.options.sampler.repeat_penalty = seed % 3 == 2 ? 1.3f : 1.0f;
      session.options.ignore_eos = seed % 5 == 4;
      const Answer found = answer(session, grammar);
      check_in_language(session, grammar, found);
      ++answers;
      finished += found.finish == FinishReason::kStop ? 1 : 0;
    }
  }
  CHECK(finished > answers / 2);
}

TEST_CASE("a greedy step under a grammar takes the best of the allowed tokens") {
  TestSession session, dense, matcher;
  for (TestSession* each : {&session, &dense, &matcher}) REQUIRE(load(*each, tiny_file()).ok());
  for (const char* grammar : kGrammars) {
    CAPTURE(grammar);
    configure(session, options(20));
    configure(dense, options(20));
    const Answer found = answer(session, grammar);
    std::vector<int32_t> text = prompt_of(session);
    std::string bytes;
    for (size_t i = 0; i < found.tokens.size(); ++i) {
      prefill(dense, text);
      const std::vector<float> all = logits(dense);
      int32_t best = -1;
      for (int32_t token = 0; token <= static_cast<int32_t>(TinyLlama::kEnd); ++token) {
        GrammarMatch match;
        const std::string longer = token < 256 ? bytes + piece(dense, token) : bytes;
        REQUIRE(session_match(matcher, longer, grammar, &match).ok());
        const bool is_allowed = token < 256 ? match.matched == longer.size() : match.complete;
        const auto logit_of = [&](int32_t id) { return all[static_cast<size_t>(id)]; };
        if (is_allowed && (best < 0 || logit_of(token) > logit_of(best))) best = token;
      }
      CHECK(found.tokens[i] == best);
      text.push_back(found.tokens[i]);
      bytes += piece(dense, found.tokens[i]);
    }
  }
}

TEST_CASE("a text without a choice is answered without evaluating anything") {
  TestSession session;
  REQUIRE(load(session, tiny_file()).ok());
  configure(session, options(60));
  const Answer found = answer(session, "root ::= \"forced to the end\"");
  CHECK(found.text == "forced to the end");
  CHECK(found.finish == FinishReason::kStop);
  CHECK(session_cached_tokens(session) == 0);
}

TEST_CASE("an empty text can be the whole language") {
  TestSession session;
  REQUIRE(load(session, tiny_file()).ok());
  configure(session, options(60));
  const Answer found = answer(session, "root ::= \"\"");
  CHECK(found.text.empty());
  CHECK(found.tokens.empty());
  CHECK(found.finish == FinishReason::kStop);
}

TEST_CASE("a forced stretch counts towards the limit, and stop strings end it") {
  TestSession session;
  REQUIRE(load(session, tiny_file()).ok());
  const char* const grammar = "root ::= [ab] \" and then this stretch\" [cd]";
  configure(session, options(8));
  Answer found = answer(session, grammar);
  CHECK(found.text.substr(1) == " and th");
  CHECK(found.tokens.size() == 8);
  CHECK(found.finish == FinishReason::kLength);
  configure(session, options(40));
  session.stop_strings = {"this"};
  found = answer(session, grammar);
  CHECK(found.text.substr(1) == " and then ");
  CHECK(found.finish == FinishReason::kStop);
}

TEST_CASE("a forced stretch changes no token that follows it") {
  for (const uint32_t threads : {1u, 3u}) {
    const LentThreads lent(threads);
    TestSession session;
    REQUIRE(load(session, tiny_file()).ok());
    for (const char* grammar : kGrammars) {
      CAPTURE(grammar);
      for (uint64_t seed = 0; seed < 4; ++seed) {
        configure(session, options(40, seed, 0));
        const Answer jumped = answer(session, grammar);
        session.options.logprobs = 1;  // every token is chosen
        const Answer stepped = answer(session, grammar);
        CHECK(jumped.tokens == stepped.tokens);
        CHECK(jumped.text == stepped.text);
        CHECK(jumped.finish == stepped.finish);
      }
    }
  }
}

TEST_CASE("reported probabilities are those before the mask") {
  TestSession session, dense;
  for (TestSession* each : {&session, &dense}) REQUIRE(load(*each, tiny_file()).ok());
  configure(session, options(6));
  configure(dense, options(6));
  session.options.logprobs = dense.options.logprobs = 5;
  session.grammar = "root ::= \"forced\"";
  REQUIRE(prompt(session, prompt_of(session)).ok());
  const Step first = step(session);
  CHECK(first.text == "f");
  prefill(dense, prompt_of(dense));
  step(dense);
  const auto top = session_top_tokens(session), expected = session_top_tokens(dense);
  REQUIRE(top.size() == 5);
  for (size_t i = 0; i < top.size(); ++i) {
    CHECK(top[i].token == expected[i].token);
    CHECK(top[i].logprob == expected[i].logprob);
  }
  CHECK(session_generation_step(session).logprob < top[0].logprob);
}

TEST_CASE("biases and penalties apply among the allowed tokens only") {
  TestSession session;
  REQUIRE(load(session, tiny_file()).ok());
  configure(session, options(1));
  session.logit_bias = {{'b', 50.0f}, {'z', 100.0f}};
  CHECK(answer(session, "root ::= [a-c]").text == "b");
  session.logit_bias = {{'a', -HUGE_VALF}, {'b', -HUGE_VALF}, {'c', -HUGE_VALF}};
  REQUIRE(prompt(session, prompt_of(session)).ok());
  CHECK(run(session).code == ErrorCode::kBadState);
}

TEST_CASE("a bias of minus infinity forbids tokens of forced stretches too") {
  TestSession session;
  REQUIRE(load(session, tiny_file()).ok());
  // The only token of a mask, the last one and one in the middle of a stretch.
  for (const char* const grammar : {"root ::= \"x\"", "root ::= \"abx\"", "root ::= \"abxabcdefgh\""}) {
    CAPTURE(grammar);
    configure(session, options(30));
    session.grammar = grammar;
    session.logit_bias = {{'x', -30.0f}, {'y', -HUGE_VALF}};
    REQUIRE(prompt(session, prompt_of(session)).ok());
    CHECK(run(session).ok());
    session.logit_bias = {{'x', 1.0f}, {'x', -HUGE_VALF}};
    REQUIRE(prompt(session, prompt_of(session)).ok());
    CHECK(run(session).code == ErrorCode::kBadState);
  }
}

TEST_CASE("a grammar that must end ends with ignore_eos, and end tokens wait for min_tokens") {
  TestSession session;
  REQUIRE(load(session, tiny_file()).ok());
  configure(session, options(30));
  session.logit_bias = {{static_cast<int32_t>(TinyLlama::kEnd), 1000.0f}};
  CHECK(answer(session, "root ::= [a-c]{1,9}").text.size() == 1);
  session.options.min_tokens = 4;
  CHECK(answer(session, "root ::= [a-c]{1,9}").text.size() == 4);
  CHECK(answer(session, "root ::= [a-c]{1,2}").text.size() == 2);
  CHECK(answer(session, "").tokens.size() == 4);
  session.options.min_tokens = 0;
  session.options.ignore_eos = true;
  const Answer found = answer(session, "root ::= [a-c]{1,9}");
  CHECK(found.text.size() == 9);
  CHECK(found.finish == FinishReason::kStop);
}

TEST_CASE("a grammar survives a shift of the context") {
  TestSession session;
  REQUIRE(load(session, tiny_file()).ok());
  configure(session, options(300));
  session.options.context_shift = true;
  const char* const grammar = "root ::= ([a-d] \"; this is forced text: \")* \"#\"";
  const Answer found = answer(session, grammar);
  CHECK(found.tokens.size() > 64);
  check_in_language(session, grammar, found);
}

TEST_CASE("control tokens that the grammar names are shown if they are asked for") {
  TestSession session;
  REQUIRE(load(session, tiny_file()).ok());
  configure(session, options(30));
  const char* const grammar = "root ::= \"a\" <|start|> \"b\"";
  CHECK(answer(session, grammar).text == "ab");
  session.keep_control = true;
  CHECK(answer(session, grammar).text == "a<|start|>b");
}

TEST_CASE("drafts under a grammar change no token") {
  TestSession session;
  REQUIRE(load(session, TinyLlama(TensorType::kQ8_0, true, false, 256).writer.file()).ok());
  const char* const grammar = "root ::= ([a-b]{3} (\"-\" | \"+\") [a-b]{2} \"; \")* \"#\"";
  uint64_t accepted = 0;
  for (uint64_t seed = 0; seed < 6; ++seed) {
    configure(session, options(120, seed, static_cast<float>(seed % 2) / 4));
    use_drafts(session, false);
    const Answer plain = answer(session, grammar);
    use_drafts(session);
    const Answer drafted = answer(session, grammar);
    CHECK(drafted.tokens == plain.tokens);
    CHECK(drafted.text == plain.text);
    accepted += session_draft_counts(session).accepted;
  }
  CHECK(accepted > 0);
}

TEST_CASE("answers of a byte-level model are in the language of its grammar") {
  TestSession session;
  REQUIRE(load(session, TinyStlm().writer.file()).ok());
  for (const char* grammar : kGrammars) {
    CAPTURE(grammar);
    for (uint64_t seed = 0; seed < 12; ++seed) {
      configure(session, options(30, seed, static_cast<float>(seed % 4)));
      check_in_language(session, grammar, answer(session, grammar));
    }
  }
}

TEST_CASE("a masked model refuses a grammar") {
  TestSession session;
  REQUIRE(load(session, TinyLlama(TensorType::kQ8_0, true, false, 64, 258, "silu", "camelgpt").writer.file()).ok());
  configure(session, options(4));
  session.grammar = "root ::= \"a\"";
  CHECK(prompt(session, {1, 2, 3}).code == ErrorCode::kUnsupportedTask);
}

TEST_CASE("a session keeps the last few grammars") {
  TestSession session;
  REQUIRE(load(session, tiny_file()).ok());
  configure(session, options(4));
  for (uint32_t i = 0; i < 2 * kMaxGrammars; ++i) {
    const std::string letters = {static_cast<char>('a' + i / 20), static_cast<char>('a' + i % 20)};
    CHECK(answer(session, "root ::= \"" + letters + "\"").text == letters);
    CHECK(answer(session, "root ::= \"z\" | \"zz\"").text[0] == 'z');
  }
  const Session& s = *static_cast<Session*>(session);
  for (const auto& kept : s.grammars.kept) CHECK(kept != nullptr);
  CHECK(std::string_view(s.grammars.kept[1]->text.data(), 13) == "root ::= \"ch\"");
  session.grammar = "root ::= other";
  CHECK(prompt(session, prompt_of(session)).code == ErrorCode::kBadGrammar);
}

TEST_CASE("answers after one prompt evaluate it once") {
  TestSession session;
  REQUIRE(load(session, tiny_file()).ok());
  for (uint64_t seed = 0; seed < 3; ++seed) {
    configure(session, options(5, seed, 1));
    answer(session, "root ::= [a-z]{9}");
    CHECK(session_reused_tokens(session) == (seed == 0 ? 0 : prompt_of(session).size() - 1));
  }
}

TEST_CASE("scores do not see the mask of an answer that was aborted") {
  TestSession session;
  REQUIRE(load(session, tiny_file(), 1 << 16, 0, KvType::k16, true).ok());
  PruneOptions prune;
  prune.kv_tokens = 4;
  REQUIRE(session_set_pruning(session, prune).ok());
  configure(session, options(30));
  const std::vector<int32_t> text = tokenize(session, "Once upon a time there was");
  const auto scores = [&] {
    REQUIRE(run(session, ScoreRequest{.tokens = text, .first = 4}).ok());
    std::vector<float> logprobs;
    for (const TokenScore& each : session_scores(session)) logprobs.push_back(each.logprob);
    return logprobs;
  };
  const std::vector<float> expected = scores();
  session.grammar = "root ::= [a-c]* \"!\"";
  REQUIRE(prompt(session, {text.begin(), text.begin() + 4}).ok());
  ActivityProgress progress;
  REQUIRE(session_continue(session, 1, &progress).ok());  // the mask is ready, the prompt is not evaluated
  CHECK(scores() == expected);
}
