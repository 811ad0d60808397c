#include "prune/calibration.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "nn/linear.h"
#include "prune/drift.h"

namespace camelgpt {
namespace {

constexpr uint32_t kHeldOutStates = 64;
constexpr uint32_t kSampledRows = 4096;  // of the head; more do not improve the result
constexpr float kMaxShift = 4;           // nats

uint32_t sampled_rows(const Model& model) { return std::min(kSampledRows, model.head.weight.rows); }

// Returns the number of steps of a stage.
uint32_t steps_of(const Model& model, const Calibration& calibration, Calibration::Stage stage) {
  switch (stage) {
    case Calibration::Stage::kStates: return 0;
    case Calibration::Stage::kRows: return (sampled_rows(model) + kMaxBatch - 1) / kMaxBatch;
    case Calibration::Stage::kBasis: return kImportanceSteps;
    case Calibration::Stage::kPack: return (model.head.weight.rows + kMaxBatch - 1) / kMaxBatch;
    case Calibration::Stage::kBias:
    case Calibration::Stage::kTail:
    case Calibration::Stage::kCosts:  // one step per state; during the first stage, the expected number
      return calibration.stage == Calibration::Stage::kStates ? kHeldOutStates : calibration.held_out_count;
    case Calibration::Stage::kDone: break;
  }
  return 0;
}

void add_rows(const Model& model, uint32_t step, Calibration* calibration) {
  const uint32_t hidden = model.config.hidden, sampled = sampled_rows(model);
  Buffer<float>& rows = calibration->packer.rows;
  const uint32_t first = step * kMaxBatch, count = std::min(kMaxBatch, sampled - first);
  for (uint32_t i = 0; i < count; ++i) {
    const uint64_t row = static_cast<uint64_t>(first + i) * model.head.weight.rows / sampled;
    panel_row(model.head.weight, static_cast<uint32_t>(row), rows.data() + static_cast<size_t>(i) * hidden);
  }
  importance_add_rows(rows.data(), hidden, count, &calibration->importance);
}

// Loads a held-out state into the workspace as output 0 of a forward pass, and computes its dense logits.
std::span<const float> dense_logits(const Model& model, uint32_t state, Workspace* workspace,
                                    Calibration* calibration) {
  const uint32_t hidden = model.config.hidden;
  std::copy_n(calibration->held_out.data() + static_cast<size_t>(state) * hidden, hidden, workspace->x.data());
  model_logits(model, 0, workspace);
  const std::span<const float> logits = workspace->logits.first(model.config.vocabulary);
  std::copy(logits.begin(), logits.end(), calibration->dense.begin());
  return calibration->dense.span();
}

// Sums the errors of the coarse logits. Their mean, the error that most states share, becomes the bias.
void measure_bias(const Model& model, uint32_t state, Workspace* workspace, PrunedHead* head,
                  Calibration* calibration) {
  const std::span<const float> dense = dense_logits(model, state, workspace, calibration);
  coarse_logits(model, 0, head, workspace);
  for (size_t i = 0; i < dense.size(); ++i) calibration->bias_sums[i] += dense[i] - workspace->logits[i];
}

void end_bias(const Calibration& calibration, PrunedHead* head) {
  const float states = static_cast<float>(calibration.held_out_count);
  for (size_t i = 0; i < calibration.bias_sums.size(); ++i) {
    const float mean = calibration.bias_sums[i] / states;
    head->bias[i] = std::isfinite(mean) ? mean : 0;
  }
}

// Sums the exact and the coarse softmax mass of the rows that are not selected.
void measure_tail(const Model& model, uint32_t state, Workspace* workspace, PrunedHead* head,
                  Calibration* calibration) {
  const uint32_t vocabulary = model.config.vocabulary;
  const std::span<const float> dense = dense_logits(model, state, workspace, calibration);
  const std::span<const float> logits = workspace->logits.first(vocabulary);
  coarse_logits(model, 0, head, workspace);
  const float threshold = selection_threshold(logits, prune_options(PruneMode::kBalanced, model.config).head_rows);
  const float highest = dense[kernels().argmax(dense.data(), vocabulary)];
  const double total = kernels().sum_exp(dense.data(), vocabulary, highest);
  double exact = 0, coarse = 0;
  for (uint32_t i = 0; i < vocabulary; ++i) {
    if (logits[i] >= threshold) continue;
    exact += static_cast<double>(std::exp(dense[i] - highest));
    coarse += static_cast<double>(std::exp(logits[i] - highest));
  }
  if (std::isfinite(exact / total) && std::isfinite(coarse / total)) {
    calibration->exact_mass += exact / total;
    calibration->coarse_mass += coarse / total;
  }
}

void end_tail(const Calibration& calibration, PrunedHead* head) {
  const double ratio = calibration.coarse_mass > 0 ? calibration.exact_mass / calibration.coarse_mass : 1.0;
  const float shift = ratio > 0 ? static_cast<float>(std::log(ratio)) : 0.0f;
  head->tail_shift = std::clamp(shift, -kMaxShift, kMaxShift);
}

constexpr PruneMode kMeasuredModes[kMeasuredCosts] = {PruneMode::kExact, PruneMode::kBalanced, PruneMode::kAggressive};

// Measures how much each mode changes the logits of a state.
void measure_costs(const Model& model, uint32_t state, Workspace* workspace, PrunedHead* head,
                   Calibration* calibration) {
  const uint32_t vocabulary = model.config.vocabulary;
  const std::span<const float> dense = dense_logits(model, state, workspace, calibration);
  const std::span<const float> logits = workspace->logits.first(vocabulary);
  for (uint32_t i = 0; i < kMeasuredCosts; ++i) {
    const PruneOptions options = prune_options(kMeasuredModes[i], model.config);
    if (pruned_logits(model, 0, options.head_rows, head, workspace) < options.margin) {
      ++calibration->same_top[i];  // below the margin a step scores all rows
      continue;
    }
    const double kl = kl_divergence(dense, logits);
    calibration->kl[i] += std::isfinite(kl) ? kl : 0;
    const auto top = [&](std::span<const float> x) { return kernels().argmax(x.data(), vocabulary); };
    calibration->same_top[i] += top(dense) == top(logits) ? 1 : 0;
  }
}

void end_costs(const Model& model, Calibration* calibration) {
  const double states = std::max(1u, calibration->held_out_count);
  for (uint32_t i = 0; i < kMeasuredCosts; ++i) {
    calibration->result.costs[i] = {prune_options(kMeasuredModes[i], model.config).head_rows,
                                    static_cast<float>(calibration->kl[i] / states),
                                    static_cast<float>(calibration->same_top[i] / states)};
  }
}

void run_step(const Model& model, Workspace* workspace, PrunedHead* head, Calibration* calibration) {
  const uint32_t step = calibration->steps_done;
  switch (calibration->stage) {
    case Calibration::Stage::kRows: return add_rows(model, step, calibration);
    case Calibration::Stage::kBasis: return importance_step(&calibration->importance);
    case Calibration::Stage::kPack: return pruned_head_pack(model, head, &calibration->packer);
    case Calibration::Stage::kBias: return measure_bias(model, step, workspace, head, calibration);
    case Calibration::Stage::kTail: return measure_tail(model, step, workspace, head, calibration);
    case Calibration::Stage::kCosts: return measure_costs(model, step, workspace, head, calibration);
    case Calibration::Stage::kStates:
    case Calibration::Stage::kDone: return;
  }
}

// Completes a stage after its last step.
Status end_stage(const Model& model, PrunedHead* head, Calibration* calibration) {
  Calibration& c = *calibration;
  if (c.stage == Calibration::Stage::kRows) importance_centre_rows(&c.importance);
  if (c.stage == Calibration::Stage::kBasis) {
    CAMELGPT_TRY(importance_end(&c.importance));
    c.directions = std::move(c.importance.directions);
    c.importance = {};
    return pruned_head_begin(model, c.directions, head, &c.packer);
  }
  if (c.held_out_count == 0) return {};
  if (c.stage == Calibration::Stage::kBias) end_bias(c, head);
  if (c.stage == Calibration::Stage::kTail) end_tail(c, head);
  if (c.stage == Calibration::Stage::kCosts) end_costs(model, calibration);
  return {};
}

}  // namespace

Status calibration_begin(const Model& model, PrunedHead* head, Calibration* calibration) {
  Calibration& c = *calibration;
  head->packed = false;
  head->tail_shift = 0;
  c.stage = Calibration::Stage::kStates;
  c.held_out_count = c.steps_done = 0;
  c.seen = 0;
  c.bias_sums.clear();
  c.exact_mass = c.coarse_mass = 0;
  std::fill(std::begin(c.kl), std::end(c.kl), 0.0);
  std::fill(std::begin(c.same_top), std::end(c.same_top), 0u);
  const size_t hidden = model.config.hidden;
  CAMELGPT_TRY(importance_begin(model.config.hidden, head->rank, &c.importance));
  if (!c.held_out.resize(kHeldOutStates * hidden) || !c.packer.rows.resize(kMaxBatch * hidden) ||
      !c.dense.resize(model.config.vocabulary) || !c.bias_sums.resize(model.config.vocabulary)) {
    return out_of_memory("calibrating", (kHeldOutStates + kMaxBatch) * hidden * sizeof(float));
  }
  std::fill(c.bias_sums.begin(), c.bias_sums.end(), 0.0f);
  return {};
}

void calibration_add(const Model& model, const Workspace& workspace, uint32_t count, uint32_t total,
                     Calibration* calibration) {
  Calibration& c = *calibration;
  const size_t hidden = model.config.hidden, stride = padded_rows(model.config.hidden);
  const uint64_t interval = std::max(2u, total / kHeldOutStates);
  uint32_t first = 0;  // of a run of states between two held-out ones
  for (uint32_t t = 0; t <= count; ++t) {
    const bool hold_out = t < count && (c.seen + t) % interval == 0 && c.held_out_count < kHeldOutStates;
    if (!hold_out && t < count) continue;
    importance_add_states(workspace.x.data() + first * stride, stride, t - first, &c.importance);
    first = t + 1;
    if (hold_out) {
      std::copy_n(workspace.x.data() + t * stride, hidden, c.held_out.data() + c.held_out_count++ * hidden);
    }
  }
  c.seen += count;
}

void calibration_states_end(Calibration* calibration) {
  calibration->stage = Calibration::Stage::kRows;
  calibration->steps_done = 0;
}

uint32_t calibration_remaining(const Model& model, const Calibration& calibration) {
  uint32_t steps = 0;
  for (uint8_t s = static_cast<uint8_t>(calibration.stage); s < static_cast<uint8_t>(Calibration::Stage::kDone); ++s) {
    steps += steps_of(model, calibration, static_cast<Calibration::Stage>(s));
  }
  return steps - calibration.steps_done;
}

Status calibration_step(const Model& model, Workspace* workspace, PrunedHead* head, Calibration* calibration) {
  Calibration& c = *calibration;
  run_step(model, workspace, head, calibration);
  ++c.steps_done;
  while (c.stage != Calibration::Stage::kDone && c.steps_done >= steps_of(model, c, c.stage)) {
    CAMELGPT_TRY(end_stage(model, head, calibration));
    c.stage = static_cast<Calibration::Stage>(static_cast<uint8_t>(c.stage) + 1);
    c.steps_done = 0;
  }
  if (c.stage != Calibration::Stage::kDone) return {};
  head->packed = true;
  c.directions = {};
  c.held_out.release();
  c.dense.release();
  c.bias_sums.release();
  c.packer = {};
  return {};
}

}  // namespace camelgpt
