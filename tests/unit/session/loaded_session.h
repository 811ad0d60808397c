// A session for tests, with the loops that callers write around the C++ API.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "camelgpt.h"

namespace camelgpt {

// A session that is destroyed with its test, and the options of its next generations.
struct TestSession {
  Session* session = session_create();
  GenerationOptions options;
  std::vector<std::string> stop_strings;
  std::vector<LogitBias> logit_bias;
  std::string grammar;
  bool keep_control = false;

  TestSession() { REQUIRE(session != nullptr); }
  TestSession(const TestSession&) = delete;
  TestSession& operator=(const TestSession&) = delete;
  ~TestSession() { session_destroy(session); }
  operator Session*() const { return session; }
};

// Feeds a file in pieces; the status of the first call that fails, or of the end of the file.
inline Status load(Session* session, const std::vector<uint8_t>& file, size_t piece, const MemoryOptions& options) {
  for (size_t at = 0; at < file.size(); at += piece) {
    const size_t size = std::min({piece, file.size() - at, session_staging(session).size()});
    std::memcpy(session_staging(session).data(), file.data() + at, size);
    CAMELGPT_TRY(session_feed(session, size));
    if (session_load_state(session) == LoadState::kPlanned) CAMELGPT_TRY(session_allocate(session, options));
  }
  return session_end_of_file(session);
}
inline Status load(Session* session, const std::vector<uint8_t>& file, size_t piece = 1 << 16, uint32_t context = 0,
                   KvType kv_type = KvType::k16, bool prunes = false, float ffn = 0) {
  const PruneOptions prune{.head_rows = prunes, .kv_tokens = prunes, .ffn = ffn};
  return load(session, file, piece, MemoryOptions{.context_length = context, .kv_cache = kv_type, .prune = prune});
}

// Sets the options of the next generations, without stop strings, biases and a grammar.
inline void configure(TestSession& session, const GenerationOptions& options) {
  session.options = options;
  session.stop_strings.clear();
  session.logit_bias.clear();
  session.grammar.clear();
  session.keep_control = false;
}
inline void configure(TestSession& session, uint32_t max_tokens = 8, bool ignore_eos = true) {
  GenerationOptions options;
  options.max_tokens = max_tokens;
  options.ignore_eos = ignore_eos;
  configure(session, options);
}

// Forbids every token but one.
inline void allow_only(TestSession& session, int32_t allowed) {
  ModelInfo info;
  REQUIRE(session_model_info(session, &info).ok());
  for (int32_t token = 0; token < static_cast<int32_t>(info.vocabulary); ++token) {
    if (token != allowed) session.logit_bias.push_back({token, -std::numeric_limits<float>::infinity()});
  }
}

// Sets the pruning of the next generations: none but drafts.
inline void use_drafts(Session* session, bool drafts = true) {
  PruneOptions options;
  options.drafts = drafts;
  REQUIRE(session_set_pruning(session, options).ok());
}

// Begins a generation.
inline Status prompt(TestSession& session, const std::vector<int32_t>& tokens) {
  const std::vector<std::string_view> stops(session.stop_strings.begin(), session.stop_strings.end());
  return session_begin(session, GenerateRequest{tokens, session.options, stops, session.logit_bias, session.grammar,
                                                session.keep_control});
}

// Begins a generation and evaluates its prompt.
inline void prefill(TestSession& session, const std::vector<int32_t>& tokens, uint32_t slice = 64) {
  REQUIRE(prompt(session, tokens).ok());
  ActivityProgress progress;
  while (session_remaining(session) > 0) {
    REQUIRE(session_continue(session, slice, &progress).ok());
    REQUIRE(progress.state == ActivityState::kMore);
  }
}

// Runs an activity to its end; the status of the first call that fails.
inline Status run(Session* session, uint32_t budget = 64) {
  ActivityProgress progress{ActivityState::kMore};
  while (progress.state == ActivityState::kMore) CAMELGPT_TRY(session_continue(session, budget, &progress));
  return {};
}
template <typename Request>
Status run(Session* session, const Request& request, uint32_t budget = 64) {
  CAMELGPT_TRY(session_begin(session, request));
  return run(session, budget);
}

// Chooses the next token, after a prompt that is evaluated; a shift of the context is evaluated first.
struct Step {
  int32_t token;
  std::string text;
  FinishReason finish;
};
inline Step step(Session* session) {
  ActivityProgress progress{ActivityState::kMore};
  do {
    REQUIRE(session_continue(session, 64, &progress).ok());
    REQUIRE(progress.state != ActivityState::kNeedsWeights);
  } while (session_generation_step(session).token == -1);
  const GenerationStep last = session_generation_step(session);
  CHECK((last.finish == FinishReason::kNone) == (progress.state == ActivityState::kMore));
  return {last.token, std::string(session_text(session)), last.finish};
}

// The tokens and the text of a generation up to its end, or of at most `limit` steps.
struct Answer {
  std::vector<int32_t> tokens;
  std::string text;
  FinishReason finish = FinishReason::kNone;
};
inline Answer answer(Session* session, size_t limit = SIZE_MAX) {
  Answer answer;
  while (answer.finish == FinishReason::kNone && answer.tokens.size() < limit) {
    const Step next = step(session);
    answer.tokens.push_back(next.token);
    answer.text += next.text;
    answer.finish = next.finish;
  }
  return answer;
}

inline std::vector<float> logits(Session* session) {
  const std::span<const float> values = session_logits(session);
  return {values.begin(), values.end()};
}

inline std::vector<TokenScore> score(Session* session, const std::vector<int32_t>& tokens, uint32_t budget = 64,
                                     bool compare = false) {
  REQUIRE(run(session, ScoreRequest{tokens, compare}, budget).ok());
  const std::span<const TokenScore> scores = session_scores(session);
  return {scores.begin(), scores.end()};
}

inline std::vector<float> embed(Session* session, const std::vector<int32_t>& tokens,
                                Pooling pooling = Pooling::kOfModel, bool normalize = true, uint32_t budget = 64) {
  REQUIRE(run(session, EmbedRequest{tokens, pooling, normalize}, budget).ok());
  const std::span<const float> vector = session_embedding(session);
  return {vector.begin(), vector.end()};
}

inline std::string sidecar_of(Session* session) {
  Buffer<char> bytes;
  REQUIRE(session_sidecar(session, &bytes).ok());
  return {bytes.begin(), bytes.end()};
}
inline Status use_sidecar(Session* session, const std::string& bytes) {
  return session_use_sidecar(session, {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
}

inline std::vector<int32_t> tokenize(Session* session, std::string_view text) {
  Buffer<int32_t> tokens;
  REQUIRE(session_tokenize(session, text, {}, &tokens).ok());
  return {tokens.begin(), tokens.end()};
}

inline std::string detokenize(Session* session, const std::vector<int32_t>& tokens) {
  Buffer<char> text;
  REQUIRE(session_detokenize(session, tokens, false, &text).ok());
  return {text.begin(), text.end()};
}

// The bytes of a token.
inline std::string piece(Session* session, int32_t token) {
  std::string_view bytes;
  REQUIRE(session_piece(session, token, &bytes).ok());
  return std::string(bytes);
}

}  // namespace camelgpt
