// F32 files whose matrices are kept as halves, and plans that do not fit.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "session/loaded_session.h"
#include "tiny_llama.h"

using namespace camelgpt;

static MemoryPlan plan_of(const std::vector<uint8_t>& file, const MemoryOptions& options, Status* status = nullptr) {
  TestSession session;
  std::memcpy(session_staging(session).data(), file.data(), 20000);
  REQUIRE(session_feed(session, 20000).ok());
  MemoryPlan plan;
  const Status planned = session_plan(session, options, &plan);
  if (status != nullptr) *status = planned;
  return plan;
}

static MemoryOptions with(FloatWeights weights, uint64_t max_memory = 0) {
  MemoryOptions options;
  options.weights = weights;
  options.max_memory = max_memory;
  return options;
}

static std::vector<float> logits_of(const std::vector<uint8_t>& file, FloatWeights weights, size_t piece = 1 << 16) {
  TestSession session;
  REQUIRE(load(session, file, piece, with(weights)).ok());
  configure(session);
  prefill(session, some_tokens(20));
  return logits(session);
}

TEST_CASE("F32 matrices kept as halves take half of the memory, and the logits stay close") {
  for (const char* activation : {"silu", "relu"}) {  // ReLU models store neurons one by one
    CAPTURE(activation);
    const std::vector<uint8_t> file =
        TinyLlama(TensorType::kF32, true, false, TinyLlama::kContext, TinyLlama::kVocabulary, activation).writer.file();
    const MemoryPlan exact = plan_of(file, with(FloatWeights::kExact)),
                     halves = plan_of(file, with(FloatWeights::kHalf));
    CHECK_FALSE(exact.halves);
    CHECK(halves.halves);
    CHECK(halves.weight_bytes < 0.51 * static_cast<double>(exact.weight_bytes));
    CHECK(exact.total_bytes - halves.total_bytes == exact.weight_bytes - halves.weight_bytes);
    const std::vector<float> right = logits_of(file, FloatWeights::kExact),
                             close = logits_of(file, FloatWeights::kHalf);
    float largest = 0, difference = 0;
    for (size_t i = 0; i < right.size(); ++i) {
      largest = std::fmax(largest, std::fabs(right[i]));
      difference = std::fmax(difference, std::fabs(right[i] - close[i]));
    }
    CHECK(difference > 0);
    CHECK(difference < 2e-3f * largest);
    CHECK(logits_of(file, FloatWeights::kHalf, 1000) == close);  // the size of the pieces does not matter
    CHECK(logits_of(file, FloatWeights::kAuto) == right);
  }
}

TEST_CASE("weights of other types are unchanged by the option") {
  for (const TensorType type : {TensorType::kF16, TensorType::kBF16, TensorType::kQ8_0}) {
    const std::vector<uint8_t> file = TinyLlama(type).writer.file();
    const MemoryPlan plan = plan_of(file, with(FloatWeights::kHalf));
    CHECK_FALSE(plan.halves);
    CHECK(plan.weight_bytes == plan_of(file, {}).weight_bytes);
  }
}

TEST_CASE("a number too large for a half is an error that names the tensor") {
  GgufWriter writer = TinyLlama(TensorType::kF32).writer;
  const float large = 65520;
  std::memcpy(writer.tensors.back().data.data() + 400, &large, 4);
  const std::vector<uint8_t> file = writer.file();
  TestSession session;
  const Status status = load(session, file, 1 << 16, with(FloatWeights::kHalf));
  CHECK(status.code == ErrorCode::kBadTensor);
  CHECK(std::string(status.message).find("blk.1.ffn_down.weight holds numbers that are too large for 16-bit floats") !=
        std::string::npos);
  TestSession exact;
  CHECK(load(exact, file).ok());
}

TEST_CASE("halves are chosen automatically if only they fit; a plan that does not fit is reported with the error") {
  const std::vector<uint8_t> file = TinyLlama(TensorType::kF32).writer.file();
  const MemoryPlan exact = plan_of(file, with(FloatWeights::kExact)), halves = plan_of(file, with(FloatWeights::kHalf));
  const uint64_t beside = 8 << 20;  // more than the limit reserves beside a plan
  CHECK_FALSE(plan_of(file, with(FloatWeights::kAuto, exact.total_bytes + beside)).halves);
  const MemoryPlan chosen = plan_of(file, with(FloatWeights::kAuto, exact.total_bytes));
  CHECK(chosen.halves);
  CHECK(chosen.total_bytes == halves.total_bytes);
  Status status;
  plan_of(file, with(FloatWeights::kExact, exact.total_bytes), &status);
  CHECK(status.code == ErrorCode::kOutOfMemory);
  const MemoryPlan refused = plan_of(file, with(FloatWeights::kAuto, halves.total_bytes), &status);
  CHECK(status.code == ErrorCode::kOutOfMemory);
  CHECK(refused.total_bytes == halves.total_bytes);
  CHECK(std::string(status.found).find("keys and values of 64 positions") != std::string::npos);
  CHECK(std::string(status.hint).find("smaller quantisation, a shorter contextLength") != std::string::npos);
}
