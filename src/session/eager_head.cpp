// The rows of the output head that a pruned step needs while the weights are still arriving.
#include <algorithm>

#include "session/session.h"

namespace camelgpt {
namespace {

// While each row costs a download, a greedy step first scores 1 / kGreedyDivisor of the vocabulary. If the best row
// leads by less than kGreedyMargin nats, the step scores as many rows as the options say. In 1,286 steps of
// SmolLM2-135M this always found the best row, in 86 % of them in the first round.
constexpr uint32_t kGreedyDivisor = 96;
constexpr float kGreedyMargin = 10;

uint64_t rows_scored(const PrunedHead& head) {
  uint64_t rows = 0;
  for (const HeadThread& thread : head.threads) rows += thread.scored;
  return rows;
}

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

}  // namespace

HeadEstimate score_head_rows(Session* session, Sequence* sequence, uint32_t output, uint32_t rows,
                             const HeadLimits* limits) {
  PrunedHead& head = session->memory.pruning.head;
  const uint64_t before = rows_scored(head);
  const HeadEstimate estimate =
      pruned_logits(model_of(*session), output, rows, limits, &head, &session->memory.workspace);
  sequence->pruning.exact_rows += rows_scored(head) - before;
  return estimate;
}

bool has_head_rows(Session* session, Sequence* sequence, uint32_t output, uint32_t rows, bool* scored) {
  const StepPruning& p = sequence->pruning;
  session->loader->missing.clear();
  if (rows == 0 || p.wants_head || p.backoff > 0) return false;
  if (!takes_best(*session, *sequence)) return has_selected(session, output, rows);
  const uint32_t few = std::min(rows, config_of(*session).vocabulary / kGreedyDivisor);
  if (!has_selected(session, output, few)) return false;
  const float min_margin = std::max(kGreedyMargin, session->pruning.options.margin);
  *scored = score_head_rows(session, sequence, output, few, nullptr).margin >= min_margin;
  return *scored || has_selected(session, output, rows);
}

}  // namespace camelgpt
