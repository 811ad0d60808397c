// Generations side by side: their slots, and the forward pass that evaluates their last tokens together.
#include <algorithm>

#include "session/session.h"

namespace camelgpt {
namespace {

Status free_slot(uint32_t slot) {
  const Status status = make_error(ErrorCode::kBadState, "There is no generation in slot %u.", slot);
  return with_hint(status, "It was released, or another activity has begun.");
}

Status untaken_result(uint32_t slot) {
  const Status status = make_error(ErrorCode::kBadState, "The generation in slot %u was not continued.", slot);
  return with_hint(status, "Continue every generation after their last tokens were evaluated together.");
}

Sequence* held_sequence(Session* s, uint32_t slot) {
  return slot < s->sequence_count && s->sequences[slot].is_held ? &s->sequences[slot] : nullptr;
}

// Whether the next step of a generation evaluates the last token of its history and nothing else. Prepares its grammar,
// whose errors the step reports.
bool evaluates_last(Session* s, Sequence* q) {
  const Generation& g = q->generation;
  const bool has_ended = g.step.finish != FinishReason::kNone;
  if (has_ended || g.is_full || q->cache.length < g.prefill_end || q->cache.length + 1 != q->history_length)
    return false;
  if (q->constraint.grammar == nullptr) return true;
  bool ends = false;
  return constraint_prepare(s, q, &ends).ok() && !ends && !q->constraint.has_forced();
}

size_t state_floats(const Session& s) { return padded_rows(config_of(s).hidden); }
size_t logit_floats(const Session& s) { return padded_rows(config_of(s).vocabulary); }

std::span<float> kept_state(const Session& s, const Sequence& q) {
  return s.memory.states.subspan(slot_of(s, q) * state_floats(s), state_floats(s));
}

void keep_output(Session* s, Sequence* q, uint32_t output) {
  const float* state = s->memory.workspace.x.data() + output * state_floats(*s);
  std::copy_n(state, state_floats(*s), kept_state(*s, *q).begin());
  q->together = TogetherResult::kState;
}

}  // namespace

uint32_t slot_of(const Session& session, const Sequence& sequence) {
  return static_cast<uint32_t>(&sequence - session.sequences);
}

void end_activities(Session* session) {
  session->activity = {};
  for (uint32_t slot = 0; slot < session->sequence_count; ++slot) session_release(session, slot);
}

Status expect_free_slot(const Session& session) {
  if (!is_complete(session) || session.memory.states.empty()) {
    const Status status = make_error(ErrorCode::kUnsupportedTask, "The model cannot generate texts side by side.");
    return with_hint(status, "Load a causal model with a vocabulary completely, with several sequences.");
  }
  const auto is_free = [](const Sequence& sequence) { return !sequence.is_held; };
  const std::span<const Sequence> all(session.sequences, session.sequence_count);
  if (std::any_of(all.begin(), all.end(), is_free)) return {};
  Status status = make_error(ErrorCode::kBadState, "All sequences are in use.");
  status = with_expected(status, "fewer than %zu generations in progress", all.size());
  return with_hint(status, "Wait for one to end, or load the model with more sequences.");
}

bool session_can_run_beside(const Session* session) {
  const Session& s = *session;
  return is_complete(s) && !s.memory.states.empty() && !pruning_observes_prompt(s);
}

uint32_t session_slot(const Session* session) {
  const Sequence* q = session->activity.sequence;
  return q == nullptr ? 0 : slot_of(*session, *q);
}

Status session_resume(Session* session, uint32_t slot) {
  Sequence* const q = held_sequence(session, slot);
  if (q == nullptr) return free_slot(slot);
  q->last_used = ++session->uses;
  const bool is_done = q->generation.step.finish != FinishReason::kNone;
  session->activity = {.kind = ActivityKind::kGenerate, .sequence = q, .is_done = is_done};
  return {};
}

void session_release(Session* session, uint32_t slot) {
  Sequence* const q = held_sequence(session, slot);
  if (q == nullptr) return;
  q->is_held = false;
  q->together = TogetherResult::kNone;
  q->constraint = {};  // its grammar may be dropped from now on
  if (session->activity.sequence == q) session->activity = {};
}

Status session_evaluate_together(Session* session, std::span<const uint32_t> slots) {
  Session* const s = session;
  Sequence* members[kMaxSequences];
  uint32_t count = 0;
  for (const uint32_t slot : slots) {
    Sequence* const q = held_sequence(s, slot);
    if (q == nullptr) return free_slot(slot);
    if (q->together == TogetherResult::kLogits) return untaken_result(slot);
    const bool is_listed = std::find(members, members + count, q) != members + count;
    if (!is_listed && evaluates_last(s, q)) members[count++] = q;
  }
  if (count < 2) return {};  // its own step does the same, with drafts

  // The hidden states of those that want all logits come first.
  const auto wants_all = [&](const Sequence* q) { return pruning_wants_all_logits(*s, *q); };
  const uint32_t dense = static_cast<uint32_t>(std::partition(members, members + count, wants_all) - members);
  TokenRun runs[kMaxSequences];
  for (uint32_t i = 0; i < count; ++i) {
    Sequence* const q = members[i];
    runs[i] = {&q->cache, q->history.subspan(q->cache.length, 1), 1, pruning_begin_step(*s, q)};
  }
  model_forward(model_of(*s), {runs, count}, &s->memory.workspace);
  const uint32_t with_logits = dense < 2 ? 0 : dense;
  if (with_logits > 0) model_many_logits(model_of(*s), with_logits, s->memory.logits, &s->memory.workspace);
  for (uint32_t i = 0; i < count; ++i) {
    Sequence* const q = members[i];
    q->together_row = i;
    if (i < with_logits) {
      q->together = TogetherResult::kLogits;
    } else {
      keep_output(s, q, i);
    }
  }
  return {};
}

void keep_state(Session* session, Sequence* sequence) { keep_output(session, sequence, 0); }

bool take_together(Session* session, Sequence* sequence, bool* has_logits) {
  const Session& s = *session;
  const TogetherResult result = sequence->together;
  sequence->together = TogetherResult::kNone;
  *has_logits = result == TogetherResult::kLogits;
  Workspace& workspace = session->memory.workspace;
  if (result == TogetherResult::kState) {
    const std::span<float> state = kept_state(s, *sequence);
    std::copy(state.begin(), state.end(), workspace.x.begin());
  } else if (*has_logits) {
    const float* logits = s.memory.logits.data() + sequence->together_row * logit_floats(s);
    std::copy_n(logits, config_of(s).vocabulary, workspace.logits.begin());
    pruning_count_dense_step(s, sequence);
  }
  return result != TogetherResult::kNone;
}

}  // namespace camelgpt
