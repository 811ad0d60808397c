// Sessions with a byte-level model.
#include <cmath>
#include <string>

#include "base/chunk_table.h"
#include "session/loaded_session.h"
#include "tiny_stlm.h"

using namespace camelgpt;

namespace {

Answer answer(TestSession& session, const std::vector<int32_t>& prompt, const GenerationOptions& options) {
  configure(session, options);
  prefill(session, prompt);
  return answer(session);
}

}  // namespace

TEST_CASE("a byte-level model answers in chunks of bytes") {
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
  CHECK(first.finish == FinishReason::kLength);
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
  const std::vector<int32_t> tokens = tokenize(session, "Once upon a time");
  configure(session, 8);
  prefill(session, tokens);
  const std::string whole = answer(session).text;
  const std::string stop = whole.substr(whole.size() / 2, 9);
  session.stop_strings = {stop};
  if (!prompt(session, tokens).ok()) return;  // half a character: the text of the model is random
  prefill(session, tokens);
  const Answer found = answer(session);
  CHECK(found.finish == FinishReason::kStop);
  CHECK(found.text == whole.substr(0, whole.find(stop)));
}

TEST_CASE("the end chunk ends a text, shows nothing, and can be forbidden") {
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
  uint64_t& seed = options.sampler.seed;
  for (seed = 0; seed < 40; ++seed) {
    const Answer drawn = answer(session, prompt, options);
    CHECK((drawn.finish == FinishReason::kStop) == (drawn.tokens.back() == kEndChunk));
    ended += drawn.finish == FinishReason::kStop ? 1 : 0;
  }
  CHECK(ended > 0);
  options.ignore_eos = true;
  for (seed = 0; seed < 40; ++seed) CHECK(answer(session, prompt, options).finish == FinishReason::kLength);
  CHECK(piece(session, kEndChunk).empty());
  CHECK(detokenize(session, {prompt[0], kEndChunk, prompt[1]}) == "Once upon");
}

TEST_CASE("the chunks of a text are scored, and their bytes counted") {
  TestSession session;
  REQUIRE(load(session, TinyStlm().writer.file()).ok());
  const std::string text = "Once upon a time";
  const std::vector<int32_t> tokens = tokenize(session, text);
  CHECK(score(session, tokens, 2).size() == tokens.size() - 1);
  CHECK(session_bytes(session) == static_cast<int64_t>(text.size() - 4));

  GenerationOptions options;
  options.max_tokens = 1;
  options.logprobs = 3;
  options.ignore_eos = true;
  configure(session, options);
  prefill(session, {tokens[0]});
  step(session);
  const GenerationStep chosen = session_generation_step(session);
  CHECK(session_top_tokens(session).empty());
  CHECK(score(session, {tokens[0], chosen.token}, 1)[0].logprob == doctest::Approx(chosen.logprob));
}

TEST_CASE("ids and options that chunks cannot have are refused") {
  TestSession session;
  REQUIRE(load(session, TinyStlm().writer.file(), 1 << 16, 0, KvType::k16, true).ok());
  const std::vector<int32_t> tokens = tokenize(session, "Once");
  for (const int32_t wrong : {-1, tokens[0] + 1, 1 << 16}) {
    CHECK(prompt(session, {wrong}).code == ErrorCode::kBadInput);
    Buffer<char> text;
    CHECK(session_detokenize(session, std::vector{wrong}, false, &text).code == ErrorCode::kBadInput);
    CHECK(piece(session, wrong).empty());
  }
  session.options.sampler.repeat_penalty = 1.1f;
  CHECK(prompt(session, tokens).code == ErrorCode::kBadOption);
  session.options = {};
  session.options.sampler.presence_penalty = 0.5f;
  CHECK(prompt(session, tokens).code == ErrorCode::kBadOption);
  session.options = {};
  session.options.sampler.frequency_penalty = 0.5f;
  CHECK(prompt(session, tokens).code == ErrorCode::kBadOption);
  session.options = {};
  CHECK(prompt(session, tokens).ok());
  session.logit_bias = {{tokens[0], 1}};
  CHECK(prompt(session, tokens).code == ErrorCode::kBadOption);
  for (const PruneMode mode : {PruneMode::kExact, PruneMode::kBalanced, PruneMode::kAggressive}) {
    CHECK(session_set_pruning(session, {.mode = mode}).ok());
  }
  PruneOptions prune;
  prune.kv_tokens = 32;
  CHECK(session_set_pruning(session, prune).ok());
  CHECK(score(session, {tokens[0], tokens[0]}, 1, true).size() == 1);
  CHECK_FALSE(session_prune_report(session).has_large_head);
  CHECK(session_prune_report(session).head_rows == TinyStlm::kVocabulary);
}

TEST_CASE("a tokenizer with another chunk length than the model is refused") {
  TinyStlm model;
  const std::string key = "tokenizer.ggml.chunk_length";
  const auto at = std::search(model.writer.entries.begin(), model.writer.entries.end(), key.begin(), key.end());
  *(at + static_cast<std::ptrdiff_t>(key.size()) + 4) = 12;
  TestSession session;
  CHECK(load(session, model.writer.file()).code == ErrorCode::kBadMetadata);
}

TEST_CASE("the plan counts the chunk table") {
  TestSession session;
  const std::vector<uint8_t> file = TinyStlm().writer.file();
  std::memcpy(session_staging(session).data(), file.data(), file.size());
  REQUIRE(session_feed(session, file.size()).ok());
  MemoryPlan plan;
  REQUIRE(session_plan(session, {}, &plan).ok());
  CHECK(plan.tokenizer_bytes >= 65536 * (sizeof(ChunkTable::Chunk) + 2 * sizeof(uint32_t)));
}
