// The rows of the output head that a pruned step needs while the weights are still arriving.
#include <algorithm>
#include <cmath>
#include <functional>

#include "nn/linear.h"
#include "session/session.h"

namespace camelgpt {
namespace {

// A greedy step scores the kFirstRows rows with the highest coarse logits, then further ones until the best row leads
// the coarse logits of all others by kLeadFactor * (1 + d) nats, where d is the standard deviation of the coarse error
// of the scored rows, at least kMinRows. The second round has kMoreRows at most, the third as many as the options say.
constexpr uint32_t kFirstRows = 16;
constexpr uint32_t kMinRows = 32;
constexpr uint32_t kMoreRows = 512;
constexpr float kLeadFactor = 4;

// Whether the step takes the most probable token and reports nothing else.
bool takes_best(const Session& s, const Sequence& q) {
  const bool reports = s.activity.kind != ActivityKind::kGenerate || q.generation.options.logprobs != 0;
  return !reports && sampler_is_greedy(q.sampler);
}

// Whether the `rows` rows with the highest coarse logits are in place; otherwise loader->missing lists them.
bool has_selected(Session* s, uint32_t output, uint32_t rows) {
  s->loader->missing.clear();
  const float threshold = selected_rows(model_of(*s), output, rows, &s->memory.pruning.head, &s->memory.workspace);
  const std::span<const float> logits = s->memory.workspace.logits;
  const Panel& head = model_of(*s).head.weight;
  const uint32_t unit = head.order == PanelOrder::kGroups ? kPanelRows : 1;  // rows that are scored together
  for (uint32_t row = 0; row < head.rows; ++row) {
    if (logits[row] < threshold) continue;
    const uint32_t first = row / unit * unit;
    row = std::min(first + unit, head.rows) - 1;
    for (uint32_t r = first; r <= row; ++r) want_row(s, head, r);
  }
  return s->loader->missing.empty();
}

// The logit of a rank from 1 to kMinRows.
float logit_of_rank(std::span<const float> logits, uint32_t rank) {
  float highest[kMinRows];  // a heap with the lowest one on top
  float* const end = highest + rank;
  std::fill(highest, end, -HUGE_VALF);
  for (const float logit : logits) {
    if (!(logit > highest[0])) continue;
    std::pop_heap(highest, end, std::greater<float>());
    end[-1] = logit;
    std::push_heap(highest, end, std::greater<float>());
  }
  return highest[0];
}

float exact_logit(const Panel& head, uint32_t row, const Activations& state) {
  float logits[kPanelRows];
  if (head.order != PanelOrder::kGroups) {
    kernels().rows[static_cast<int>(head.kind)](head, {&row, 1}, state, logits);
    return logits[0];
  }
  linear_rows(head, row / kPanelRows * kPanelRows, kPanelRows, state, logits, kPanelRows);
  return logits[row % kPanelRows];
}

// The rows whose coarse logit is at least `bound`, scored exactly.
struct ScoredRows {
  float best = -HUGE_VALF;
  float deviation = 0;  // standard deviation of exact - coarse
  uint32_t count = 0;
};

// Rows that are not in place are listed in loader->missing instead.
ScoredRows score_rows(Session* s, const Activations& state, float bound) {
  const Panel& head = model_of(*s).head.weight;
  const std::span<const float> coarse = s->memory.workspace.logits.first(head.rows);
  ScoredRows scored;
  double sum = 0, squares = 0;
  for (uint32_t row = 0; row < head.rows; ++row) {
    if (coarse[row] < bound) continue;
    want_row(s, head, row);
    if (!s->loader->missing.empty()) continue;
    const float exact = exact_logit(head, row, state);
    const double error = exact - coarse[row];
    scored.best = std::max(scored.best, exact);
    ++scored.count;
    sum += error;
    squares += error * error;
  }
  if (scored.count == 0) return scored;
  const double mean = sum / scored.count;
  scored.deviation = static_cast<float>(std::sqrt(std::max(0.0, squares / scored.count - mean * mean)));
  return scored;
}

// Whether the rows in place decide a greedy step; then the highest logit in the workspace is that of the best row.
// Otherwise loader->missing lists the rows that are needed next, or is empty if the margin is so thin that the step
// needs the whole output head.
bool finds_best(Session* s, Sequence* q, uint32_t output, uint32_t rows) {
  PrunedHead* const head = &s->memory.pruning.head;
  coarse_logits(model_of(*s), output, head, &s->memory.workspace);
  const std::span<float> logits = s->memory.workspace.logits.first(config_of(*s).vocabulary);
  const Activations* quantized = nullptr;
  parallel([&](const Worker& worker) {
    const Activations& each = quantize_state(worker, model_of(*s), output, &s->memory.workspace);
    if (worker.index == 0) quantized = &each;
  });
  const Activations& state = *quantized;
  const float threshold = select_rows(logits, rows).threshold;
  const float max_bound = std::max(threshold, logit_of_rank(logits, kMinRows));
  float bound = std::max(threshold, logit_of_rank(logits, kFirstRows));
  ScoredRows scored;
  for (bool is_first = true;; is_first = false) {
    scored = score_rows(s, state, bound);
    if (!s->loader->missing.empty()) return false;
    const float lead = scored.best - kLeadFactor * (1 + scored.deviation);
    if (bound <= std::min(lead, max_bound) || bound <= threshold) break;
    const float lowest = is_first ? select_rows(logits, std::min(rows, kMoreRows)).threshold : threshold;
    bound = std::max(threshold, std::min(max_bound, std::max(lead, lowest)));
  }
  const Panel& weights = model_of(*s).head.weight;
  for (uint32_t row = 0; row < logits.size(); ++row) {
    logits[row] = logits[row] < bound ? logits[row] + head->tail_shift : exact_logit(weights, row, state);
  }
  q->pruning.exact_rows += scored.count;
  const bool accepted = pruning_accepts({.margin = scored.best - threshold}, {s->pruning.options.margin}, q);
  q->pruning.wants_head = !accepted;
  return accepted;
}

}  // namespace

bool has_head_rows(Session* session, Sequence* sequence, uint32_t output, uint32_t rows, bool* scored) {
  const StepPruning& p = sequence->pruning;
  session->loader->missing.clear();
  if (rows == 0 || p.wants_head || p.backoff > 0) return false;
  if (!takes_best(*session, *sequence)) return has_selected(session, output, rows);
  *scored = finds_best(session, sequence, output, rows);
  return *scored;
}

}  // namespace camelgpt
