// The keys of a file that scale positions.
#include <doctest/doctest.h>

#include "model/loaded_model.h"
#include "tiny_llama.h"

using namespace camelgpt;

namespace {

constexpr TensorType kType = TensorType::kQ8_0;

std::vector<float> logits(const TinyLlama& tiny) {
  LoadedModel loaded(tiny.writer.file());
  REQUIRE_MESSAGE(loaded.status.ok(), loaded.status.message);
  std::vector<int32_t> tokens(40);
  for (size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<int32_t>(i * 37 % 256);
  return loaded.logits(tokens, tokens.size());
}

// Of a model with a kind of scaling (null: not named) and a factor.
std::vector<float> scaled(const char* type, float factor, const char* key = "llama.rope.scaling.factor") {
  TinyLlama tiny(kType);
  if (type != nullptr) tiny.writer.add_string("llama.rope.scaling.type", type);
  tiny.writer.add(key, factor);
  return logits(tiny);
}

void add_factors(TinyLlama* tiny, const char* name, float factor) {
  std::vector<float> factors(TinyLlama::kWidth / 2, 1.0f);
  factors.back() = factors.front() = factor;
  tiny->writer.add_tensor(name, {factors.size()}, factors);
}

// With factors of 2 and 3 for short and long contexts, and a context that is long if it exceeds `original`.
std::vector<float> with_sets(uint32_t original) {
  TinyLlama tiny(kType);
  tiny.writer.add_string("llama.rope.scaling.type", "longrope");
  tiny.writer.add("llama.rope.scaling.original_context_length", original);
  add_factors(&tiny, "rope_factors_short.weight", 2);
  add_factors(&tiny, "rope_factors_long.weight", 3);
  return logits(tiny);
}

std::vector<float> with_freqs(float factor) {
  TinyLlama tiny(kType);
  add_factors(&tiny, "rope_freqs.weight", factor);
  return logits(tiny);
}

}  // namespace

TEST_CASE("positions are scaled linearly unless the file says otherwise, and a factor of 0 counts as 1") {
  const std::vector<float> plain = logits(TinyLlama(kType)), linear = scaled("linear", 4);
  CHECK(plain != linear);
  CHECK(scaled(nullptr, 4) == linear);
  CHECK(scaled(nullptr, 4, "llama.rope.scale_linear") == linear);
  CHECK(scaled("linear", 4, "llama.rope.scale_linear") == linear);
  CHECK(scaled("linear", 0) == plain);
  CHECK(scaled(nullptr, 0) == plain);
  CHECK(scaled("none", 4) == plain);
  CHECK(scaled("longrope", 4) == linear);
  CHECK(scaled("yarn", 1) == plain);
  CHECK(scaled("yarn", 4) != linear);
}

TEST_CASE("the attention factor multiplies cosines and sines") {
  TinyLlama one(kType), other(kType);
  one.writer.add("llama.rope.scaling.attn_factor", 1.0f);
  other.writer.add("llama.rope.scaling.attn_factor", 1.3f);
  CHECK(logits(one) == logits(TinyLlama(kType)));
  CHECK(logits(other) != logits(TinyLlama(kType)));
}

TEST_CASE("rope factors are those for the length of the context") {
  CHECK(with_sets(TinyLlama::kContext) == with_freqs(2));
  CHECK(with_sets(TinyLlama::kContext - 1) == with_freqs(3));
}

TEST_CASE("rope factors that the kind of scaling does not use are refused") {
  const auto refused = [](const char* type, const char* name) {
    TinyLlama tiny(kType);
    if (type != nullptr) tiny.writer.add_string("llama.rope.scaling.type", type);
    add_factors(&tiny, name, 2);
    const LoadedModel loaded(tiny.writer.file());
    CHECK(loaded.status.code == ErrorCode::kBadTensor);
    CHECK(std::string(loaded.status.found) == name);
  };
  refused(nullptr, "rope_factors_short.weight");
  refused("linear", "rope_factors_long.weight");
  refused("longrope", "rope_freqs.weight");
}

TEST_CASE("an unknown kind of rope scaling is an error that names it") {
  TinyLlama tiny(kType);
  tiny.writer.add_string("llama.rope.scaling.type", "dynamic");
  const LoadedModel loaded(tiny.writer.file());
  CHECK(loaded.status.code == ErrorCode::kUnsupportedArchitecture);
  CHECK(std::string(loaded.status.found) == "dynamic");
  for (const float factor : {-2.0f, 1e-40f}) {
    TinyLlama impossible(kType);
    impossible.writer.add("llama.rope.scaling.factor", factor);
    CHECK(LoadedModel(impossible.writer.file()).status.code == ErrorCode::kBadMetadata);
  }
}
