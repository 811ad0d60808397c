// Models whose files give the heads and neurons of each layer.
#include <doctest/doctest.h>

#include "lent_threads.h"
#include "model/loaded_model.h"
#include "tiny_llama.h"

using namespace camelgpt;

namespace {

constexpr uint32_t kHidden = TinyLlama::kHidden, kWidth = TinyLlama::kWidth, kFfn = TinyLlama::kFfn;
constexpr uint32_t kIdleNeurons = 64;

// The keys of TinyLlama, with arrays.
template <typename T>
GgufWriter keys(const std::vector<T>& heads, const std::vector<T>& kv_heads, const std::vector<T>& ffn) {
  GgufWriter writer;
  writer.add_string("general.architecture", "llama");
  writer.add("llama.block_count", TinyLlama::kLayers);
  writer.add("llama.context_length", TinyLlama::kContext);
  writer.add("llama.embedding_length", kHidden);
  writer.add_numbers<T>("llama.feed_forward_length", ffn);
  writer.add_numbers<T>("llama.attention.head_count", heads);
  writer.add_numbers<T>("llama.attention.head_count_kv", kv_heads);
  writer.add("llama.attention.layer_norm_rms_epsilon", TinyLlama::kEpsilon);
  writer.add("llama.attention.key_length", kWidth);
  writer.add("llama.attention.value_length", kWidth);
  writer.add("llama.rope.freq_base", TinyLlama::kBase);
  add_byte_vocabulary(&writer);
  return writer;
}

std::vector<float> logits(const std::vector<uint8_t>& file, size_t batch) {
  LoadedModel loaded(file);
  REQUIRE_MESSAGE(loaded.status.ok(), loaded.status.message);
  std::vector<int32_t> tokens(40);
  for (size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<int32_t>(i * 37 % 256);
  return loaded.logits(tokens, batch);
}

template <typename T>
std::vector<uint8_t> equal_arrays(const TinyLlama& tiny) {
  GgufWriter writer = keys<T>({4, 4}, {2, 2}, {512, 512});
  writer.tensors = tiny.writer.tensors;
  return writer.file();
}

// Appends `count` floats of a tensor's data from `first` on.
void append(const std::vector<uint8_t>& from, size_t first, size_t count, std::vector<uint8_t>* to) {
  const auto begin = from.begin() + static_cast<ptrdiff_t>(first * sizeof(float));
  to->insert(to->end(), begin, begin + static_cast<ptrdiff_t>(count * sizeof(float)));
}

// A file that computes what TinyLlama does, but its second layer has a key/value head for each query head, copies of
// the shared ones, and neurons that add nothing.
std::vector<uint8_t> widened(const TinyLlama& tiny) {
  GgufWriter writer = keys<uint32_t>({4, 4}, {2, 4}, {kFfn, kFfn + kIdleNeurons});
  for (const GgufWriter::Tensor& tensor : tiny.writer.tensors) {
    std::vector<uint64_t> shape = tensor.dimensions;
    std::vector<uint8_t> data;
    const auto is = [&](const char* name) { return tensor.name == name; };
    if (is("blk.1.attn_k.weight") || is("blk.1.attn_v.weight")) {
      shape[1] = 4 * kWidth;
      for (const size_t shared : {0, 0, 1, 1}) append(tensor.data, shared * kWidth * kHidden, kWidth * kHidden, &data);
    } else if (is("blk.1.ffn_gate.weight") || is("blk.1.ffn_up.weight")) {
      shape[1] += kIdleNeurons;
      data = tensor.data;
      append(tensor.data, 0, kIdleNeurons * kHidden, &data);
    } else if (is("blk.1.ffn_down.weight")) {
      shape[0] += kIdleNeurons;
      for (size_t row = 0; row < kHidden; ++row) {
        append(tensor.data, row * kFfn, kFfn, &data);
        data.insert(data.end(), kIdleNeurons * sizeof(float), 0);
      }
    } else {
      data = tensor.data;
    }
    writer.add_tensor(tensor.name, shape, TensorType::kF32, std::move(data));
  }
  return writer.file();
}

}  // namespace

TEST_CASE("an array of equal numbers is the same as one number") {
  const TinyLlama tiny(TensorType::kQ8_0);
  const std::vector<float> expected = logits(tiny.writer.file(), 40);
  CHECK(logits(equal_arrays<uint32_t>(tiny), 40) == expected);
  CHECK(logits(equal_arrays<int32_t>(tiny), 40) == expected);
  CHECK(logits(equal_arrays<int64_t>(tiny), 40) == expected);
  CHECK(logits(equal_arrays<uint16_t>(tiny), 40) == expected);
}

TEST_CASE("layers may have different numbers of key/value heads and neurons") {
  const TinyLlama tiny(TensorType::kF32);
  const std::vector<uint8_t> file = widened(tiny);
  const std::vector<float> expected = logits(tiny.writer.file(), 40), found = logits(file, 40);
  for (size_t i = 0; i < found.size(); ++i) {
    CHECK(std::fabs(found[i] - expected[i]) < 0.01f);
  }
  CHECK(logits(file, 1) == found);
  for (const uint32_t count : {2u, 3u}) {
    const LentThreads threads(count);
    CHECK(logits(file, 1) == found);
    CHECK(logits(file, 7) == found);
  }
}

TEST_CASE("arrays that do not fit the layers or the tensors are refused") {
  const auto check = [](GgufWriter writer, const char* message, const char* found) {
    writer.tensors = TinyLlama(TensorType::kQ8_0).writer.tensors;
    const LoadedModel loaded(writer.file());
    REQUIRE(!loaded.status.ok());
    CAPTURE(loaded.status.message);
    CHECK(std::string(loaded.status.message).find(message) != std::string::npos);
    CHECK(std::string(loaded.status.found).find(found) != std::string::npos);
  };
  check(keys<int32_t>({4, 4}, {2}, {512, 512}), "llama.attention.head_count_kv does not fit", "length 1");
  check(keys<int32_t>({4, 4, 4}, {2, 2}, {512, 512}), "llama.attention.head_count does not fit", "length 3");
  check(keys<int32_t>({4, 4}, {2, -2}, {512, 512}), "head_count_kv for layer 1 is impossible", "-2");
  check(keys<int32_t>({4, 4}, {2, 2}, {0, 512}), "feed_forward_length for layer 0 is impossible", "0");
  check(keys<float>({4, 4}, {2, 2}, {512, 512}), "feed_forward_length does not fit", "another type");
  check(keys<int32_t>({4, 4}, {2, 3}, {512, 512}), "not a multiple", "4 and 3 in layer 1");
  check(keys<int32_t>({4, 4}, {2, 2}, {512, 256}), "blk.1.ffn_gate.weight has the wrong shape for its layer", "512");
  check(keys<int32_t>({4, 4}, {2, 4}, {512, 512}), "blk.1.attn_k.weight has the wrong shape for its layer", "128");
}
