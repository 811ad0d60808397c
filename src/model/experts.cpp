#include "model/experts.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "model/sparse_ffn.h"
#include "nn/linear.h"

namespace camelgpt {
namespace {

constexpr uint32_t kMaxExperts = 4096;

// The tokens of one expert, and the weights of its outputs.
struct ExpertTokens {
  uint32_t count = 0;
  uint32_t tokens[kMaxBatch];
  float weights[kMaxBatch];
};

// The matrices of one expert, as ranges of rows in the matrices of all experts.
struct Expert {
  const Linear &gate, &up, &down;
  uint32_t index;  // of the expert
  uint32_t ffn;
};

// weights [tokens, experts] = the router's probabilities of the chosen experts, zero for the others.
void route(const ModelConfig& c, const Linear& router, const Activations& input, float* weights) {
  const size_t stride = padded_rows(c.experts);
  linear_rows(router, 0, c.experts, input, weights, stride);
  for (uint32_t t = 0; t < input.tokens; ++t) {
    float* row = weights + t * stride;
    const float highest = row[kernels().argmax(row, c.experts)];
    float total = 0;
    for (uint32_t e = 0; e < c.experts; ++e) total += row[e] = std::exp(row[e] - highest);
    // Chosen probabilities become negative, so that argmax finds the next best. The scale turns the signs back.
    float sum = 0;
    for (uint32_t i = 0; i < c.experts_used; ++i) {
      float& best = row[kernels().argmax(row, c.experts)];
      sum += best;
      best = -best;
    }
    const float scale = -1 / (c.experts_renormalised ? sum : total);
    for (uint32_t e = 0; e < c.experts; ++e) row[e] = row[e] < 0 ? row[e] * scale : 0;
  }
}

// projected += the weighted output of the expert for its tokens. normed [tokens, stride]
void run_expert(const Worker& worker, const ModelConfig& c, const Expert& expert, const float* normed, size_t stride,
                const ExpertTokens& chosen, Workspace* w) {
  const size_t hidden = padded_rows(c.hidden), ffn = padded_rows(expert.ffn);
  float *gathered = w->gathered.data(), *gate = w->gate.data(), *up = w->up.data();
  float* rows = chosen.count == 1 ? w->threads[worker.index].gathered.data() : gathered;
  const Activations& input = quantize_input(
      worker, rows, hidden, chosen.count, c.hidden, input_precision(expert.gate, expert.up), w, [&](Range slice) {
        for (uint32_t i = slice.first; i < slice.end; ++i)
          std::copy_n(normed + chosen.tokens[i] * stride, c.hidden, rows + i * hidden);
      });
  const uint32_t first = expert.index * expert.ffn;
  worker.for_each_slice(expert.ffn, kPanelRows, [&](Range slice) {
    linear_rows(expert.gate, first + slice.first, slice.size(), input, gate + slice.first, ffn);
    linear_rows(expert.up, first + slice.first, slice.size(), input, up + slice.first, ffn);
    for (uint32_t i = 0; i < chosen.count; ++i)
      activate_gate(c.activation, gate + i * ffn + slice.first, up + i * ffn + slice.first, slice.size());
  });
  worker.barrier();
  const Activations& neurons =
      quantize_input(worker, gate, ffn, chosen.count, expert.ffn, input_precision(expert.down), w);
  worker.for_each_slice(c.hidden, kPanelRows, [&](Range slice) {
    float* made = gathered + slice.first;  // the gathered rows were read
    linear_rows(expert.down, expert.index * c.hidden + slice.first, slice.size(), neurons, made, hidden);
    for (uint32_t i = 0; i < chosen.count; ++i) {
      scale_values(made + i * hidden, slice.size(), chosen.weights[i]);
      kernels().add(w->projected.data() + chosen.tokens[i] * hidden + slice.first, made + i * hidden, slice.size());
    }
  });
  worker.barrier();
}

// A tensor [columns, rows, experts] as one matrix. A token multiplies only with the experts that it uses.
Status bind_stacked(WeightBinder* binder, const LayerTensorName& name, const ModelConfig& c, uint32_t rows,
                    uint32_t columns, Panel* panel) {
  CAMELGPT_TRY(bind_stack(binder, name, c.experts, rows, columns, panel));
  binder->macs -= static_cast<uint64_t>(c.experts - c.experts_used) * rows * columns;
  return {};
}

}  // namespace

Status read_experts(const ConfigReader& reader, ModelConfig* config) {
  ModelConfig& c = *config;
  CAMELGPT_TRY(reader.optional_count("expert_count", kMaxExperts, &c.experts));
  if (c.experts == 0) return {};
  CAMELGPT_TRY(reader.count("expert_used_count", c.experts, &c.experts_used));
  CAMELGPT_TRY(reader.optional_count("expert_feed_forward_length", kMaxWidth, &c.ffn));
  CAMELGPT_TRY(reader.optional_count("expert_shared_feed_forward_length", kMaxWidth, &c.shared_ffn));
  if (c.ffn % kPanelRows == 0 && c.hidden % kPanelRows == 0) return {};
  Status status = make_error(ErrorCode::kUnsupportedArchitecture, "Experts of this width are not supported.");
  status = with_expected(status, "widths that are multiples of %u", kPanelRows);
  return with_found(status, "%u and %u", c.ffn, c.hidden);
}

Status bind_experts(WeightBinder* binder, const ModelConfig& config, uint32_t layer, DecoderLayer* out) {
  const ModelConfig& c = config;
  const auto name = [layer](const char* suffix) { return LayerTensorName(layer, suffix); };
  CAMELGPT_TRY(bind_panel(binder, name("ffn_gate_inp.weight"), c.experts, c.hidden, &out->router.weight));
  CAMELGPT_TRY(bind_stacked(binder, name("ffn_gate_exps.weight"), c, c.ffn, c.hidden, &out->gate.weight));
  CAMELGPT_TRY(bind_stacked(binder, name("ffn_up_exps.weight"), c, c.ffn, c.hidden, &out->up.weight));
  CAMELGPT_TRY(bind_stacked(binder, name("ffn_down_exps.weight"), c, c.hidden, c.ffn, &out->down.weight));
  if (c.shared_ffn == 0) return {};
  CAMELGPT_TRY(bind_vector(binder, name("ffn_gate_inp_shexp.weight"), c.hidden, &out->shared_router));
  CAMELGPT_TRY(bind_panel(binder, name("ffn_gate_shexp.weight"), c.shared_ffn, c.hidden, &out->shared_gate.weight));
  CAMELGPT_TRY(bind_panel(binder, name("ffn_up_shexp.weight"), c.shared_ffn, c.hidden, &out->shared_up.weight));
  return bind_panel(binder, name("ffn_down_shexp.weight"), c.hidden, c.shared_ffn, &out->shared_down.weight);
}

void experts_ffn(const Worker& worker, const ModelConfig& config, const DecoderLayer& layer, const Activations& input,
                 Workspace* workspace) {
  const ModelConfig& c = config;
  Workspace* w = workspace;
  const uint32_t tokens = input.tokens;
  const float* normed = input.x;
  const size_t stride = input.stride, hidden = padded_rows(c.hidden), experts = padded_rows(c.experts);
  float* weights = w->threads[worker.index].routes.data();
  route(c, layer.router, input, weights);  // each thread computes all of it
  worker.for_each_slice(c.hidden, kPanelRows, [&](Range slice) {
    for (uint32_t t = 0; t < tokens; ++t)
      std::memset(w->projected.data() + t * hidden + slice.first, 0, slice.size() * sizeof(float));
  });
  worker.barrier();  // the experts overwrite the quantised input
  for (uint32_t e = 0; e < c.experts; ++e) {
    ExpertTokens chosen;
    for (uint32_t t = 0; t < tokens; ++t) {
      const float weight = weights[t * experts + e];
      if (weight == 0) continue;
      chosen.tokens[chosen.count] = t;
      chosen.weights[chosen.count++] = weight;
    }
    if (chosen.count > 0)
      run_expert(worker, c, {layer.gate, layer.up, layer.down, e, c.ffn}, normed, stride, chosen, w);
  }
  if (c.shared_ffn == 0) return;
  ExpertTokens all;
  for (; all.count < tokens; ++all.count) {
    all.tokens[all.count] = all.count;
    float sum = 0;
    for (uint32_t i = 0; i < c.hidden; ++i) sum += normed[all.count * stride + i] * layer.shared_router[i];
    all.weights[all.count] = 1 / (1 + std::exp(-sum));
  }
  run_expert(worker, c, {layer.shared_gate, layer.shared_up, layer.shared_down, 0, c.shared_ffn}, normed, stride, all,
             w);
}

}  // namespace camelgpt
