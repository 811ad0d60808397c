// Skipping neurons with a closed gate changes no bit.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "lent_threads.h"
#include "loaded_model.h"
#include "model/sparse_ffn.h"
#include "nn/linear.h"
#include "tiny_llama.h"

using namespace camelgpt;

// The types that support skipping, and one that does not.
static constexpr TensorType kTypes[] = {TensorType::kQ8_0, TensorType::kQ5_0, TensorType::kQ4_0, TensorType::kF16,
                                        TensorType::kQ4_K};

TEST_CASE("a model with ReLU gates gives the logits of a plain evaluation") {
  for (const char* activation : {"relu", "relu2"}) {
    for (const TensorType type : kTypes) {
      CAPTURE(activation);
      CAPTURE(tensor_type_info(type).name);
      const TinyLlama tiny(type, true, false, TinyLlama::kContext, TinyLlama::kVocabulary, activation);
      LoadedModel loaded(tiny.writer.file());
      REQUIRE(loaded.status.ok());
      const std::vector<int32_t> tokens = some_tokens(13);
      const std::vector<double> expected = tiny.logits(tokens);
      const std::vector<float> found = loaded.logits(tokens, 1);
      double error = 0, size = 0;
      for (size_t i = 0; i < expected.size(); ++i) {
        error += std::pow(static_cast<double>(found[i]) - expected[i], 2);
        size += expected[i] * expected[i];
      }
      CHECK(std::sqrt(error / size) < (type == TensorType::kF16 ? 1e-3 : 1e-2));
    }
  }
}

TEST_CASE("single tokens skip neurons, batches do not, and the bits are equal") {
  for (const char* activation : {"relu", "relu2"}) {
    for (const TensorType type : kTypes) {
      CAPTURE(activation);
      CAPTURE(tensor_type_info(type).name);
      LoadedModel loaded(
          TinyLlama(type, true, false, TinyLlama::kContext, TinyLlama::kVocabulary, activation).writer.file());
      REQUIRE(loaded.status.ok());
      const bool skips = type != TensorType::kQ4_K;
      CHECK(skips_neurons(loaded.model.layers[0], 1) == skips);
      CHECK_FALSE(skips_neurons(loaded.model.layers[0], 45));
      const std::vector<int32_t> tokens = some_tokens(45);
      const std::vector<float> together = loaded.logits(tokens, 45);
      CHECK(loaded.workspace.neurons.total == (skips ? TinyLlama::kFfn : 0));  // the single output of the last layer
      for (const size_t batch : {1u, 2u, 3u, 7u}) {
        CAPTURE(batch);
        loaded.workspace.neurons = {};
        CHECK(loaded.logits(tokens, batch) == together);
        if (batch > 1) continue;
        const NeuronCount neurons = loaded.workspace.neurons;
        CHECK(neurons.total == (skips ? 45 * TinyLlama::kFfn * TinyLlama::kLayers : 0));
        if (skips)
          CHECK(static_cast<double>(neurons.fired) / static_cast<double>(neurons.total) ==
                doctest::Approx(0.5).epsilon(0.1));
      }
    }
  }
}

TEST_CASE("skipping neurons changes no bit in a model that scales what layers add, or has biases") {
  TinyLlama scaled(TensorType::kQ8_0, true, false, TinyLlama::kContext, TinyLlama::kVocabulary, "relu", "granite");
  scaled.writer.add("granite.residual_scale", 0.25f);
  TinyLlama biased(TensorType::kQ8_0, true, false, TinyLlama::kContext, TinyLlama::kVocabulary, "relu");
  for (uint32_t l = 0; l < TinyLlama::kLayers; ++l) {
    const std::string block = "blk." + std::to_string(l) + ".";
    const auto add = [&](const char* name, uint32_t count) {
      biased.writer.add_tensor(block + name, {count}, TensorType::kF32, random_tensor(TensorType::kF32, count, l, 1));
    };
    add("ffn_gate.bias", TinyLlama::kFfn);
    add("ffn_up.bias", TinyLlama::kFfn);
    add("ffn_down.bias", TinyLlama::kHidden);
  }
  for (const TinyLlama* model : {&scaled, &biased}) {
    LoadedModel loaded(model->writer.file());
    REQUIRE_MESSAGE(loaded.status.ok(), loaded.status.message);
    REQUIRE(skips_neurons(loaded.model.layers[0], 1));
    const std::vector<int32_t> tokens = some_tokens(21);
    const std::vector<float> together = loaded.logits(tokens, 21);
    CHECK(loaded.logits(tokens, 1) == together);
  }
}

TEST_CASE("the number of threads changes no bit when neurons are skipped") {
  for (const TensorType type : {TensorType::kQ8_0, TensorType::kQ4_0, TensorType::kF16}) {
    const std::vector<uint8_t> file =
        TinyLlama(type, true, false, TinyLlama::kContext, TinyLlama::kVocabulary, "relu").writer.file();
    const std::vector<int32_t> tokens = some_tokens(21);
    std::vector<float> expected;
    NeuronCount neurons;
    for (const uint32_t count : {1u, 2u, 3u}) {
      const LentThreads threads(count);
      LoadedModel loaded(file);
      REQUIRE(loaded.status.ok());
      const std::vector<float> found = loaded.logits(tokens, 1);
      if (count == 1) {
        expected = found;
        neurons = loaded.workspace.neurons;
      }
      CHECK(found == expected);
      CHECK(loaded.workspace.neurons.fired == neurons.fired);
      CHECK(loaded.workspace.neurons.total == neurons.total);
    }
  }
}

TEST_CASE("an unknown activation is an error that names it") {
  TinyLlama tiny(TensorType::kQ8_0, true, false, TinyLlama::kContext, TinyLlama::kVocabulary, "gelu");
  const LoadedModel loaded(tiny.writer.file());
  CHECK(loaded.status.code == ErrorCode::kUnsupportedArchitecture);
  CHECK(std::string(loaded.status.found) == "gelu");
  CHECK(std::string(loaded.status.expected).find("relu2") != std::string::npos);
}

namespace {

// The network of one layer with the same random weights in two orders: neuron by neuron and in groups.
struct Networks {
  static constexpr uint32_t kHidden = 96, kFfn = 224;
  Model model;
  ModelConfig& config = model.config;
  Arena arena;
  DecoderLayer sparse{}, dense{};
  std::vector<float> norm = std::vector<float>(kHidden, 1.0f);
  Workspace workspace;

  // `gate_shift` is added to the gate's quants.
  Networks(TensorType type, int gate_shift) {
    config.hidden = kHidden;
    config.ffn = kFfn;
    config.heads = config.kv_heads = config.layers = 1;
    config.head_width = 32;
    config.rope_rotated = 2;
    config.vocabulary = 8;
    config.activation = GateActivation::kRelu;
    Arena measuring;
    reserve(type, &measuring);
    REQUIRE(arena.allocate(measuring.used()));
    reserve(type, &arena);
    std::vector<uint8_t> gate = random_tensor(type, kFfn * kHidden, 1);
    const TensorTypeInfo info = tensor_type_info(type);
    for (size_t at = 0; at < gate.size(); at += info.block_bytes) {
      if (gate_shift != 0 && type == TensorType::kQ8_0) {  // all of one sign
        for (size_t i = 2; i < info.block_bytes; ++i) gate[at + i] = static_cast<uint8_t>(gate_shift);
        gate[at + 1] &= 0x7f;
      }
      if (gate_shift != 0 && type == TensorType::kF16) {
        gate[at + 1] = static_cast<uint8_t>((gate[at + 1] & 0x7f) | (gate_shift < 0 ? 0x80 : 0));
      }
    }
    put(type, gate, &sparse.gate.weight, &dense.gate.weight);
    put(type, random_tensor(type, kFfn * kHidden, 2), &sparse.up.weight, &dense.up.weight);
    put(type, random_tensor(type, kFfn * kHidden, 3), &sparse.down.weight, &dense.down.weight);
    sparse.ffn_norm.weight = dense.ffn_norm.weight = norm.data();
  }

  void put(TensorType type, const std::vector<uint8_t>& bytes, Panel* one, Panel* other) {
    REQUIRE(panel_put(one, type, 0, bytes));
    REQUIRE(panel_put(other, type, 0, bytes));
  }

  void reserve(TensorType type, Arena* from) {
    const PanelKind kind = panel_kind_of(type);
    for (DecoderLayer* layer : {&sparse, &dense}) {
      const bool groups = layer == &dense;
      layer->counts.ffn = kFfn;
      layer->gate.weight = panel_reserve(kind, kFfn, kHidden, from);
      layer->up.weight = groups ? panel_reserve(kind, kFfn, kHidden, from)
                                : neuron_panel_reserve(kind, PanelOrder::kRows, kFfn, kHidden, from);
      layer->down.weight = groups ? panel_reserve(kind, kHidden, kFfn, from)
                                  : neuron_panel_reserve(kind, PanelOrder::kColumns, kHidden, kFfn, from);
    }
    workspace_reserve(model, 64, from, &workspace);
  }

  // x + network(x), skipping neurons.
  std::vector<float> evaluate_sparse(const std::vector<float>& x) {
    std::copy(x.begin(), x.end(), workspace.x.begin());
    parallel([&](const Worker& worker) { sparse_ffn(worker, config, sparse, 0, 1, &workspace); });
    return {workspace.x.begin(), workspace.x.begin() + kHidden};
  }

  // x + network(x), with products of whole panels.
  std::vector<float> evaluate_dense(const std::vector<float>& x) {
    std::vector<float> normed(kHidden), gate(kFfn), up(kFfn), y(kHidden), sum = x;
    kernels().rms_norm(x.data(), norm.data(), kHidden, config.norm_epsilon, normed.data());
    const Worker alone;
    const Activations& input =
        quantize_input(alone, normed.data(), 0, 1, kHidden, input_precision(dense.gate, dense.up), &workspace);
    linear_slice(dense.gate, {0, kFfn}, input, gate.data(), 0);
    linear_slice(dense.up, {0, kFfn}, input, up.data(), 0);
    activate_gate(config.activation, gate.data(), up.data(), kFfn);
    const Activations& neurons =
        quantize_input(alone, gate.data(), 0, 1, kFfn, input_precision(dense.down), &workspace);
    linear_slice(dense.down, {0, kHidden}, neurons, y.data(), 0);
    kernels().add(sum.data(), y.data(), kHidden);
    return sum;
  }
};

std::vector<float> ones() { return std::vector<float>(Networks::kHidden, 1.0f); }

}  // namespace

TEST_CASE("the result is that of the dense network if all neurons fire or none does") {
  for (const TensorType type : {TensorType::kQ8_0, TensorType::kF16}) {
    for (const uint32_t threads : {1u, 2u, 3u}) {
      const LentThreads lent(threads);
      Networks closed(type, -3), open(type, 3);
      CHECK(closed.evaluate_sparse(ones()) == ones());
      CHECK(closed.workspace.neurons.fired == 0);
      CHECK(closed.workspace.open_neurons[0] == 0);
      CHECK(closed.evaluate_dense(ones()) == ones());
      CHECK(open.evaluate_sparse(ones()) == open.evaluate_dense(ones()));
      CHECK(open.workspace.neurons.fired == Networks::kFfn);
      CHECK(open.workspace.open_neurons[0] == Networks::kFfn);
    }
  }
}

TEST_CASE("inputs with zeros, NaN or infinity do no harm") {
  for (const TensorType type : {TensorType::kQ8_0, TensorType::kQ4_0, TensorType::kF16}) {
    CAPTURE(tensor_type_info(type).name);
    Networks networks(type, 0);
    const std::vector<float> zeros(Networks::kHidden, 0.0f), minus_zeros(Networks::kHidden, -0.0f);
    CHECK(networks.evaluate_sparse(zeros) == zeros);
    CHECK(networks.evaluate_sparse(minus_zeros) == zeros);
    CHECK(networks.workspace.neurons.fired == 0);
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
      std::vector<float> x = ones();
      x[40] = bad;
      networks.evaluate_sparse(x);
      CHECK(networks.workspace.neurons.fired <= networks.workspace.neurons.total);
      CHECK(networks.evaluate_sparse(ones()) == networks.evaluate_dense(ones()));  // leaves no trace
    }
  }
}
