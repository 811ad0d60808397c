#include "prune/head.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/half.h"
#include "model/some_logits.h"
#include "nn/linear.h"
#include "prune/matrices.h"

namespace camelgpt {
namespace {

constexpr uint32_t kSamples = 4096;  // logits that the selection threshold is estimated from
constexpr float kBucketsPerNat = 16;
constexpr uint32_t kMinRank = 64, kMaxRank = 256;
constexpr uint64_t kMinParameterRatio = 7;  // the model has at least this many times the numbers of the coarse head
constexpr uint32_t kQ40Bytes = 18;          // a block of Q4_0
constexpr float kMaxShift = 4;              // nats
// Limits of is_within_limits(), measured (docs/epdp.md): a step may be expected to cost this many budgets, since the
// mean is far below, and its best logit leads the unselected rows by this many deviations.
constexpr float kMaxExpectedBudgets = 1.5f;
constexpr float kMinLead = 6.5f;
constexpr float kNarrowBudgets = 0.1f;  // the part of a budget that a step with narrow_rows() may cost

// Quantises x [32] to a block of Q4_0 as ggml does: the value of largest magnitude becomes -8.
void quantise_block(const float* x, uint8_t* block) {
  float extreme = 0;
  for (uint32_t i = 0; i < 32; ++i) {
    if (std::fabs(x[i]) > std::fabs(extreme)) extreme = x[i];
  }
  const float scale = std::clamp(extreme / -8, -65000.0f, 65000.0f);
  const float inverse = std::fabs(scale) > kMinQuantRange ? 1 / scale : 0.0f;
  const uint16_t half = float_to_half(scale);
  std::memcpy(block, &half, 2);
  const auto quant = [&](uint32_t i) {
    return static_cast<uint8_t>(std::clamp(std::nearbyint(x[i] * inverse) + 8, 0.0f, 15.0f));
  };
  for (uint32_t i = 0; i < 16; ++i) block[2 + i] = static_cast<uint8_t>(quant(i) | quant(i + 16) << 4);
}

// Computes this thread's slice of the coarse logits, without the centre's contribution, which is the same for all rows
// and is returned.
float score_coarsely(const Worker& worker, const Activations& state, PrunedHead* head, std::span<float> logits) {
  HeadThread& scratch = head->threads[worker.index];
  linear_rows(head->rotation, 0, head->rotation.rows, state, scratch.rotated.data(), scratch.rotated.size());
  activations_begin(scratch.rotated.data(), head->rank, 1, head->rank, Precision::k8, &scratch.input);
  kernels().quantize({0, 1}, scratch.input);
  scratch.highest = -HUGE_VALF;
  worker.for_each_slice(head->coarse.rows, kPanelRows, [&](Range rows) {
    linear_slice({head->coarse, head->bias.data()}, rows, scratch.input, logits.data(), logits.size());
    const float* slice = logits.data() + rows.first;
    scratch.highest = std::max(scratch.highest, slice[kernels().argmax(slice, rows.size())]);
  });
  return scratch.rotated[head->rank];
}

// Runs score_coarsely on all threads.
float score_all_coarsely(const Model& model, uint32_t output, PrunedHead* head, Workspace* workspace) {
  float offset = 0;
  parallel([&](const Worker& worker) {
    const Activations& state = quantize_state(worker, model, output, workspace);
    const float centre = score_coarsely(worker, state, head, workspace->logits);
    if (worker.index == 0) offset = centre;
  });
  return offset;
}

// Computes the logits of `rows`, which are ascending and relative to `first`, into scratch->scores. Overwrites `rows`.
// Heads in groups also get the logits of the rows beside them, in `logits`.
void score_exactly(const Panel& weights, uint32_t first, const Activations& state, std::span<uint32_t> rows,
                   HeadThread* scratch, float* logits) {
  if (weights.order == PanelOrder::kGroups) {  // the kernel scores whole groups of rows
    for (size_t i = 0; i < rows.size();) {
      const uint32_t group = rows[i] / kPanelRows * kPanelRows;
      linear_rows(weights, first + group, kPanelRows, state, logits + first + group, kPanelRows);
      for (; i < rows.size() && rows[i] < group + kPanelRows; ++i) scratch->scores[i] = logits[first + rows[i]];
      scratch->scored += kPanelRows;
    }
    return;
  }
  for (uint32_t& row : rows) row += first;
  kernels().rows[static_cast<int>(weights.kind)](weights, rows, state, scratch->scores.data());
  for (size_t i = 0; i < rows.size(); ++i) logits[rows[i]] = scratch->scores[i];
  scratch->scored += rows.size();
}

// Measures the errors of a step's coarse logits, which lack `offset`.
CoarseErrors measure_errors(const Panel& weights, const Activations& state, float offset, std::span<const float> logits,
                            HeadThread* scratch) {
  const std::span<uint32_t> rows = scratch->rows.first(kErrorRows);
  float* scores = scratch->scores.data();
  error_rows(weights.rows, rows.data());
  if (weights.order == PanelOrder::kGroups) {
    for (uint32_t i = 0; i < kErrorRows; i += kPanelRows) {
      linear_rows(weights, rows[i], kPanelRows, state, scores + i, kPanelRows);
    }
  } else {
    kernels().rows[static_cast<int>(weights.kind)](weights, rows, state, scores);
  }
  float errors[kErrorRows];
  for (uint32_t i = 0; i < kErrorRows; ++i) errors[i] = scores[i] - (logits[rows[i]] + offset);
  return coarse_errors(errors);
}

}  // namespace

uint32_t pruned_head_rank(const ModelConfig& config) {
  // Only decoding steps over a vocabulary are pruned.
  if (!config.has_head || !config.causal || logit_count(config) != config.vocabulary) return 0;
  // For a small head, coarse scores and selection take longer than exact scores.
  if (config.vocabulary < 8192 || config.hidden < 4 * kMinRank || config.logit_softcap != 0) return 0;
  const uint64_t attention = (2 * static_cast<uint64_t>(config.heads) + 2 * config.kv_heads) * config.head_width;
  const uint64_t layer = (attention + 3 * static_cast<uint64_t>(config.ffn)) * config.hidden;
  const uint64_t parameters = config.layers * layer + static_cast<uint64_t>(config.vocabulary) * config.hidden;
  uint32_t rank = kMinRank;
  while (rank < kMaxRank && 4 * rank <= config.hidden &&
         2 * static_cast<uint64_t>(rank) * config.vocabulary <= parameters / kMinParameterRatio) {
    rank *= 2;
  }
  return rank;
}

void pruned_head_reserve(const ModelConfig& config, Arena* arena, PrunedHead* head) {
  head->packed = false;
  head->rank = pruned_head_rank(config);
  if (head->rank == 0) return;
  head->rotation = panel_reserve(PanelKind::kFloat, head->rank + 1, config.hidden, arena);
  head->coarse = panel_reserve(PanelKind::kNibble, config.vocabulary, head->rank, arena);
  head->bias = arena->take<float>(padded_rows(config.vocabulary));
  head->masses = arena->take<double>((config.vocabulary + kHeadTile - 1) / kHeadTile);
  head->map = arena->take<uint8_t>((config.vocabulary + kHeadMapRows - 1) / kHeadMapRows);
  head->threads = arena->take<HeadThread>(thread_count());
  for (uint32_t i = 0; i < thread_count(); ++i) {
    HeadThread scratch{};
    scratch.rotated = arena->take<float>(padded_rows(head->rank + 1));
    scratch.input = activations_reserve(1, head->rank, arena);
    scratch.rows = arena->take<uint32_t>(kHeadTile);
    scratch.scores = arena->take<float>(kHeadTile);
    if (!head->threads.empty()) head->threads[i] = scratch;
  }
}

Status pruned_head_begin(const Model& model, const HeadDirections& directions, PrunedHead* head, HeadPacker* packer) {
  const uint32_t hidden = model.config.hidden, rank = head->rank;
  head->packed = false;
  std::fill(head->bias.begin(), head->bias.end(), 0.0f);
  packer->next = 0;
  packer->centre.clear();
  Buffer<float> transposed;
  const size_t rank_rows = static_cast<size_t>(rank) * hidden;
  const CheckedSize bytes = panel_bytes(PanelKind::kFloat, rank, hidden);
  if (!transposed.resize(rank_rows + hidden) || !packer->storage.resize(static_cast<size_t>(bytes.value)) ||
      !packer->centre.append(directions.centre.data(), hidden) ||
      !packer->rows.resize(static_cast<size_t>(kMaxBatch) * hidden) ||
      !packer->coarse.resize(static_cast<size_t>(kMaxBatch) * rank)) {
    return out_of_memory("packing the head", bytes.value);
  }
  packer->to_rows = head->rotation;
  packer->to_rows.rows = rank;
  packer->to_rows.data = packer->storage.data();
  std::copy_n(directions.centre.data(), hidden, transposed.data() + rank_rows);
  const auto put = [&](const Buffer<float>& from, size_t count, Panel* panel) {
    transpose(from.data(), hidden, rank, transposed.data());
    return panel_put(panel, TensorType::kF32, 0,
                     {reinterpret_cast<const uint8_t*>(transposed.data()), count * sizeof(float)});
  };
  if (!put(directions.to_rows, rank_rows, &packer->to_rows) ||
      !put(directions.to_states, rank_rows + hidden, &head->rotation)) {
    return make_error(ErrorCode::kBadState, "The calibration's statistics are not finite.");
  }
  return {};
}

void pruned_head_pack(const Model& model, PrunedHead* head, HeadPacker* packer) {
  const uint32_t hidden = model.config.hidden, rank = head->rank;
  const uint32_t first = packer->next, count = std::min(kMaxBatch, model.head.weight.rows - first);
  for (uint32_t r = 0; r < count; ++r) {
    float* row = packer->rows.data() + static_cast<size_t>(r) * hidden;
    panel_row(model.head.weight, first + r, row);
    for (uint32_t i = 0; i < hidden; ++i) row[i] -= packer->centre[i];
  }
  Activations input;  // not quantised: float panels read the floats
  activations_begin(packer->rows.data(), hidden, count, hidden, Precision::k16, &input);
  linear_rows(packer->to_rows, 0, rank, input, packer->coarse.data(), rank);
  uint8_t blocks[kMaxRank / kUnitColumns * kQ40Bytes];
  const uint32_t units = rank / kUnitColumns;
  for (uint32_t r = 0; r < count; ++r) {
    const float* row = packer->coarse.data() + static_cast<size_t>(r) * rank;
    for (uint32_t u = 0; u < units; ++u) quantise_block(row + kUnitColumns * u, blocks + kQ40Bytes * u);
    panel_put(&head->coarse, TensorType::kQ4_0, static_cast<uint64_t>(first + r) * units, {blocks, units * kQ40Bytes});
  }
  packer->next = first + count;
}

const Activations& quantize_state(const Worker& worker, const Model& model, uint32_t output, Workspace* workspace) {
  const size_t stride = padded_rows(model.config.hidden);
  return quantize_input(worker, workspace->x.data() + output * stride, stride, 1, model.config.hidden,
                        input_precision(model.head), workspace);
}

void coarse_logits(const Model& model, uint32_t output, PrunedHead* head, Workspace* workspace) {
  const float offset = score_all_coarsely(model, output, head, workspace);
  for (float& logit : workspace->logits.first(model.config.vocabulary)) logit += offset;
}

void error_rows(uint32_t vocabulary, uint32_t* rows) {
  const uint64_t groups = vocabulary / kPanelRows;
  for (uint32_t i = 0; i < kErrorRows; ++i) {
    const uint64_t group = i / kPanelRows * groups / (kErrorRows / kPanelRows);
    rows[i] = static_cast<uint32_t>(group) * kPanelRows + i % kPanelRows;
  }
}

CoarseErrors coarse_errors(std::span<const float> errors) {
  double sum = 0, squares = 0;
  for (const float error : errors) {
    sum += static_cast<double>(error);
    squares += static_cast<double>(error) * static_cast<double>(error);
  }
  const double count = static_cast<double>(errors.size()), mean = sum / count;
  const double variance = std::max(0.0, squares / count - mean * mean);
  // The logarithm of the mean of exp(error), if errors are normally distributed.
  const float shift = static_cast<float>(mean + variance / 2);
  if (!std::isfinite(shift)) return {0, HUGE_VALF};
  return {std::clamp(shift, -kMaxShift, kMaxShift), static_cast<float>(std::sqrt(variance))};
}

float expected_kl(double selected_mass, double other_mass, float deviation) {
  const double variance = static_cast<double>(deviation) * static_cast<double>(deviation);
  const double kl = other_mass / (selected_mass + other_mass) * variance / 2;
  return std::isfinite(kl) ? static_cast<float>(kl) : HUGE_VALF;
}

bool is_within_limits(const HeadEstimate& estimate, const HeadLimits& limits) {
  if (limits.margin != 0 && !(estimate.margin >= limits.margin)) return false;
  if (limits.max_kl == 0) return true;
  return estimate.kl <= kMaxExpectedBudgets * limits.max_kl && estimate.margin >= kMinLead * estimate.deviation;
}

HeadLimits narrow_limits(const HeadLimits& limits) {
  return {limits.margin, limits.max_kl * (kNarrowBudgets / kMaxExpectedBudgets)};
}

uint32_t narrow_rows(uint32_t rows, const HeadLimits& limits) { return limits.max_kl > 0 ? rows / kWiderRows : 0; }

uint32_t wider_rows(uint32_t rows, uint32_t vocabulary) {
  const uint64_t wider = uint64_t{rows} * kWiderRows;
  return 2 * wider < vocabulary ? static_cast<uint32_t>(wider) : 0;
}

LogitSample::LogitSample(std::span<const float> logits) : step_(std::max<size_t>(1, logits.size() / kSamples)) {
  for (size_t i = 0; i < logits.size(); i += step_) highest_ = logits[i] > highest_ ? logits[i] : highest_;
  for (size_t i = 0; i < logits.size(); i += step_) {
    const float distance = (highest_ - logits[i]) * kBucketsPerNat;
    if (distance < kBuckets) ++counts_[static_cast<uint32_t>(distance)];
  }
}

Selection LogitSample::select(uint32_t wanted) const {
  if (!(highest_ > -HUGE_VALF)) return {HUGE_VALF, 0, 0};
  const size_t target = std::max<size_t>(1, wanted / step_);
  size_t seen = 0;
  uint32_t bucket = 0;
  while (bucket + 1 < kBuckets && (seen += counts_[bucket]) < target) ++bucket;
  double mass = 0;  // as if all logits of a bucket were in its middle
  for (uint32_t b = bucket + 1; b < kBuckets; ++b) {
    if (counts_[b] > 0)
      mass += counts_[b] * std::exp(-(static_cast<double>(b) + 0.5) / static_cast<double>(kBucketsPerNat));
  }
  return {highest_ - static_cast<float>(bucket + 1) / kBucketsPerNat, highest_, mass * static_cast<double>(step_)};
}

Selection select_rows(std::span<const float> logits, uint32_t wanted) { return LogitSample(logits).select(wanted); }

namespace {

enum Width { kNarrow, kWanted, kWide, kWidest, kWidths };

// A pruned step in progress.
struct PrunedStep {
  float offset = 0;  // the centre's share of every logit
  CoarseErrors errors;
  Width width = kWanted;
  Selection selections[kWidths];  // thresholds are of coarse logits without offset and shift
};

// Forbids the tokens of this thread's slice that are not allowed. The thread's highest logit is then that of an allowed
// one.
void mask_slice(const Worker& worker, std::span<const uint64_t> allowed, PrunedHead* head, std::span<float> logits) {
  HeadThread& scratch = head->threads[worker.index];
  scratch.highest = -HUGE_VALF;
  worker.for_each_slice(head->coarse.rows, kPanelRows, [&](Range rows) {
    forbid_others(allowed, rows, logits.data());
    const float* slice = logits.data() + rows.first;
    scratch.highest = std::max(scratch.highest, slice[kernels().argmax(slice, rows.size())]);
  });
}

// Counts the selected rows, which are relative to `first`, in each of the `count` rows' stretches.
void map_rows(uint32_t first, uint32_t count, std::span<const uint32_t> rows, std::span<uint8_t> map) {
  uint8_t* const cells = map.data() + first / kHeadMapRows;
  std::fill_n(cells, (count + kHeadMapRows - 1) / kHeadMapRows, uint8_t{0});
  for (const uint32_t row : rows) ++cells[row / kHeadMapRows];
}

// Scores the rows of this thread's slice whose value in `logits` is at least `threshold` exactly, adds `shift` to the
// other values, and sets the masses of the scored rows.
void score_selected(const Worker& worker, const Panel& weights, const Activations& state, float threshold, float shift,
                    float highest, std::span<const uint64_t> allowed, PrunedHead* head, float* logits) {
  HeadThread& scratch = head->threads[worker.index];
  worker.for_each_slice(weights.rows, kHeadTile, [&](Range slice) {
    for (uint32_t first = slice.first; first < slice.end; first += kHeadTile) {
      const uint32_t count = std::min(kHeadTile, slice.end - first);
      const uint32_t selected = kernels().select_above(logits + first, count, threshold, shift, scratch.rows.data());
      map_rows(first, count, scratch.rows.first(selected), head->map);
      score_exactly(weights, first, state, scratch.rows.first(selected), &scratch, logits);
      head->masses[first / kHeadTile] = kernels().sum_exp(scratch.scores.data(), selected, highest);
      // The rows beside those of a head in groups are scored with them.
      if (!allowed.empty() && weights.order == PanelOrder::kGroups)
        forbid_others(allowed, {first, first + count}, logits);
    }
  });
}

// Whether the coarse logits suggest that narrow_rows() suffice.
bool seems_narrow(const PrunedStep& step, const HeadLimits& limits, const PrunedHead& head) {
  float highest = -HUGE_VALF;
  for (const HeadThread& thread : head.threads) highest = std::max(highest, thread.highest);
  const Selection& selection = step.selections[kNarrow];
  const double mass = std::exp(static_cast<double>(highest - selection.highest));
  return is_within_limits({highest - selection.threshold, step.errors.deviation,
                           expected_kl(mass, selection.other_mass, step.errors.deviation)},
                          limits);
}

HeadEstimate estimate_of(const PrunedStep& step, const PrunedHead& head, std::span<const float> logits) {
  const Selection& selection = step.selections[step.width];
  const float best = logits[kernels().argmax(logits.data(), static_cast<uint32_t>(logits.size()))];
  double mass = 0;  // summed in one order, on any number of threads
  for (const double each : head.masses) mass += each;
  const double other_mass = selection.other_mass * std::exp(static_cast<double>(step.errors.shift));
  // The masses are relative to the highest coarse logit of the sample.
  return {best - (selection.threshold + step.offset), step.errors.deviation,
          expected_kl(mass, other_mass, step.errors.deviation)};
}

}  // namespace

HeadEstimate pruned_logits(const Model& model, uint32_t output, uint32_t rows, const HeadLimits* limits,
                           std::span<const uint64_t> allowed, PrunedHead* head, Workspace* workspace) {
  const std::span<float> logits = workspace->logits.first(model.config.vocabulary);
  const Panel& weights = model.head.weight;
  uint32_t wanted[kWidths] = {0, rows, 0, 0};
  if (limits != nullptr) {
    wanted[kNarrow] = narrow_rows(rows, *limits);
    wanted[kWide] = wider_rows(rows, model.config.vocabulary);
    wanted[kWidest] = wider_rows(wanted[kWide], model.config.vocabulary);
  }
  PrunedStep step;
  parallel([&](const Worker& worker) {
    const Activations& state = quantize_state(worker, model, output, workspace);
    PrunedStep own;
    own.offset = score_coarsely(worker, state, head, workspace->logits);
    worker.barrier();
    own.errors = {head->tail_shift, 0};
    if (limits != nullptr) {
      own.errors = measure_errors(weights, state, own.offset, logits, &head->threads[worker.index]);
    }
    if (!allowed.empty()) {
      worker.barrier();  // every thread has measured the logits before any is overwritten
      mask_slice(worker, allowed, head, logits);
      worker.barrier();
    }
    const LogitSample sample(logits);
    for (uint32_t i = 0; i < kWidths; ++i) {
      if (wanted[i] != 0) own.selections[i] = sample.select(wanted[i]);
    }
    if (wanted[kNarrow] != 0 && seems_narrow(own, *limits, *head)) own.width = kNarrow;
    if (worker.index == 0) step = own;
    worker.barrier();  // every thread has sampled the logits before any is overwritten
    const Selection& selection = own.selections[own.width];
    score_selected(worker, weights, state, selection.threshold, own.offset + own.errors.shift,
                   selection.highest + own.offset, allowed, head, logits.data());
  });
  HeadEstimate estimate = estimate_of(step, *head, logits);
  if (limits == nullptr) return {estimate.margin, 0, 0};
  while (!is_within_limits(estimate, step.width == kNarrow ? narrow_limits(*limits) : *limits)) {
    if (step.width == kWidest || wanted[step.width + 1] == 0) break;
    step.width = static_cast<Width>(step.width + 1);
    const Selection& selection = step.selections[step.width];
    parallel([&](const Worker& worker) {
      const Activations& state = quantize_state(worker, model, output, workspace);
      score_selected(worker, weights, state, selection.threshold + step.offset + step.errors.shift, 0,
                     selection.highest + step.offset, allowed, head, logits.data());
    });
    estimate = estimate_of(step, *head, logits);
  }
  return estimate;
}

float selected_rows(const Model& model, uint32_t output, uint32_t rows, PrunedHead* head, Workspace* workspace) {
  score_all_coarsely(model, output, head, workspace);
  return select_rows(workspace->logits.first(model.config.vocabulary), rows).threshold;
}

}  // namespace camelgpt
