// Several texts in one cache's stead: which of them a prompt goes on from.
#include <algorithm>
#include <utility>

#include "model/kv_state.h"
#include "session/session.h"

namespace camelgpt {
namespace {

Sequence active_sequence(const Session& s) {
  return {s.cache, s.history, s.history_length, s.prompt_length, s.last_used};
}

// Tokens of a sequence that a prompt can go on from.
uint32_t held_tokens(const Session& s, const Sequence& sequence) {
  return std::min(sequence.cache.length, s.model.config.causal ? sequence.history_length : sequence.prompt_length);
}

// How many of the first tokens in the buffer a sequence holds as a prompt would leave them.
uint32_t same_beginning(const Session& s, const Sequence& sequence, uint32_t count) {
  // The last token is evaluated anew: its logits are needed. Where tokens see what comes after them, it is all or
  // nothing.
  const bool causal = s.model.config.causal;
  if (!causal && sequence.prompt_length != count) return 0;
  uint32_t same = 0;
  const uint32_t limit = std::min(sequence.cache.length, causal ? count - 1 : count);
  while (same < limit && sequence.history[same] == s.tokens[same]) ++same;
  return causal || same == count ? same : 0;
}

void exchange(Session* s, Sequence* other) {
  std::swap(s->cache, other->cache);
  std::swap(s->history, other->history);
  std::swap(s->history_length, other->history_length);
  std::swap(s->prompt_length, other->prompt_length);
  other->last_used = s->last_used;
}

}  // namespace

uint32_t session_cached_tokens(const Session* session) {
  return session->pruning.window_length > 0
             ? 0
             : held_tokens(*session, active_sequence(*session));  // that is a calibration's text
}

uint32_t choose_sequence(Session* session, uint32_t count) {
  Session* s = session;
  Sequence active = active_sequence(*s);
  Sequence *best = &active, *oldest = &active;
  uint32_t same = pruning_can_reuse(s->pruning) ? same_beginning(*s, active, count) : 0;
  for (Sequence& other : s->others) {
    if (other.last_used < oldest->last_used) oldest = &other;
    if (pruning_watches_prompt(s->pruning)) continue;  // what it learnt is about the active one
    const uint32_t other_same = same_beginning(*s, other, count);
    if (other_same <= same) continue;
    same = other_same;
    best = &other;
  }
  // To go on in the best one forgets what it holds beyond, to do so in a copy what the oldest one holds: the least of
  // both.
  const bool goes_on = same > 0 && held_tokens(*s, *best) <= same + held_tokens(*s, *oldest);
  Sequence* const chosen = goes_on ? best : oldest;
  const KvCache from = best->cache;
  if (chosen != &active) exchange(s, chosen);
  if (chosen != best && same > 0) cache_copy(s->model.config, same, from, &s->cache);
  s->last_used = ++s->uses;
  return same;
}

void take_oldest_sequence(Session* session) {
  Sequence* oldest = nullptr;
  uint64_t least = session->last_used;
  for (Sequence& other : session->others) {
    if (other.last_used >= least) continue;
    least = other.last_used;
    oldest = &other;
  }
  if (oldest != nullptr) exchange(session, oldest);
  session->last_used = ++session->uses;
}

std::span<const int32_t> kept_chunks(const Session& session) {
  if (!session.others.empty()) return session.histories;
  return session.history.first(std::max(session.history_length, session.cache.length));
}

}  // namespace camelgpt
