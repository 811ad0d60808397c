// Options that no caller in C++ would write, but bytes from outside can hold.
#include <cmath>

#include "session/loaded_session.h"
#include "tiny_llama.h"

namespace camelgpt {
namespace {

template <typename Enum>
Enum unknown() {
  const uint8_t number = 9;
  Enum value;
  std::memcpy(&value, &number, 1);
  return value;
}

TEST_CASE("an unknown number of an enum is an error that names the option, never another value") {
  TestSession session;
  const std::vector<uint8_t> file = TinyLlama(TensorType::kQ4_0).writer.file();
  REQUIRE(file.size() <= session_staging(session).size());
  std::memcpy(session_staging(session).data(), file.data(), file.size());
  REQUIRE(session_feed(session, file.size()).ok());
  REQUIRE(session_load_state(session) == LoadState::kPlanned);
  MemoryPlan plan;
  MemoryOptions memory;
  memory.kv_cache = unknown<KvType>();
  const Status cache = session_plan(session, memory, &plan);
  CHECK(cache.code == ErrorCode::kBadOption);
  CHECK(std::string(cache.message) == "The option kvCache is out of range.");
  memory = {};
  memory.weights = unknown<FloatWeights>();
  CHECK(session_plan(session, memory, &plan).code == ErrorCode::kBadOption);
  memory = {};
  memory.prune.mode = unknown<PruneMode>();
  CHECK(std::string(session_plan(session, memory, &plan).message) == "The option epdp.mode is out of range.");
  memory = {};
  memory.trained_ffn = std::nanf("");
  CHECK(session_allocate(session, memory).code == ErrorCode::kBadOption);
  REQUIRE(session_allocate(session, {}).ok());
  const Status mode = session_set_pruning(session, {.mode = unknown<PruneMode>()});
  CHECK(mode.code == ErrorCode::kBadOption);
  CHECK(std::string(mode.expected) == "0 (off) to 4 (custom)");
}

TEST_CASE("options of a generation that are out of range are named, those of the sampler too") {
  TestSession session;
  REQUIRE(load(session, TinyLlama(TensorType::kQ4_0).writer.file()).ok());
  const auto refused = [&](const GenerationOptions& options) {
    const int32_t prompt[] = {1, 2};
    return session_begin(session, GenerateRequest{prompt, options});
  };
  GenerationOptions options;
  options.max_tokens = 0;
  CHECK(std::string(refused(options).message) == "The option maxTokens is out of range.");
  options = {};
  options.logprobs = kMaxLogprobs + 1;
  CHECK(std::string(refused(options).expected) == "a whole number from 0 to 20");
  options = {};
  options.sampler.top_p = std::nanf("");
  const Status status = refused(options);
  CHECK(std::string(status.message) == "The option topP is out of range.");
  CHECK(std::string(status.found) == "NaN");
}

}  // namespace
}  // namespace camelgpt
