// Dispatches the activity of a session to the file of its kind, and reports progress.
#include <algorithm>

#include "session/session.h"

namespace camelgpt {
namespace {

// The number of tokens before `end` that are not evaluated yet.
uint64_t unevaluated(const Sequence& sequence, uint32_t end) {
  return sequence.cache.length < end ? end - sequence.cache.length : 0;
}

Status advance(Session* s, uint32_t budget, ActivityProgress* progress) {
  switch (s->activity.kind) {
    case ActivityKind::kGenerate: return generation_continue(s, budget, progress);
    case ActivityKind::kPredict: return predict_continue(s, progress);
    case ActivityKind::kFill: return fill_continue(s, progress);
    case ActivityKind::kScore: return score_continue(s, budget, progress);
    case ActivityKind::kEmbed: return embed_continue(s, budget, progress);
    case ActivityKind::kCalibrate: return calibrate_continue(s, progress);
    case ActivityKind::kSave: return save_continue(s, budget, progress);
    case ActivityKind::kRestore: return restore_continue(s, budget, progress);
    case ActivityKind::kNone: break;
  }
  return make_error(ErrorCode::kBadState, "No activity has begun.");
}

}  // namespace

Status session_continue(Session* session, uint32_t budget, ActivityProgress* progress) {
  *progress = {};
  Activity& activity = session->activity;
  if (activity.is_done) {
    const Status status = make_error(ErrorCode::kBadState, "There is nothing to continue: the activity has ended.");
    return with_hint(status, "Begin another one.");
  }
  const Status status = advance(session, budget, progress);
  if (!status.ok()) {
    activity = {};
    *progress = {};
    return status;
  }
  progress->remaining = session_remaining(session);
  activity.is_done = progress->state == ActivityState::kDone;
  return {};
}

uint64_t session_remaining(const Session* session) {
  const Activity& a = session->activity;
  if (a.is_done) return 0;
  switch (a.kind) {
    case ActivityKind::kNone: return 0;
    case ActivityKind::kGenerate:  // of the prompt, without a forced stretch that follows it
      return unevaluated(*a.sequence, std::min(a.sequence->generation.prefill_end, a.sequence->pruning.prompt_end));
    case ActivityKind::kPredict: return unevaluated(*a.sequence, a.sequence->history_length);
    case ActivityKind::kEmbed: return session->texts.tokens.size() - session->texts.evaluated;
    case ActivityKind::kFill: return a.steps - a.step;
    case ActivityKind::kScore: return unevaluated(*a.sequence, a.sequence->history_length - 1);
    case ActivityKind::kCalibrate: return calibrate_remaining(*session);
    case ActivityKind::kSave:
    case ActivityKind::kRestore: return session->transfer.remaining;
  }
  return 0;
}

std::span<const TokenProbability> session_top_tokens(const Session* session) {
  const Activity& a = session->activity;
  if (a.kind != ActivityKind::kGenerate && a.kind != ActivityKind::kPredict) return {};
  return {a.sequence->generation.top, a.sequence->generation.top_count};
}

}  // namespace camelgpt
