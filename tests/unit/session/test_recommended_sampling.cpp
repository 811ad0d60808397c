// The sampling options that a file recommends.
#include <doctest/doctest.h>

#include <cmath>

#include "session/loaded_session.h"
#include "tiny_llama.h"

using namespace camelgpt;

namespace {

// The recommendation of a file with more metadata, and the notes about it.
template <typename Add>
RecommendedSampling recommended(Add add, std::string* notes = nullptr) {
  TinyLlama model(TensorType::kQ8_0);
  add(&model.writer);
  TestSession session;
  REQUIRE(load(session, model.writer.file()).ok());
  ModelInfo info;
  REQUIRE(session_model_info(session, &info).ok());
  if (notes != nullptr) *notes = session_notes(session);
  return info.sampling;
}

}  // namespace

TEST_CASE("a file can recommend sampling options") {
  std::string notes;
  const RecommendedSampling found = recommended(
      [](GgufWriter* writer) {
        writer->add("general.sampling.temp", 0.6f);
        writer->add("general.sampling.top_k", int32_t{20});
        writer->add("general.sampling.top_p", 0.9f);
        writer->add("general.sampling.min_p", 0.0f);
        writer->add("general.sampling.penalty_repeat", 1.05f);
        writer->add("general.sampling.penalty_last_n", int32_t{128});
        writer->add("general.sampling.xtc_probability", 0.5f);
        writer->add("general.sampling.xtc_threshold", 0.2f);
      },
      &notes);
  CHECK(found.temperature == 0.6f);
  CHECK(found.top_k == 20);
  CHECK(found.top_p == 0.9f);
  CHECK(found.min_p == 0.0f);
  CHECK(found.repeat_penalty == 1.05f);
  CHECK(found.repeat_last == 128);
  CHECK(found.xtc_probability == 0.5f);
  CHECK(found.xtc_threshold == 0.2f);
  CHECK(notes.find("general.sampling") == std::string::npos);
}

TEST_CASE("what a file does not recommend is negative") {
  const RecommendedSampling found = recommended([](GgufWriter* writer) { writer->add("general.sampling.temp", 1.0f); });
  CHECK(found.temperature == 1.0f);
  CHECK(found.top_k == -1);
  CHECK(found.top_p == -1.0f);
  CHECK(found.repeat_last == -1);
}

TEST_CASE("negative counts mean all, as in llama.cpp") {
  const RecommendedSampling found = recommended([](GgufWriter* writer) {
    writer->add("general.sampling.top_k", int32_t{-1});
    writer->add("general.sampling.penalty_last_n", int32_t{-1});
  });
  CHECK(found.top_k == 0);
  CHECK(found.repeat_last == static_cast<int32_t>(kMaxRepeatLast));
}

TEST_CASE("sampling options that are out of range or of another type are ignored with a note") {
  std::string notes;
  const RecommendedSampling found = recommended(
      [](GgufWriter* writer) {
        writer->add("general.sampling.temp", std::nanf(""));
        writer->add("general.sampling.top_k", uint64_t{1} << 40);
        writer->add("general.sampling.top_p", 1.5f);
        writer->add("general.sampling.min_p", HUGE_VALF);
        writer->add("general.sampling.penalty_repeat", -2.0f);
        writer->add("general.sampling.penalty_last_n", 3.5f);
        writer->add_string("general.sampling.xtc_probability", "0.5");
      },
      &notes);
  CHECK(found.temperature == -1);
  CHECK(found.top_k == -1);
  CHECK(found.top_p == -1);
  CHECK(found.min_p == -1);
  CHECK(found.repeat_penalty == -1);
  CHECK(found.repeat_last == -1);
  CHECK(found.xtc_probability == -1);
  for (const char* name : {"temp", "top_k", "top_p", "min_p", "penalty_repeat", "penalty_last_n", "xtc_probability"}) {
    CHECK(notes.find(std::string("general.sampling.") + name + " is ignored: ") != std::string::npos);
  }
}
