#include "prune/calibration.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "nn/linear.h"

namespace camelgpt {
namespace {

// One batch of states in kHeldOutInterval is held out. Batches are longer than sentences, so that held-out states are
// unlike those that are learnt from.
constexpr uint32_t kHeldOutInterval = 4;
constexpr uint32_t kHeldOutStates = 256;
constexpr uint32_t kSampleStates = 64;
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
    case Calibration::Stage::kBias: return 1;
    // One step per state; during the first stage, the expected number.
    case Calibration::Stage::kTail:
      return calibration.stage == Calibration::Stage::kStates ? kSampleStates : calibration.sample_count;
    case Calibration::Stage::kCosts:
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

// Loads a state [hidden] into the workspace as output 0 of a forward pass, and computes its dense logits.
std::span<const float> dense_logits(const Model& model, const float* state, Workspace* workspace,
                                    Calibration* calibration) {
  std::copy_n(state, model.config.hidden, workspace->x.data());
  model_logits(model, 0, workspace);
  const std::span<const float> logits = workspace->logits.first(model.config.vocabulary);
  std::copy(logits.begin(), logits.end(), calibration->dense.begin());
  return calibration->dense.span();
}

std::span<const float> dense_logits(const Model& model, const Buffer<float>& states, uint32_t index,
                                    Workspace* workspace, Calibration* calibration) {
  const float* state = states.data() + static_cast<size_t>(index) * model.config.hidden;
  return dense_logits(model, state, workspace, calibration);
}

// The bias of a row is the mean error of its coarse logit. Logits are linear in the state, so that is the error for the
// mean state.
void set_bias(const Model& model, Workspace* workspace, PrunedHead* head, Calibration* calibration) {
  const uint32_t hidden = model.config.hidden;
  const double states = static_cast<double>(std::max<uint64_t>(1, calibration->learnt));
  float* mean = calibration->packer.rows.data();
  for (uint32_t i = 0; i < hidden; ++i) mean[i] = static_cast<float>(calibration->mean[i] / states);
  const std::span<const float> dense = dense_logits(model, mean, workspace, calibration);
  coarse_logits(model, 0, head, workspace);
  for (size_t i = 0; i < dense.size(); ++i) {
    const float error = dense[i] - workspace->logits[i];
    head->bias[i] = std::isfinite(error) ? error : 0;
  }
}

// Sums the exact and the coarse softmax mass of the rows that are not selected.
void measure_tail(const Model& model, uint32_t state, Workspace* workspace, PrunedHead* head,
                  Calibration* calibration) {
  const uint32_t vocabulary = model.config.vocabulary;
  const std::span<const float> dense = dense_logits(model, calibration->sample, state, workspace, calibration);
  const std::span<const float> logits = workspace->logits.first(vocabulary);
  coarse_logits(model, 0, head, workspace);
  const float threshold = select_rows(logits, prune_options(PruneMode::kBalanced, model.config).head_rows).threshold;
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

// Measures what each mode costs for a held-out state, by its number of exact rows.
void measure_costs(const Model& model, uint32_t state, Workspace* workspace, PrunedHead* head,
                   Calibration* calibration) {
  const std::span<const float> dense = dense_logits(model, calibration->held_out, state, workspace, calibration);
  coarse_logits(model, 0, head, workspace);
  const uint32_t group = state * kCostGroups / calibration->held_out_count;
  head_costs_add(model.config, dense, workspace->logits.first(dense.size()), group, &calibration->costs);
}

void run_step(const Model& model, Workspace* workspace, PrunedHead* head, Calibration* calibration) {
  const uint32_t step = calibration->steps_done;
  switch (calibration->stage) {
    case Calibration::Stage::kRows: return add_rows(model, step, calibration);
    case Calibration::Stage::kBasis: return importance_step(&calibration->importance);
    case Calibration::Stage::kPack: return pruned_head_pack(model, head, &calibration->packer);
    case Calibration::Stage::kBias: return set_bias(model, workspace, head, calibration);
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
  if (c.stage == Calibration::Stage::kTail) end_tail(c, head);
  for (uint32_t mode = 0; c.stage == Calibration::Stage::kCosts && mode < kMeasuredCosts; ++mode) {
    c.result.costs[mode] = head_costs_choose(model.config, c.costs, mode);
  }
  return {};
}

}  // namespace

Status calibration_begin(const Model& model, PrunedHead* head, Calibration* calibration) {
  Calibration& c = *calibration;
  head->packed = false;
  head->tail_shift = 0;
  c.stage = Calibration::Stage::kStates;
  c.sample_count = c.held_out_count = c.batches = c.steps_done = 0;
  c.learnt = c.not_learnt = 0;
  c.exact_mass = c.coarse_mass = 0;
  c.costs = {};
  const size_t hidden = model.config.hidden;
  CAMELGPT_TRY(importance_begin(model.config.hidden, head->rank, &c.importance));
  if (!c.mean.resize(hidden) || !c.sample.resize(kSampleStates * hidden) ||
      !c.held_out.resize(kHeldOutStates * hidden) || !c.packer.rows.resize(kMaxBatch * hidden) ||
      !c.dense.resize(model.config.vocabulary)) {
    return out_of_memory("calibrating", (kSampleStates + kHeldOutStates + kMaxBatch) * hidden * sizeof(float));
  }
  std::fill(c.mean.begin(), c.mean.end(), 0.0);
  return {};
}

void calibration_add(const Model& model, const Workspace& workspace, uint32_t count, uint32_t total,
                     Calibration* calibration) {
  Calibration& c = *calibration;
  const size_t hidden = model.config.hidden, stride = padded_rows(model.config.hidden);
  const float* x = workspace.x.data();
  // Keeps evenly spaced states, `limit` of `expected`.
  const auto keep = [&](uint64_t seen, uint64_t expected, uint32_t limit, uint32_t* kept, Buffer<float>* states) {
    const uint64_t interval = std::max<uint64_t>(1, expected / limit);
    for (uint32_t t = 0; t < count && *kept < limit; ++t) {
      if ((seen + t) % interval == interval - 1) {
        std::copy_n(x + t * stride, hidden, states->data() + static_cast<size_t>((*kept)++) * hidden);
      }
    }
  };
  const uint64_t held_out = total / kHeldOutInterval;
  // Another batch of each interval, so that held-out states are from all positions of a context.
  const uint32_t batch = c.batches++;
  if ((batch + batch / kHeldOutInterval) % kHeldOutInterval == kHeldOutInterval - 1) {
    keep(c.not_learnt, held_out, kHeldOutStates, &c.held_out_count, &c.held_out);
    c.not_learnt += count;
    return;
  }
  keep(c.learnt, total - held_out, kSampleStates, &c.sample_count, &c.sample);
  importance_add_states(x, stride, count, &c.importance);
  for (uint32_t t = 0; t < count; ++t) {
    for (size_t i = 0; i < hidden; ++i) c.mean[i] += static_cast<double>(x[t * stride + i]);
  }
  c.learnt += count;
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
  c.sample.release();
  c.mean.release();
  c.dense.release();
  c.packer = {};
  return {};
}

}  // namespace camelgpt
