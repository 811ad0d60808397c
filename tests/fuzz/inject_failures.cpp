// Every allocation and every read of a load and of each activity fails once: the result is a typed error or success,
// and a loaded model then works as before.
//
//   inject_failures [--seconds N] [--only NAME]
//
// Each scenario is first run without a failure, which counts its allocations and reads and gives the expected result.
// The numbers are then tried in an order that spreads them evenly, so that a run that ends early has sampled them all.
#include <sanitizer/common_interface_defs.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include "camelgpt.h"
#include "failing_allocations.h"
#include "require.h"
#include "split_writer.h"
#include "tiny_lfm2.h"
#include "tiny_llama.h"
#include "tiny_sidecar.h"
#include "tiny_stlm.h"

using namespace camelgpt;

namespace {

constexpr uint32_t kMaxNumber = 20000;  // of an allocation or a read that fails
constexpr unsigned kMaxSeconds = 60;    // for one execution

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

void require_error(const Status& status) {
  for (const char* text : {status.message, status.expected, status.found, status.hint}) {
    require(std::memchr(text, 0, sizeof status.expected) != nullptr, "the texts of an error end");
  }
  require(status.message[0] != 0, "an error has a message");
}

// ------------------------------------------------------------------------------------------------------------- loading

// Feeds [*at, end) of the file, or as much as the session takes before its state changes.
Status feed(Execution* execution, const Bytes& file, uint64_t* at, uint64_t end) {
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

Status load(Execution* execution) {
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

constexpr const char* kText = "The river rises in the hills, <|end|> and the sea \xc3\xa4 \xe4\xb8\xad is far. ";

Status tokenize(Session* session, size_t repeats, Buffer<int32_t>* tokens) {
  for (size_t i = 0; i < repeats; ++i) CAMELGPT_TRY(session_tokenize(session, kText, {}, tokens));
  return {};
}

// The rows of the embedding and the output head that a step lacks.
Status feed_missing(Execution* execution) {
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

Status run(Execution* execution, uint32_t budget = 16) {
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

Status texts(Execution* execution) {
  Session* session = execution->session;
  Buffer<int32_t> tokens;
  CAMELGPT_TRY(tokenize(session, 20, &tokens));
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

Status generate_with(Execution* execution, GenerationOptions options, size_t repeats = 1) {
  Buffer<int32_t> tokens;
  CAMELGPT_TRY(tokenize(execution->session, repeats, &tokens));
  options.ignore_eos = true;
  const std::string_view stops[] = {"\xc3\xa4\xc3\xa4", "never to be found"};
  const LogitBias biases[] = {{3, -1.0f}, {5, 0.5f}};
  GenerateRequest request{tokens.span(), options, stops};
  if (session_bytes(execution->session) < 0) request.logit_bias = biases;  // those of byte-level models have no tokens
  return run(execution, request);
}

Status generate(Execution* execution) {
  return generate_with(execution, {.sampler = {.temperature = 0.8f,
                                               .repeat_penalty = 1.1f,
                                               .frequency_penalty = 0.1f,
                                               .dry_multiplier = 0.5f,
                                               .xtc_probability = 0.2f,
                                               .seed = 7},
                                   .max_tokens = 6,
                                   .logprobs = 5});
}

Status chunks(Execution* execution) { return generate_with(execution, {.max_tokens = 6}); }

Status two_texts(Execution* execution) {
  CAMELGPT_TRY(session_set_pruning(execution->session, {.drafts = true}));
  CAMELGPT_TRY(generate_with(execution, {.max_tokens = 12}, 2));
  const int32_t other[] = {70, 71, 72, 70, 71, 72};
  CAMELGPT_TRY(run(execution, GenerateRequest{other, {.max_tokens = 4, .ignore_eos = true}}));
  return generate_with(execution, {.max_tokens = 3}, 2);
}

Status shift(Execution* execution) { return generate_with(execution, {.max_tokens = 30, .context_shift = true}); }

Status score(Execution* execution) {
  Buffer<int32_t> tokens;
  CAMELGPT_TRY(tokenize(execution->session, 1, &tokens));
  CAMELGPT_TRY(run(execution, ScoreRequest{tokens.span(), true}));
  for (const TokenScore& score : session_scores(execution->session)) execution->add(&score.logprob, sizeof(float));
  return {};
}

Status embed(Execution* execution) {
  Buffer<int32_t> tokens;
  CAMELGPT_TRY(tokenize(execution->session, 1, &tokens));
  CAMELGPT_TRY(run(execution, EmbedRequest{tokens.span()}));
  execution->add(session_embedding(execution->session));
  return {};
}

Status masks(Execution* execution) {
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
Status save_and_restore(Execution* execution) {
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

PruneOptions pruned_rows() { return {.head_rows = 200, .drafts = true}; }

Status calibrate(Execution* execution) {
  Session* session = execution->session;
  std::vector<int32_t> text;
  TestRandom random(1);
  while (text.size() < kMinCalibrationTokens) text.push_back(static_cast<int32_t>(random.next() % 258));
  CAMELGPT_TRY(run(execution, CalibrateRequest{text}));
  CAMELGPT_TRY(session_set_pruning(session, pruned_rows()));
  return generate_with(execution, {.max_tokens = 3});
}

Bytes sidecar;  // of the model with a large head

Status use_sidecar(Execution* execution) {
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

// ---------------------------------------------------------------------------------------------------------- executions

void create_and_load(Execution* execution, const Scenario& scenario, Status* status) {
  execution->scenario = &scenario;
  execution->session = session_create();
  *status = execution->session == nullptr ? out_of_memory("a session", 0) : load(execution);
}

// Counts the allocations and reads in which `scenario` can fail; *result gets the expected result.
void count(const Scenario& scenario, uint32_t* allocations, uint32_t* reads, std::string* result) {
  Execution execution;
  Status status;
  arm_failures(0, false);
  create_and_load(&execution, scenario, &status);
  require(status.ok(), "the model loads");
  if (!scenario.fails_in_load) {
    arm_failures(0, false);
    execution.reads.count = 0;
  }
  if (scenario.activity == use_sidecar && sidecar.empty()) {
    disarm_failures();
    sidecar = make_sidecar(execution.session);
    arm_failures(0, false);
  }
  status = scenario.activity(&execution);
  disarm_failures();
  if (!status.ok()) std::fprintf(stderr, "%s: %s (%s)\n", scenario.name, status.message, status.found);
  require(status.ok(), "the activity succeeds");
  *allocations = allocation_failures.count;
  *reads = execution.reads.count;
  *result = execution.result;
  session_destroy(execution.session);
}

enum class Kind { kOneAllocation, kAllocationsFrom, kRead };

void execute(const Scenario& scenario, Kind kind, uint32_t number, const std::string& expected) {
  Execution execution;
  Status status;
  const auto arm = [&] {
    execution.reads = {kind == Kind::kRead ? number : 0};
    arm_failures(kind == Kind::kRead ? 0 : number, kind == Kind::kAllocationsFrom);
  };
  if (scenario.fails_in_load) arm();
  create_and_load(&execution, scenario, &status);
  const bool is_loaded = status.ok();
  if (!scenario.fails_in_load) arm();
  if (is_loaded) status = scenario.activity(&execution);
  disarm_failures();
  const bool failed = allocation_failures.failed > 0 || execution.reads.failed;
  if (status.ok()) {
    require(execution.result == expected, "a success has the expected result");
  } else {
    require(failed, "only a failure causes an error");
    require_error(status);
    if (kind != Kind::kRead) require(status.code == ErrorCode::kOutOfMemory, "the error says that memory is exhausted");
  }
  if (execution.session != nullptr && !is_loaded) {
    ActivityProgress progress;
    const int32_t tokens[] = {1, 2, 3};
    require(session_load_state(execution.session) != LoadState::kReady, "a failed load is not ready");
    require_error(session_begin(execution.session, GenerateRequest{tokens, {}}));
    require_error(session_continue(execution.session, 1, &progress));
    require_error(session_end_of_file(execution.session));
  }
  if (is_loaded) {  // the session is as good as before
    execution.reads = {};
    execution.result.clear();
    status = scenario.activity(&execution);
    if (!status.ok()) std::fprintf(stderr, "%s (%s)\n", status.message, status.found);
    require(status.ok(), "the activity succeeds after a failure");
    require(execution.result == expected, "its result is that without a failure");
  }
  session_destroy(execution.session);
}

// The executions of a scenario that remain.
struct Plan {
  const Scenario* scenario;
  std::string expected;
  uint32_t totals[3] = {};
  uint32_t done[3] = {};
  uint32_t steps[3] = {};  // coprime to the totals, so that multiples visit each number
  double seconds = 0;      // spent so far

  uint32_t remaining() const { return totals[0] + totals[1] + totals[2] - done[0] - done[1] - done[2]; }
  // The next number of the kind that has proceeded least.
  void take(Kind* kind, uint32_t* number) {
    int best = -1;
    for (int i = 0; i < 3; ++i) {
      if (done[i] == totals[i]) continue;
      if (best < 0 || uint64_t{done[i]} * totals[best] < uint64_t{done[best]} * totals[i]) best = i;
    }
    *kind = static_cast<Kind>(best);
    *number = 1 + static_cast<uint32_t>(uint64_t{++done[best]} * steps[best] % totals[best]);
  }
};

char current[128];  // what is being executed

void print_current() { (void)!write(2, current, std::strlen(current)); }

void on_signal(int number) {
  print_current();
  const char hang[] = "broken invariant: an execution ends in time\n";
  if (number == SIGALRM) (void)!write(2, hang, sizeof hang - 1);
  _exit(1);
}

Plan make_plan(const Scenario& scenario) {
  Plan plan{&scenario, {}};
  uint32_t allocations = 0, reads = 0;
  count(scenario, &allocations, &reads, &plan.expected);
  for (int i = 0; i < 3; ++i) {
    const uint32_t total = std::min(i == static_cast<int>(Kind::kRead) ? reads : allocations, kMaxNumber);
    uint32_t step = std::max(1u, static_cast<uint32_t>(total * 0.618));
    while (std::gcd(step, total) > 1) ++step;
    plan.totals[i] = total;
    plan.steps[i] = step;
  }
  return plan;
}

}  // namespace

int main(int argc, char** argv) {
  double seconds = 1e9;
  const char* only = nullptr;  // the scenarios whose name contains it
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--seconds") == 0) seconds = std::atof(argv[i + 1]);
    if (std::strcmp(argv[i], "--only") == 0) only = argv[i + 1];
  }
  for (const int number : {SIGALRM, SIGABRT}) std::signal(number, on_signal);
  __sanitizer_set_death_callback(print_current);
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  auto start = std::chrono::steady_clock::now();
  const auto elapsed = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); };

  Bytes split;
  {
    Bytes data;
    for (const GgufWriter& writer : split_model(TinyLfm2().writer, 3)) {
      const Bytes header = writer.header(), file = writer.file();
      split.insert(split.end(), header.begin(), header.end());
      if (!writer.tensors.empty()) data.insert(data.end(), file.begin() + std::ptrdiff_t(header.size()), file.end());
    }
    split.insert(split.end(), data.begin(), data.end());
  }
  const Bytes llama = TinyLlama(TensorType::kQ8_0).writer.file();
  const Bytes masked =
      TinyLlama(TensorType::kQ4_0, true, false, 64, TinyLlama::kVocabulary, "relu", "camelgpt").writer.file();
  const Bytes lfm2 = TinyLfm2().writer.file();
  const Bytes stlm = TinyStlm().writer.file();
  const Bytes large_head = large_head_file();
  const Scenario scenarios[] = {
      {"load llama", &llama, {}, texts, true},
      {"load lfm2", &lfm2, {.weights = FloatWeights::kHalf}, texts, true},
      {"load split", &split, {}, texts, true},
      {"load stlm", &stlm, {}, texts, true},
      {"generate", &lfm2, {}, generate, false},
      {"two texts", &lfm2, {.context_length = 160, .sequences = 2, .prune = {.drafts = true}}, two_texts, false},
      {"8-bit cache", &llama, {.kv_cache = KvType::k8}, save_and_restore, false},
      {"shift", &llama, {.context_length = 64}, shift, false},
      {"score", &lfm2, {}, score, false},
      {"embed", &lfm2, {}, embed, false},
      {"masks", &masked, {}, masks, false},
      {"chunks", &stlm, {}, chunks, false},
      {"save", &lfm2, {}, save_and_restore, false},
      {"save chunks", &stlm, {}, save_and_restore, false},
      {"sidecar", &large_head, kPrunes, use_sidecar, false},
      {"eager", &large_head, kPrunes, use_sidecar, true, true},
      {"calibrate", &large_head, kPrunes, calibrate, false},  // takes seconds
  };

  std::vector<Plan> plans;
  for (const Scenario& scenario : scenarios) {
    if (only != nullptr && std::strstr(scenario.name, only) == nullptr) continue;
    if (scenario.activity == calibrate && seconds < 30) continue;
    const double before = elapsed();
    plans.push_back(make_plan(scenario));
    const Plan& plan = plans.back();
    std::printf("%s: %u allocations, %u reads, %.2f s\n", scenario.name, plan.totals[0], plan.totals[2],
                elapsed() - before);
  }
  uint64_t executions = 0;
  start = std::chrono::steady_clock::now();
  while (elapsed() < seconds) {  // each scenario gets as much time as the others
    Plan* next = nullptr;
    for (Plan& plan : plans) {
      if (plan.remaining() > 0 && (next == nullptr || plan.seconds < next->seconds)) next = &plan;
    }
    if (next == nullptr) break;
    Kind kind;
    uint32_t number;
    next->take(&kind, &number);
    std::snprintf(current, sizeof current, "%s, failure kind %d, number %u\n", next->scenario->name,
                  static_cast<int>(kind), number);
    const double before = elapsed();
    alarm(kMaxSeconds);
    execute(*next->scenario, kind, number, next->expected);
    alarm(0);
    next->seconds += elapsed() - before;
    ++executions;
  }
  uint64_t total = 0;
  for (const Plan& plan : plans) total += uint64_t{plan.totals[0]} + plan.totals[1] + plan.totals[2];
  std::printf("number_of_executed_units: %llu of %llu\n", static_cast<unsigned long long>(executions),
              static_cast<unsigned long long>(total));
  return 0;
}
