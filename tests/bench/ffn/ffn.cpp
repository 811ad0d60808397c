// Times one feed-forward network with a ReLU gate on random weights, of which a chosen share of gates stays closed:
// dense, and skipping the neurons that do not fire. Compiled as a separate module, without the engine; measure.mjs
// measures the time.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <new>

#include "base/half.h"
#include "model/sparse_ffn.h"
#include "nn/linear.h"

#define CAMELGPT_EXPORT(name) extern "C" __attribute__((export_name(name)))

namespace {

using namespace camelgpt;

constexpr uint32_t kInputs = 16;    // tokens that alternate
constexpr uint32_t kConstant = 32;  // columns that are equal in every input; they shift the gates

struct Bench {
  ModelConfig config;
  Arena arena;
  uint32_t layers = 0;
  std::span<DecoderLayer> sparse, dense;
  std::span<float> norm, inputs, sum;
  Workspace workspace;
};
Bench* bench = nullptr;
uint32_t next_input = 0;

struct Random {
  uint64_t state = 1;
  float uniform() {  // 0 to 1
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return static_cast<float>(state >> 40) * 0x1p-24f;
  }
  // Mean 0, variance 1: a sum of four uniform numbers.
  float normal() { return (uniform() + uniform() + uniform() + uniform() - 2) * std::sqrt(3.0f); }
};
Random numbers;

// Packs a matrix of random numbers of about 1 / sqrt(columns), with the value `constant` in constant columns, into both
// panels.
bool fill(TensorType type, uint32_t rows, uint32_t columns, float constant, Panel* one, Panel* other) {
  const uint32_t blocks = columns / 32,
                 bytes = tensor_type_info(type).block_bytes * (type == TensorType::kF16 ? 32 : 1);
  uint8_t block[64];
  const float size = 1 / std::sqrt(static_cast<float>(columns));
  for (uint32_t b = 0; b < rows * blocks; ++b) {
    float values[32], largest = 1e-9f;
    for (float& value : values) {
      value = constant != 0 && b % blocks == 0 ? constant : numbers.normal() * size;
      largest = std::fmax(largest, std::fabs(value));
    }
    if (type == TensorType::kF16) {
      for (int i = 0; i < 32; ++i) {
        const uint16_t half = float_to_half(values[i]);
        std::memcpy(block + 2 * i, &half, 2);
      }
    } else {
      const bool nibbles = type == TensorType::kQ4_0;
      const float scale = largest / (nibbles ? 7 : 127);
      const uint16_t half = float_to_half(scale);
      std::memcpy(block, &half, 2);
      const auto quant = [&](int i) { return static_cast<int>(std::nearbyint(values[i] / scale)); };
      for (int i = 0; i < (nibbles ? 16 : 32); ++i) {
        block[2 + i] = static_cast<uint8_t>(nibbles ? (quant(i) + 8) | (quant(i + 16) + 8) << 4 : quant(i));
      }
    }
    const uint64_t first = static_cast<uint64_t>(b) * (type == TensorType::kF16 ? 32 : 1);
    if (!panel_put(one, type, first, {block, bytes}) || !panel_put(other, type, first, {block, bytes})) return false;
  }
  return true;
}

void reserve(PanelKind kind, Bench* b, Arena* from) {
  const ModelConfig& c = b->config;
  b->sparse = from->take<DecoderLayer>(b->layers);
  b->dense = from->take<DecoderLayer>(b->layers);
  b->norm = from->take<float>(c.hidden);
  b->inputs = from->take<float>(kInputs * static_cast<uint64_t>(c.hidden));
  b->sum = from->take<float>(c.hidden);
  for (uint32_t l = 0; l < b->layers; ++l) {
    DecoderLayer one{}, other{};
    one.gate.weight = panel_reserve(kind, c.ffn, c.hidden, from);
    other.gate.weight = panel_reserve(kind, c.ffn, c.hidden, from);
    other.up.weight = panel_reserve(kind, c.ffn, c.hidden, from);
    other.down.weight = panel_reserve(kind, c.hidden, c.ffn, from);
    one.up.weight = neuron_panel_reserve(kind, PanelOrder::kRows, c.ffn, c.hidden, from);
    one.down.weight = neuron_panel_reserve(kind, PanelOrder::kColumns, c.hidden, c.ffn, from);
    one.ffn_norm.weight = other.ffn_norm.weight = b->norm.data();
    if (b->sparse.empty()) continue;
    b->sparse[l] = one;
    b->dense[l] = other;
  }
  Model model;
  model.config = c;
  workspace_reserve(model, 64, from, &b->workspace);
}

const float* take_input() { return bench->inputs.data() + next_input++ % kInputs * bench->config.hidden; }

// One token, computed as in decoder.cpp.
void dense_ffn(const DecoderLayer& layer, float* x) {
  const ModelConfig& c = bench->config;
  Workspace* w = &bench->workspace;
  const Worker worker;
  float *normed = w->threads[0].normed.data(), *gate = w->gate.data(), *up = w->up.data(),
        *projected = w->projected.data();
  kernels().rms_norm(x, layer.ffn_norm.weight, c.hidden, c.norm_epsilon, normed);
  const Activations& input = quantize_input(worker, normed, 0, 1, c.hidden, input_precision(layer.gate, layer.up), w);
  linear_slice(layer.gate, {0, c.ffn}, input, gate, 0);
  linear_slice(layer.up, {0, c.ffn}, input, up, 0);
  activate_gate(c.activation, gate, up, c.ffn);
  const Activations& neurons = quantize_input(worker, gate, 0, 1, c.ffn, input_precision(layer.down), w);
  linear_slice(layer.down, {0, c.hidden}, neurons, projected, 0);
  kernels().add(x, projected, c.hidden);
}

}  // namespace

CAMELGPT_EXPORT("kernels_name") const char* bench_kernels_name() { return kernels().name; }

// Prepares networks of `layers` layers whose gates lie `shift` standard deviations below zero. Types are
// 0 Q8_0, 1 Q4_0 and 2 F16. Returns 1 on success.
CAMELGPT_EXPORT("prepare")
uint32_t bench_prepare(uint32_t which, uint32_t hidden, uint32_t ffn, uint32_t layers, float shift) {
  const TensorType type = which == 0 ? TensorType::kQ8_0 : which == 1 ? TensorType::kQ4_0 : TensorType::kF16;
  const PanelKind kind = panel_kind_of(type);
  delete bench;
  bench = new (std::nothrow) Bench();
  if (bench == nullptr) return 0;
  ModelConfig& c = bench->config;
  c.hidden = hidden;
  c.ffn = ffn;
  c.heads = c.kv_heads = 1;
  c.head_width = c.rope_rotated = 32;
  c.vocabulary = 8;
  c.activation = GateActivation::kRelu;
  bench->layers = layers;
  Arena measuring;
  reserve(kind, bench, &measuring);
  if (!bench->arena.allocate(measuring.used())) return 0;
  reserve(kind, bench, &bench->arena);
  numbers = {};
  std::fill(bench->norm.begin(), bench->norm.end(), 1.0f);
  for (uint32_t i = 0; i < kInputs * hidden; ++i) bench->inputs[i] = i % hidden < kConstant ? 1.0f : numbers.normal();
  for (uint32_t l = 0; l < layers; ++l) {
    DecoderLayer &one = bench->sparse[l], &other = bench->dense[l];
    if (!fill(type, ffn, hidden, -shift / kConstant, &one.gate.weight, &other.gate.weight)) return 0;
    if (!fill(type, ffn, hidden, 0, &one.up.weight, &other.up.weight)) return 0;
    if (!fill(type, hidden, ffn, 0, &one.down.weight, &other.down.weight)) return 0;
  }
  return 1;
}

// Each computes one token through all layers, every layer on the same input.
CAMELGPT_EXPORT("run_dense") void bench_run_dense(uint32_t tokens) {
  for (uint32_t t = 0; t < tokens; ++t) {
    const float* x = take_input();
    for (uint32_t l = 0; l < bench->layers; ++l) {
      std::copy(x, x + bench->config.hidden, bench->sum.begin());
      dense_ffn(bench->dense[l], bench->sum.data());
    }
  }
}
CAMELGPT_EXPORT("run_sparse") void bench_run_sparse(uint32_t tokens) {
  const Worker worker;
  for (uint32_t t = 0; t < tokens; ++t) {
    const float* x = take_input();
    for (uint32_t l = 0; l < bench->layers; ++l) {
      std::copy(x, x + bench->config.hidden, bench->workspace.x.begin());
      sparse_ffn(worker, bench->config, bench->sparse[l], 1, &bench->workspace);
    }
  }
}

// Share of neurons that have not fired so far.
CAMELGPT_EXPORT("zeros") double bench_zeros() {
  const NeuronCount& neurons = bench->workspace.neurons;
  return 1 - static_cast<double>(neurons.fired) / static_cast<double>(neurons.total);
}

// Returns whether both methods give the same bits for the next input.
CAMELGPT_EXPORT("is_same") uint32_t bench_is_same() {
  const uint32_t at = next_input, size = bench->config.hidden * 4;
  bench_run_sparse(1);
  next_input = at;
  bench_run_dense(1);
  return std::memcmp(bench->sum.data(), bench->workspace.x.data(), size) == 0;
}
