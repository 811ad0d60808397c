// A step with EPDP: its forward pass, the rows of the output head that it scores, and the drift check.
//
// Under a grammar a step scores no other rows than those of allowed tokens.
#include <algorithm>
#include <cstring>

#include "model/some_logits.h"
#include "nn/linear.h"
#include "session/session.h"

namespace camelgpt {
namespace {

// While weights arrive, a step under a grammar requests this many rows at most, and otherwise waits for all of them.
constexpr uint32_t kMaxWantedRows = 512;
constexpr uint32_t kMaxThinStreak = 6;  // longer streaks of thin margins do not lengthen the back-off

// Positions that attention may read in a step; 0: all. A prompt is evaluated with the whole context, so that its
// results do not depend on how much of it was cached.
uint32_t attention_limit(const Session& s, const Sequence& q) {
  return q.cache.length < q.pruning.prompt_end ? 0 : drift_kv_tokens(s.pruning.options, q.pruning.guard);
}

bool limits_attention(const Session& s, const Sequence& q) {
  const uint32_t kv_tokens = attention_limit(s, q);
  return kv_tokens != 0 && config_of(s).causal && q.cache.length >= kv_tokens;
}

// Neurons are skipped once they have been selected for the prompt, until the sequence drifts.
bool skips_neurons(const Session& s, const Sequence& q) {
  return pruning_observes_prompt(s) && pruning_knows_sequence(s, q) && q.cache.length >= q.pruning.prompt_end &&
         q.pruning.guard.widened == 0;
}

// Rows of the output head that a pruned step scores exactly; 0: steps do not prune the head.
uint32_t step_rows(const Session& s, const Sequence& q) {
  if (!s.memory.pruning.head.packed) return 0;
  return drift_head_rows(s.pruning.options, q.pruning.guard, config_of(s).vocabulary);
}

uint64_t rows_scored(const PrunedHead& head) {
  uint64_t rows = 0;
  for (const HeadThread& thread : head.threads) rows += thread.scored;
  return rows;
}

// Computes pruned logits; returns false if they are not accepted, or without computing them during the back-off.
bool try_pruned_logits(Session* s, Sequence* q, uint32_t output, uint32_t rows,
                       std::span<const uint64_t> allowed = {}) {
  StepPruning& p = q->pruning;
  if (p.backoff > 0) {
    --p.backoff;
    return false;
  }
  PrunedHead& head = s->memory.pruning.head;
  const bool measures = is_complete(*s);  // until then, rows that are measured may be missing
  const HeadLimits limits{s->pruning.options.margin, measures ? s->pruning.options.max_kl : 0};
  const uint64_t before = rows_scored(head);
  const HeadEstimate estimate =
      pruned_logits(model_of(*s), output, rows, measures ? &limits : nullptr, allowed, &head, &s->memory.workspace);
  p.exact_rows += rows_scored(head) - before;
  if (!pruning_accepts(estimate, limits, q)) return false;
  p.expected_kl = estimate.kl;
  p.has_map = true;
  return true;
}

// Compares the logits of a step, which are in the workspace, with those of a dense step, which replace them.
void check_drift(Session* s, Sequence* q, uint32_t output) {
  StepPruning& p = q->pruning;
  const std::span<float> logits = s->memory.workspace.logits.first(config_of(*s).vocabulary);
  const std::span<float> pruned_logits = s->memory.pruning.dense;
  std::copy(logits.begin(), logits.end(), pruned_logits.begin());
  pruning_dense_logits(s, q, output);  // this token is chosen from the dense logits
  drift_observe(s->pruning.options, kl_divergence(logits, pruned_logits), p.attention_limited, &p.guard);
}

// Whether a step that skips something is to be compared with a dense one.
bool is_check_due(Session* s, Sequence* q, bool pruned) {
  StepPruning& p = q->pruning;
  // The cost of skipped neurons is measured for answers even without a budget.
  const bool generates = s->activity.kind == ActivityKind::kGenerate;
  const bool watched = s->pruning.options.max_kl > 0 ? pruned || p.attention_limited || p.neurons_skipped
                                                     : p.neurons_skipped && generates;
  return watched && drift_check_due(&p.guard);
}

// Whether the rows of the allowed tokens are in place; otherwise loader->missing lists them, or is empty if the step
// waits for the whole output head.
bool has_allowed_rows(Session* s, const Constraint& constraint) {
  if (is_complete(*s)) return true;
  s->loader->missing.clear();
  if (constraint.allowed_count > kMaxWantedRows) return false;
  const Panel& head = model_of(*s).head.weight;
  const uint32_t unit = head.order == PanelOrder::kGroups ? kPanelRows : 1;  // rows that are scored together
  for (uint32_t row = 0; row < head.rows; row += unit) {
    const uint64_t bits = constraint.allowed[row / 64] >> (row % 64) & ((1u << unit) - 1);
    for (uint32_t i = row; bits != 0 && i < std::min(row + unit, head.rows); ++i) want_row(s, head, i);
  }
  return s->loader->missing.empty();
}

// Computes the logits of a step in which a grammar allows some tokens.
bool allowed_logits(Session* s, Sequence* q, uint32_t output, uint32_t rows) {
  StepPruning& p = q->pruning;
  Constraint& c = q->constraint;
  const ModelConfig& config = config_of(*s);
  const bool reports = q->generation.options.logprobs != 0;  // probabilities are those before the mask
  if (reports && !is_complete(*s)) {
    s->loader->missing.clear();
    return false;
  }
  if (!has_allowed_rows(s, c)) return false;
  ++p.steps;
  p.skipping_steps += p.neurons_skipped ? 1 : 0;
  const bool checks = is_complete(*s) && is_check_due(s, q, false);
  c.is_masked = !reports && !checks;
  if (!c.is_masked) {
    model_logits(model_of(*s), output, &s->memory.workspace);
    p.exact_rows += config.vocabulary;
    if (checks) check_drift(s, q, output);
    return true;
  }
  // Below this number, the rows of all allowed tokens take less time than a pruned step's coarse and exact scores.
  const uint64_t coarse_rows = uint64_t{config.vocabulary} * s->memory.pruning.head.rank / (2 * config.hidden);
  if (rows != 0 && c.allowed_count > rows + coarse_rows && try_pruned_logits(s, q, output, rows, c.allowed.span())) {
    return true;
  }
  model_some_logits(model_of(*s), output, c.allowed.span(), &s->memory.workspace);
  p.exact_rows += c.allowed_count;
  return true;
}

// Computes the logits of a step, pruned if possible.
bool step_logits(Session* session, Sequence* sequence, uint32_t output) {
  StepPruning& p = sequence->pruning;
  const uint32_t vocabulary = config_of(*session).vocabulary;
  const uint32_t rows = step_rows(*session, *sequence);
  if (sequence->constraint.is_ready) return allowed_logits(session, sequence, output, rows);
  const bool complete = is_complete(*session);
  bool scored = false;  // pruned logits are in the workspace
  if (!complete && !has_head_rows(session, sequence, output, rows, &scored)) return false;
  const bool pruned = scored || (rows != 0 && !p.wants_head && try_pruned_logits(session, sequence, output, rows));
  p.wants_head = !pruned && !complete;
  if (p.wants_head) return false;
  ++p.steps;
  p.skipping_steps += p.neurons_skipped ? 1 : 0;
  if (!pruned) {
    model_logits(model_of(*session), output, &session->memory.workspace);
    p.exact_rows += vocabulary;
  }
  if (!complete) return true;  // no drift check: the dense model is incomplete
  if (is_check_due(session, sequence, pruned)) check_drift(session, sequence, output);
  return true;
}

}  // namespace

bool pruning_is_active(const Session& session) {
  const PruneOptions& o = session.pruning.options;
  return (session.memory.pruning.head.packed && o.head_rows != 0) || o.kv_tokens != 0 || o.ffn != 0;
}

bool pruning_observes_prompt(const Session& session) {
  return session.pruning.options.ffn != 0 && session.memory.pruning.neurons.kept != 0;
}

bool pruning_knows_sequence(const Session& session, const Sequence& sequence) {
  if (!pruning_observes_prompt(session)) return true;
  return session.pruning.neurons_of == &sequence && session.memory.pruning.neurons.seen > 0;
}

void pruning_reset(const Session& session, uint32_t prompt, Sequence* sequence) {
  sequence->pruning = {};
  sequence->pruning.prompt_end = prompt;
  // Steps that only prune the head estimate their own divergence.
  const uint32_t kv_tokens = session.pruning.options.kv_tokens;
  const bool only_head = !pruning_observes_prompt(session) && (kv_tokens == 0 || prompt < kv_tokens);
  if (only_head) sequence->pruning.guard.until_check = kDriftInterval;
}

void pruning_restart(Session* session, Sequence* sequence, uint32_t prompt, uint32_t reused) {
  pruning_reset(*session, prompt, sequence);
  if (!pruning_observes_prompt(*session) || sequence->is_held) return;
  prompt_neurons_begin(prompt, reused, &session->memory.pruning.neurons);
  session->pruning.neurons_of = sequence;
}

bool pruning_limits_steps(const Session& session, const Sequence& sequence) {
  return limits_attention(session, sequence) || skips_neurons(session, sequence);
}

void pruning_forward(Session* session, Sequence* sequence, std::span<const int32_t> tokens, uint32_t outputs) {
  StepPruning& p = sequence->pruning;
  const Model& model = model_of(*session);
  Workspace* const workspace = &session->memory.workspace;
  PromptNeurons& neurons = session->memory.pruning.neurons;
  const uint32_t count = static_cast<uint32_t>(tokens.size());
  TokenRun run{&sequence->cache, tokens, outputs, attention_limit(*session, *sequence)};
  const bool is_step = count == 1 || !model.config.causal;
  p.attention_limited = count == 1 && limits_attention(*session, *sequence);
  p.neurons_skipped = is_step && skips_neurons(*session, *sequence);
  if (p.neurons_skipped) {
    prompt_neurons_pack(model, &neurons);
    return model_forward(neurons.pruned_model, {&run, 1}, workspace);
  }
  if (session->pruning.neurons_of != sequence || sequence->cache.length >= p.prompt_end) {
    return model_forward(model, {&run, 1}, workspace);
  }
  // All tokens are outputs, so that the neurons of the last layer are observed for each of them too.
  workspace->importance = neurons.importance;
  run.outputs = count;
  model_forward(model, {&run, 1}, workspace);
  workspace->importance = {};
  neurons.seen += count;
  const size_t stride = padded_rows(model.config.hidden);
  float* x = workspace->x.data();
  std::memmove(x, x + (count - outputs) * stride, outputs * stride * sizeof(float));
}

bool pruning_wants_all_logits(const Session& session, const Sequence& sequence) {
  return step_rows(session, sequence) == 0 && !sequence.constraint.is_ready && !pruning_limits_steps(session, sequence);
}

uint32_t pruning_begin_step(const Session& session, Sequence* sequence) {
  sequence->pruning.attention_limited = limits_attention(session, *sequence);
  sequence->pruning.neurons_skipped = false;
  return attention_limit(session, *sequence);
}

void pruning_count_dense_step(const Session& session, Sequence* sequence) {
  StepPruning& p = sequence->pruning;
  p.expected_kl = 0;
  p.has_map = false;
  p.step_rows = config_of(session).vocabulary;
  ++p.steps;
  p.exact_rows += p.step_rows;
}

bool pruning_accepts(const HeadEstimate& estimate, const HeadLimits& limits, Sequence* sequence) {
  StepPruning& p = sequence->pruning;
  if (is_within_limits(estimate, limits)) {
    p.thin_streak = 0;
    return true;
  }
  p.thin_streak = std::min(p.thin_streak + 1, kMaxThinStreak);
  if (p.thin_streak >= 2) p.backoff = 1u << (p.thin_streak - 1);
  return false;
}

bool pruning_logits(Session* session, Sequence* sequence, uint32_t output) {
  StepPruning& p = sequence->pruning;
  const uint64_t before = p.exact_rows;
  p.expected_kl = 0;
  p.has_map = false;
  if (!step_logits(session, sequence, output)) return false;
  p.step_rows = static_cast<uint32_t>(p.exact_rows - before);
  return true;
}

void pruning_dense_logits(Session* session, Sequence* sequence, uint32_t output) {
  const Model& model = model_of(*session);
  Workspace* const workspace = &session->memory.workspace;
  if (sequence->pruning.attention_limited || sequence->pruning.neurons_skipped) {
    // Evaluates the token again with the whole context and all neurons.
    --sequence->cache.length;
    const TokenRun run{&sequence->cache, sequence->history.subspan(sequence->cache.length, 1), 1};
    model_forward(model, {&run, 1}, workspace);
  }
  model_logits(model, output, workspace);
}

}  // namespace camelgpt
