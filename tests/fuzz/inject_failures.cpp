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
#include "scenarios.h"
#include "split_writer.h"
#include "tiny_lfm2.h"
#include "tiny_llama.h"
#include "tiny_sidecar.h"
#include "tiny_stlm.h"

using namespace camelgpt;

namespace {

constexpr uint32_t kMaxNumber = 20000;  // of an allocation or a read that fails
constexpr unsigned kMaxSeconds = 60;    // for one execution

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
      {"grammar", &lfm2, {.context_length = 160}, grammar, false},
      {"grammar of bytes", &stlm, {}, grammar, false},
      {"remove", &llama, {}, remove, false},
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
