// Sessions with a model that reads and writes bytes.
#include <cmath>
#include <string>

#include "base/chunk_table.h"
#include "session/loaded_session.h"
#include "tiny_stlm.h"

using namespace camelgpt;

namespace {

std::vector<int32_t> tokenize(Session* session, std::string_view text) {
  std::memcpy(session_text_buffer(session, text.size()), text.data(), text.size());
  REQUIRE(session_tokenize(session, text.size(), true, true).ok());
  const std::span<const int32_t> tokens = session_tokens(session);
  return {tokens.begin(), tokens.end()};
}

std::string detokenize(Session* session, const std::vector<int32_t>& tokens) {
  put_tokens(session, tokens);
  REQUIRE(session_detokenize(session, tokens.size(), false).ok());
  return std::string(session_output(session));
}

struct Answer {
  std::vector<int32_t> tokens;
  std::string text;
  StepResult result = StepResult::kContinue;
};
Answer answer(Session* session, const std::vector<int32_t>& prompt, const GenerationOptions& options) {
  REQUIRE(session_configure(session, options).ok());
  prefill(session, prompt);
  Answer answer;
  while (answer.result == StepResult::kContinue) {
    REQUIRE(session_step(session, &answer.result).ok());
    answer.tokens.push_back(session_last_token(session).token);
    answer.text += session_output(session);
  }
  return answer;
}

}  // namespace

TEST_CASE("a session that reads bytes goes on with chunks of them") {
  TestSession session;
  REQUIRE(load(session, TinyStlm().writer.file()).ok());
  const std::string text = "Once upon a time, na\xc3\xafve";
  const std::vector<int32_t> prompt = tokenize(session, text);
  CHECK(prompt.size() == 7);  // the last word has seven bytes, and a chunk at most six
  CHECK(detokenize(session, prompt) == text);
  GenerationOptions options;
  options.max_tokens = 12;
  options.ignore_eos = true;
  const Answer first = answer(session, prompt, options);
  CHECK(first.result == StepResult::kLength);
  CHECK(first.tokens.size() == 12);
  CHECK(detokenize(session, first.tokens) == first.text);
  CHECK(session_bytes(session) > 0);
  CHECK(session_bytes(session) <= 12 * TinyStlm::kLength);
  CHECK(answer(session, prompt, options).tokens == first.tokens);
  CHECK(session_reused_tokens(session) == prompt.size() - 1);

  options.sampler.temperature = 1;
  options.sampler.seed = 5;
  const Answer drawn = answer(session, prompt, options);
  CHECK(drawn.tokens != first.tokens);
  CHECK(answer(session, prompt, options).tokens == drawn.tokens);
}

TEST_CASE("a stop string that spans chunks ends the text before it") {
  TestSession session;
  REQUIRE(load(session, TinyStlm().writer.file()).ok());
  const std::vector<int32_t> prompt = tokenize(session, "Once upon a time");
  GenerationOptions options;
  options.max_tokens = 8;
  options.ignore_eos = true;
  const std::string whole = answer(session, prompt, options).text;
  const std::string stop = whole.substr(whole.size() / 2, 9);
  REQUIRE(session_configure(session, options).ok());
  std::memcpy(session_text_buffer(session, stop.size()), stop.data(), stop.size());
  const Status added = session_add_stop(session, stop.size());
  if (!added.ok()) return;  // half a character: what the model says is random
  prefill(session, prompt);
  std::string text;
  StepResult result = StepResult::kContinue;
  while (result == StepResult::kContinue) {
    REQUIRE(session_step(session, &result).ok());
    text += session_output(session);
  }
  CHECK(result == StepResult::kStop);
  CHECK(text == whole.substr(0, whole.find(stop)));
}

TEST_CASE("the end ends a text, and can be forbidden") {
  TestSession session;
  REQUIRE(load(session, TinyStlm().writer.file()).ok());
  const std::vector<int32_t> prompt = tokenize(session, "Once upon a time");
  GenerationOptions options;
  options.max_tokens = 40;
  options.sampler.temperature = 20;  // nearly uniform: one in 257 is the end
  options.sampler.top_k = 0;
  options.sampler.top_p = 1;
  options.sampler.min_p = 0;
  uint32_t ended = 0;
  for (options.sampler.seed = 0; options.sampler.seed < 40; ++options.sampler.seed) {
    const Answer drawn = answer(session, prompt, options);
    CHECK((drawn.result == StepResult::kStop) == (drawn.tokens.back() == kEndChunk));
    ended += drawn.result == StepResult::kStop ? 1 : 0;
  }
  CHECK(ended > 0);
  options.ignore_eos = true;
  for (options.sampler.seed = 0; options.sampler.seed < 40; ++options.sampler.seed)
    CHECK(answer(session, prompt, options).result == StepResult::kLength);
}

TEST_CASE("a text's chunks are scored, and their bytes counted") {
  TestSession session;
  REQUIRE(load(session, TinyStlm().writer.file()).ok());
  const std::string text = "Once upon a time";
  const std::vector<int32_t> tokens = tokenize(session, text);
  put_tokens(session, tokens);
  REQUIRE(session_score_begin(session, tokens.size()).ok());
  uint32_t left = 1;
  while (left > 0) REQUIRE(session_score_continue(session, 2, &left).ok());
  const std::span<const TokenScore> scores = session_scores(session);
  CHECK(scores.size() == tokens.size() - 1);
  CHECK(session_bytes(session) == static_cast<int64_t>(text.size() - 4));

  GenerationOptions options;
  options.max_tokens = 1;
  options.logprobs = 3;
  options.ignore_eos = true;
  REQUIRE(session_configure(session, options).ok());
  prefill(session, {tokens[0]});
  StepResult result;
  REQUIRE(session_step(session, &result).ok());
  const TokenProbability chosen = session_last_token(session);
  CHECK(session_top_tokens(session).empty());
  put_tokens(session, {tokens[0], chosen.token});
  REQUIRE(session_score_begin(session, 2).ok());
  REQUIRE(session_score_continue(session, 1, &left).ok());
  CHECK(session_scores(session)[0].logprob == doctest::Approx(chosen.logprob));
}

TEST_CASE("ids and options that chunks cannot have are refused") {
  TestSession session;
  REQUIRE(load(session, TinyStlm().writer.file(), 1 << 16, 0, KvType::k16, true).ok());
  const std::vector<int32_t> tokens = tokenize(session, "Once");
  for (const int32_t wrong : {-1, tokens[0] + 1, 1 << 16}) {
    put_tokens(session, {wrong});
    CHECK(session_prompt(session, 1).code == ErrorCode::kBadInput);
    CHECK(session_detokenize(session, 1, false).code == ErrorCode::kBadInput);
  }
  GenerationOptions options;
  options.sampler.repeat_penalty = 1.1f;
  CHECK(session_configure(session, options).code == ErrorCode::kBadOption);
  options = {};
  options.sampler.presence_penalty = 0.5f;
  CHECK(session_configure(session, options).code == ErrorCode::kBadOption);
  CHECK(session_configure(session, {}).ok());
  CHECK(session_add_logit_bias(session, tokens[0], 1).code == ErrorCode::kBadOption);
  for (const PruneMode mode : {PruneMode::kExact, PruneMode::kBalanced, PruneMode::kAggressive})
    CHECK(session_set_prune_mode(session, mode).ok());
  PruneOptions prune;
  prune.kv_tokens = 32;
  CHECK(session_set_pruning(session, prune).ok());
  put_tokens(session, {tokens[0], tokens[0]});
  REQUIRE(session_score_begin(session, 2, true).ok());
  uint32_t left = 0;
  CHECK(session_score_continue(session, 1, &left).ok());
  CHECK_FALSE(session_prune_report(session).has_large_head);
  CHECK(session_prune_report(session).head_rows == TinyStlm::kVocabulary);
}

TEST_CASE("a tokenizer that is not that of the model is refused") {
  TinyStlm model;
  const std::string key = "tokenizer.ggml.chunk_length";
  const auto at = std::search(model.writer.entries.begin(), model.writer.entries.end(), key.begin(), key.end());
  *(at + static_cast<std::ptrdiff_t>(key.size()) + 4) = 12;
  TestSession session;
  CHECK(load(session, model.writer.file()).code == ErrorCode::kBadMetadata);
}

TEST_CASE("the plan counts the table of chunks") {
  TestSession session;
  const std::vector<uint8_t> file = TinyStlm().writer.file();
  std::memcpy(session_staging(session).data(), file.data(), file.size());
  REQUIRE(session_feed(session, file.size()).ok());
  MemoryPlan plan;
  REQUIRE(session_plan(session, {}, &plan).ok());
  CHECK(plan.tokenizer_bytes >= 65536 * (sizeof(ChunkTable::Chunk) + 2 * sizeof(uint32_t)));
}
