#include <doctest/doctest.h>

#include "lent_threads.h"
#include "model/compare_runs.h"
#include "tiny_lfm2.h"
#include "tiny_llama.h"
#include "tiny_stlm.h"

using namespace camelgpt;

namespace {

void check_runs(const std::vector<uint8_t>& file, KvType type = KvType::k16) {
  for (const uint32_t count : {1u, 2u, 4u}) {
    const LentThreads threads(count);
    LoadedModel loaded(file);
    REQUIRE_MESSAGE(loaded.status.ok(), loaded.status.message);
    CAPTURE(count);
    CHECK(ComparedRuns(loaded).difference(type) == "");
  }
}

std::vector<uint8_t> llama(TensorType type, const char* activation = "silu", const char* architecture = "llama") {
  return TinyLlama(type, true, false, kComparedContext, TinyLlama::kVocabulary, activation, architecture).writer.file();
}

}  // namespace

TEST_CASE("runs in one pass get the bits that each gets alone, with weights of any type") {
  for (const TensorType type : {TensorType::kF32, TensorType::kF16, TensorType::kQ4_0, TensorType::kQ8_0,
                                TensorType::kQ4_K, TensorType::kQ6_K}) {
    CAPTURE(static_cast<int>(type));
    check_runs(llama(type));
  }
}

TEST_CASE("runs in one pass get the bits that each gets alone, with a cache of bytes") {
  check_runs(llama(TensorType::kQ8_0), KvType::k8);
}

TEST_CASE("runs in one pass get the bits that each gets alone, with neurons that are skipped") {
  check_runs(llama(TensorType::kQ8_0, "relu"));
  check_runs(llama(TensorType::kF16, "relu2"));
}

TEST_CASE("runs in one pass get the bits that each gets alone, with short convolutions") {
  check_runs(TinyLfm2().writer.file());
}

TEST_CASE("runs in one pass get the bits that each gets alone, with chunks of bytes as tokens") {
  check_runs(TinyStlm(2, 2, true, "gpt-2", kComparedContext).writer.file());
}

TEST_CASE("runs in one pass get the bits that each gets alone, with tokens that see those after them") {
  check_runs(llama(TensorType::kQ8_0, "relu", "camelgpt"));
}
