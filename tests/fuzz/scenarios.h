// The scenarios of inject_failures.cpp: loads and activities, with reads that fail.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "camelgpt.h"
#include "random_weights.h"
#include "require.h"
#include "tiny_llama.h"
#include "tiny_sidecar.h"

namespace camelgpt {

using Bytes = std::vector<uint8_t>;

// Reads of one execution: number `failure` (from 1; 0: none) gets only half of its bytes, and is the last one.
struct Reads {
  uint32_t failure = 0;
  uint32_t count = 0;
  bool failed = false;

  size_t size(size_t wanted) {
    if (failed) return 0;
    failed = ++count == failure;
    return failed ? wanted / 2 : wanted;
  }
};

// One execution: what it reads, and what it results in.
struct Execution {
  Session* session = nullptr;
  const struct Scenario* scenario = nullptr;
  Reads reads;
  std::string result;  // compared with that of an execution without a failure

  void add(const void* bytes, size_t size) { result.append(static_cast<const char*>(bytes), size); }
  template <typename T>
  void add(std::span<T> values) {
    add(values.data(), values.size_bytes());
  }
};

struct Scenario {
  const char* name;
  const Bytes* file;
  MemoryOptions memory;
  Status (*activity)(Execution*);
  bool fails_in_load;  // otherwise only the activity fails
  bool is_eager = false;
};

inline void require_error(const Status& status) {
  for (const char* text : {status.message, status.expected, status.found, status.hint}) {
    require(std::memchr(text, 0, sizeof status.expected) != nullptr, "the texts of an error end");
  }
  require(status.message[0] != 0, "an error has a message");
}

// ------------------------------------------------------------------------------------------------------------- loading

// Feeds [*at, end) of the file, or as much as the session takes before its state changes.
inline Status feed(Execution* execution, const Bytes& file, uint64_t* at, uint64_t end) {
  Session* session = execution->session;
  const std::span<uint8_t> staging = session_staging(session);
  const LoadState before = session_load_state(session);
  while (*at < end && session_load_state(session) == before) {
    const size_t wanted = static_cast<size_t>(std::min<uint64_t>({end - *at, staging.size(), 100000}));
    const size_t size = execution->reads.size(wanted);
    if (size > 0) std::memcpy(staging.data(), file.data() + *at, size);
    CAMELGPT_TRY(session_feed(session, size));
    *at += size - session_split(session).remaining;
    if (execution->reads.failed) return session_end_of_file(session);
  }
  return {};
}

inline Status load(Execution* execution) {
  const Scenario& scenario = *execution->scenario;
  Session* session = execution->session;
  const Bytes& file = *scenario.file;
  uint64_t at = 0;
  CAMELGPT_TRY(feed(execution, file, &at, file.size()));
  require(session_load_state(session) == LoadState::kPlanned || execution->reads.failed, "the header is complete");
  if (session_load_state(session) != LoadState::kPlanned) return session_end_of_file(session);
  MemoryPlan plan;
  CAMELGPT_TRY(session_plan(session, scenario.memory, &plan));
  Buffer<char> json;
  CAMELGPT_TRY(session_metadata_json(session, &json));
  CAMELGPT_TRY(session_tensors_json(session, plan.halves, &json));
  CAMELGPT_TRY(session_allocate(session, scenario.memory));
  if (scenario.is_eager) CAMELGPT_TRY(session_load_eagerly(session));
  while (session_load_state(session) == LoadState::kWeights) {
    FileRange range = {at, file.size()};
    if (scenario.is_eager) range = session_wanted(session);
    CAMELGPT_TRY(feed(execution, file, &range.from, range.to));
    if (execution->reads.failed) break;
    at = range.from;
  }
  return session_end_of_file(session);
}

// ---------------------------------------------------------------------------------------------------------- activities

inline constexpr const char* kText = "The river rises in the hills, <|end|> and the sea \xc3\xa4 \xe4\xb8\xad is far. ";

inline Status tokenize(Session* session, size_t repeats, Buffer<int32_t>* tokens) {
  for (size_t i = 0; i < repeats; ++i) CAMELGPT_TRY(session_tokenize(session, kText, {}, tokens));
  return {};
}

// The rows of the embedding and the output head that a step lacks.
inline Status feed_missing(Execution* execution) {
  Session* session = execution->session;
  const Bytes& file = *execution->scenario->file;
  const std::vector<FileRange> ranges(session_missing(session).begin(), session_missing(session).end());
  for (const FileRange& range : ranges) {
    const size_t size = execution->reads.size(static_cast<size_t>(range.to - range.from));
    require(size <= session_staging(session).size(), "a row fits");
    if (size > 0) std::memcpy(session_staging(session).data(), file.data() + range.from, size);
    size_t used = 0;
    CAMELGPT_TRY(session_feed_rows(session, range.from, size, &used));
  }
  while (ranges.empty() && !session_is_complete(session)) {
    FileRange range = session_wanted(session);
    CAMELGPT_TRY(feed(execution, file, &range.from, range.to));
    if (execution->reads.failed) return make_error(ErrorCode::kTruncated, "The file ends early.");
  }
  return {};
}

inline Status run(Execution* execution, uint32_t budget = 16) {
  ActivityProgress progress{ActivityState::kMore};
  Session* session = execution->session;
  while (progress.state != ActivityState::kDone) {
    CAMELGPT_TRY(session_continue(session, budget, &progress));
    const std::string_view text = session_text(session);
    execution->add(text.data(), text.size());
    if (progress.state == ActivityState::kNeedsWeights) CAMELGPT_TRY(feed_missing(execution));
  }
  return {};
}

template <typename Request>
Status run(Execution* execution, const Request& request) {
  CAMELGPT_TRY(session_begin(execution->session, request));
  return run(execution);
}

inline Status texts(Execution* execution) {
  Session* session = execution->session;
  Buffer<int32_t> tokens;
  CAMELGPT_TRY(tokenize(session, 20, &tokens));
  Buffer<int32_t> in_steps;
  CAMELGPT_TRY(session_tokenize_begin(session, kText, {}, &in_steps));
  for (bool done = false; !done;) CAMELGPT_TRY(session_tokenize_continue(session, 8, &in_steps, &done));
  execution->add(std::span<const int32_t>(in_steps.span()));
  Buffer<char> text;
  CAMELGPT_TRY(session_detokenize(session, tokens.span(), true, &text));
  for (const int32_t token : tokens) {
    std::string_view piece;
    CAMELGPT_TRY(session_piece(session, token, &piece));
    execution->add(piece.data(), piece.size());
  }
  execution->add(text.span());
  return {};
}

inline Status generate_with(Execution* execution, GenerationOptions options, size_t repeats = 1) {
  Buffer<int32_t> tokens;
  CAMELGPT_TRY(tokenize(execution->session, repeats, &tokens));
  options.ignore_eos = true;
  const std::string_view stops[] = {"\xc3\xa4\xc3\xa4", "never to be found"};
  const LogitBias biases[] = {{3, -1.0f}, {5, 0.5f}};
  GenerateRequest request{tokens.span(), options, stops};
  if (session_bytes(execution->session) < 0) request.logit_bias = biases;  // those of byte-level models have no tokens
  return run(execution, request);
}

inline Status generate(Execution* execution) {
  return generate_with(execution, {.sampler = {.temperature = 0.8f,
                                               .repeat_penalty = 1.1f,
                                               .frequency_penalty = 0.1f,
                                               .dry_multiplier = 0.5f,
                                               .xtc_probability = 0.2f,
                                               .seed = 7},
                                   .max_tokens = 6,
                                   .logprobs = 5});
}

inline Status chunks(Execution* execution) { return generate_with(execution, {.max_tokens = 6}); }

inline Status two_texts(Execution* execution) {
  CAMELGPT_TRY(session_set_pruning(execution->session, {.drafts = true}));
  CAMELGPT_TRY(generate_with(execution, {.max_tokens = 12}, 2));
  const int32_t other[] = {70, 71, 72, 70, 71, 72};
  CAMELGPT_TRY(run(execution, GenerateRequest{other, {.max_tokens = 4, .ignore_eos = true}}));
  return generate_with(execution, {.max_tokens = 3}, 2);
}

inline Status shift(Execution* execution) {
  return generate_with(execution, {.max_tokens = 30, .context_shift = true});
}

// An answer with masks and forced stretches, and a second one under the same grammar.
inline Status grammar(Execution* execution) {
  Session* session = execution->session;
  Buffer<int32_t> tokens;
  CAMELGPT_TRY(tokenize(session, 1, &tokens));
  const char* const gbnf = "root ::= \"{\\\"answer\\\": [\" [0-9]{1,3} (\", \" [a-f]+)? \"]}\"";
  GenerateRequest request{.prompt = tokens.span(), .options = {.max_tokens = 30}, .grammar = gbnf};
  for (int i = 0; i < 2; ++i) CAMELGPT_TRY(run(execution, request));
  GrammarMatch match{};
  CAMELGPT_TRY(session_match(session, "{\"answer\": [1", gbnf, &match));
  execution->add(&match.matched, sizeof match.matched);
  return {};
}

// Removes tokens from the middle of a cached text, and continues.
inline Status remove(Execution* execution) {
  Session* session = execution->session;
  Buffer<int32_t> tokens;
  CAMELGPT_TRY(tokenize(session, 1, &tokens));
  CAMELGPT_TRY(run(execution, GenerateRequest{tokens.span(), {.max_tokens = 4, .ignore_eos = true}}));
  CAMELGPT_TRY(session_remove_tokens(session, tokens.span(), 4, 20));
  std::vector<int32_t> rest(tokens.begin(), tokens.end());
  rest.erase(rest.begin() + 4, rest.begin() + 20);
  return run(execution, GenerateRequest{rest, {.max_tokens = 4, .ignore_eos = true}});
}

inline Status score(Execution* execution) {
  Buffer<int32_t> tokens;
  CAMELGPT_TRY(tokenize(execution->session, 1, &tokens));
  CAMELGPT_TRY(run(execution, ScoreRequest{tokens.span(), true}));
  for (const TokenScore& score : session_scores(execution->session)) execution->add(&score.logprob, sizeof(float));
  return {};
}

inline Status embed(Execution* execution) {
  Buffer<int32_t> tokens;
  CAMELGPT_TRY(tokenize(execution->session, 1, &tokens));
  CAMELGPT_TRY(run(execution, EmbedRequest{tokens.span()}));
  execution->add(session_embedding(execution->session));
  return {};
}

inline Status masks(Execution* execution) {
  Session* session = execution->session;
  const int32_t mask = TinyLlama::kStart;
  const int32_t tokens[] = {40, 41, mask, 43, mask, mask, 44};
  CAMELGPT_TRY(run(execution, FillRequest{tokens, {.sampler = {.temperature = 0.5f}, .logprobs = 3, .steps = 2}}));
  execution->add(session_filled(session));
  CAMELGPT_TRY(run(execution, PredictRequest{tokens, 1}));
  float logprob = 0;
  CAMELGPT_TRY(session_predict(session, 2, 7, 5, &logprob));
  execution->add(&logprob, sizeof logprob);
  return generate_with(execution, {.max_tokens = 8, .steps = 2});
}

// Saves the text of a generation and restores it from pieces.
inline Status save_and_restore(Execution* execution) {
  Session* session = execution->session;
  CAMELGPT_TRY(generate_with(execution, {.max_tokens = 2}));
  CAMELGPT_TRY(session_begin(session, SaveRequest{}));
  Bytes state;
  ActivityProgress progress{ActivityState::kMore};
  while (progress.state == ActivityState::kMore) {
    CAMELGPT_TRY(session_continue(session, 5000, &progress));
    const uint8_t* saved = session_staging(session).data();
    state.insert(state.end(), saved, saved + progress.processed);
  }
  CAMELGPT_TRY(session_begin(session, RestoreRequest{state.size()}));
  for (size_t at = 0; at < state.size() && !execution->reads.failed;) {
    const size_t size = execution->reads.size(std::min<size_t>(5000, state.size() - at));
    std::memcpy(session_staging(session).data(), state.data() + at, size);
    CAMELGPT_TRY(session_continue(session, static_cast<uint32_t>(size), &progress));
    at += size;
  }
  if (execution->reads.failed) return make_error(ErrorCode::kTruncated, "The state ends early.");
  return generate_with(execution, {.max_tokens = 2});
}

inline PruneOptions pruned_rows() { return {.head_rows = 200, .drafts = true}; }

inline Status calibrate(Execution* execution) {
  Session* session = execution->session;
  std::vector<int32_t> text;
  TestRandom random(1);
  while (text.size() < kMinCalibrationTokens) text.push_back(static_cast<int32_t>(random.next() % 258));
  CAMELGPT_TRY(run(execution, CalibrateRequest{text}));
  CAMELGPT_TRY(session_set_pruning(session, pruned_rows()));
  return generate_with(execution, {.max_tokens = 3});
}

inline Bytes sidecar;  // of the model with a large head

inline Status use_sidecar(Execution* execution) {
  Session* session = execution->session;
  const std::span<const uint8_t> bytes(sidecar);
  CAMELGPT_TRY(session_use_sidecar(session, bytes.first(execution->reads.size(bytes.size()))));
  CAMELGPT_TRY(session_set_pruning(session, pruned_rows()));
  CAMELGPT_TRY(generate_with(execution, {.max_tokens = 3}));
  if (!session_is_complete(session)) return {};
  Buffer<char> again;
  CAMELGPT_TRY(session_sidecar(session, &again));
  require(std::equal(again.begin(), again.end(), sidecar.begin(), sidecar.end(),
                     [](char a, uint8_t b) { return static_cast<uint8_t>(a) == b; }),
          "a sidecar is written as it was read");
  return {};
}

}  // namespace camelgpt
