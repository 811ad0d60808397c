#include "model/sparse_ffn.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "nn/linear.h"

namespace camelgpt {
namespace {

// Up to this many tokens are evaluated one by one: products with single neurons cost less than grouping all neurons.
constexpr uint32_t kMaxSparseTokens = 4;

// Rows of up that are computed together.
constexpr uint32_t kRowTile = 32;

// x [hidden] += down(activation(gate(norm(x))) * up(norm(x)))
void sparse_ffn_of_token(const Worker& worker, const ModelConfig& c, const DecoderLayer& layer, uint32_t index,
                         float* x, Workspace* w) {
  const Kernels& k = kernels();
  const uint32_t ffn = layer.counts.ffn;
  ThreadWorkspace& thread = w->threads[worker.index];
  float* gate = w->gate.data();
  float* neurons = w->up.data();

  const Activations& normed = quantize_input(
      worker, thread.normed.data(), padded_rows(c.hidden), 1, c.hidden, input_precision(layer.gate, layer.up), w,
      [&](Range) { normalize(c, layer.ffn_norm, x, c.hidden, thread.normed.data()); });
  worker.for_each_slice(ffn, kPanelRows, [&](Range rows) {
    linear_slice(layer.gate, rows, normed, gate, 0);
    std::memset(neurons + rows.first, 0, rows.size() * sizeof(float));
  });
  worker.barrier();

  const std::span<const uint32_t> fired = thread.fired.first(k.list_positive(gate, ffn, thread.fired.data()));
  if (worker.index == 0) {
    w->neurons.fired += fired.size();
    w->neurons.total += ffn;
    w->open_neurons[index] = static_cast<uint32_t>(fired.size());
  }
  const uint32_t count = static_cast<uint32_t>(fired.size());
  worker.for_each_slice(count, kRowTile, [&](Range slice) {
    float up[kRowTile], open[kRowTile];
    for (uint32_t first = slice.first; first < slice.end; first += kRowTile) {
      const std::span<const uint32_t> rows = fired.subspan(first, std::min(kRowTile, slice.end - first));
      linear_list(layer.up, rows, normed, up);
      for (size_t i = 0; i < rows.size(); ++i) open[i] = gate[rows[i]];
      activate_gate(c.activation, open, up, static_cast<uint32_t>(rows.size()));
      for (size_t i = 0; i < rows.size(); ++i) neurons[rows[i]] = open[i];
    }
  });
  worker.barrier();

  const Activations& input = quantize_input(worker, neurons, 0, 1, ffn, input_precision(layer.down), w);
  float* projected = w->projected.data();
  worker.for_each_slice(c.hidden, kUnitColumns, [&](Range rows) {
    linear_columns(layer.down, fired, input, rows, projected);
    if (c.residual_scale != 1) scale_values(projected + rows.first, rows.size(), c.residual_scale);
    k.add(x + rows.first, projected + rows.first, rows.size());
  });
  worker.barrier();
}

}  // namespace

Status bind_gated_ffn(WeightBinder* binder, const ModelConfig& config, uint32_t layer, bool may_skip,
                      DecoderLayer* out) {
  const uint32_t ffn = out->counts.ffn;
  CAMELGPT_TRY(bind_panel(binder, LayerTensorName(layer, "ffn_gate.weight"), ffn, config.hidden, &out->gate.weight));
  const LayerTensorName up(layer, "ffn_up.weight"), down(layer, "ffn_down.weight");
  const bool skips = may_skip && is_relu(config.activation) && config.causal && binder_has_neurons(*binder, up) &&
                     binder_has_neurons(*binder, down);
  CAMELGPT_TRY(
      bind_panel(binder, up, ffn, config.hidden, &out->up.weight, skips ? PanelOrder::kRows : PanelOrder::kGroups));
  CAMELGPT_TRY(bind_panel(binder, down, config.hidden, ffn, &out->down.weight,
                          skips ? PanelOrder::kColumns : PanelOrder::kGroups));
  const LayerTensorName gate_bias(layer, "ffn_gate.bias"), up_bias(layer, "ffn_up.bias");
  CAMELGPT_TRY(bind_optional_vector(binder, gate_bias, ffn, &out->gate.bias));
  CAMELGPT_TRY(bind_optional_vector(binder, up_bias, ffn, &out->up.bias));
  CAMELGPT_TRY(bind_optional_vector(binder, LayerTensorName(layer, "ffn_down.bias"), config.hidden, &out->down.bias));
  // Biases of packed neurons would have to be packed too: no gated model that prunes has any.
  if (binder_has(*binder, gate_bias) || binder_has(*binder, up_bias)) return {};
  if (!binder->ffn_kinds.push_back({out->gate.weight.kind, out->up.weight.kind, out->down.weight.kind}))
    return out_of_memory("the list of layers", sizeof(FfnKinds));
  return {};
}

void activate_gate(GateActivation activation, float* gate, const float* up, uint32_t count) {
  switch (activation) {
    case GateActivation::kSilu: return kernels().swiglu(gate, up, count);
    case GateActivation::kGelu: return kernels().geglu(gate, up, count);
    case GateActivation::kRelu: return kernels().reglu(gate, up, count, false);
    case GateActivation::kSquaredRelu: return kernels().reglu(gate, up, count, true);
  }
}

void add_importance(const Worker& worker, const float* gate, uint32_t tokens, uint32_t count, float* importance) {
  const Range slice = worker.static_slice(count);
  const uint32_t stride = padded_rows(count);
  for (uint32_t t = 0; t < tokens; ++t, gate += stride) {
    float squares[kPanelRows] = {};
    for (uint32_t n = 0; n < count; ++n) squares[n % kPanelRows] += gate[n] * gate[n];
    float norm = 0;
    for (const float sum : squares) norm += sum;
    if (!(norm > 0)) continue;
    const float scale = 1 / std::sqrt(norm);
    for (uint32_t n = slice.first; n < slice.end; ++n) importance[n] += std::fabs(gate[n]) * scale;
  }
}

bool skips_neurons(const DecoderLayer& layer, uint32_t tokens) {
  return layer.up.weight.order != PanelOrder::kGroups && tokens <= kMaxSparseTokens;
}

void sparse_ffn(const Worker& worker, const ModelConfig& config, const DecoderLayer& layer, uint32_t index,
                uint32_t tokens, Workspace* workspace) {
  for (uint32_t t = 0; t < tokens; ++t) {
    sparse_ffn_of_token(worker, config, layer, index, workspace->x.data() + t * padded_rows(config.hidden), workspace);
  }
}

}  // namespace camelgpt
