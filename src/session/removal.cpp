// Removes tokens from the middle of a cached text.
#include <algorithm>

#include "model/kv_shift.h"
#include "session/session.h"

namespace camelgpt {

Status session_remove_tokens(Session* session, std::span<const int32_t> text, uint32_t from, uint32_t to) {
  Session* s = session;
  end_activities(s);
  if (s->state != LoadState::kReady) return not_ready();
  if (!model_can_shift(model_of(*s))) {
    const Status status = make_error(ErrorCode::kUnsupportedTask, "Cached tokens of this model cannot move.");
    return with_hint(status, "Evaluate the shorter text.");
  }
  CAMELGPT_TRY(check_tokens(*s, text));
  if (from >= to || to >= text.size()) {
    const Status status = make_error(ErrorCode::kBadInput, "The tokens to remove are not within the text.");
    return with_found(status, "%u to %u of %zu", from, to, text.size());
  }
  if (longest_prefix(*s, text) <= to) return {};
  uint32_t held;
  Sequence* const q = choose_sequence(s, text, 0, &held);
  held = cache_cut(config_of(*s), held, &q->cache);
  std::copy_n(text.begin(), held, q->history.begin());
  cache_remove(model_of(*s), from, to, &s->memory.workspace, &q->cache);
  std::copy(q->history.begin() + to, q->history.begin() + held, q->history.begin() + from);
  q->history_length = q->cache.length;
  q->generation = {};
  pruning_restart(s, q, q->history_length, q->history_length);
  return {};
}

}  // namespace camelgpt
