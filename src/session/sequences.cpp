// A prompt → the sequence whose cache it can reuse best.
#include <algorithm>
#include <cassert>

#include "model/kv_state.h"
#include "session/session.h"

namespace camelgpt {
namespace {

std::span<Sequence> sequences_of(Session* s) { return {s->sequences, s->sequence_count}; }
std::span<const Sequence> sequences_of(const Session& s) { return {s.sequences, s.sequence_count}; }

// The number of leading tokens of the prompt that need not be evaluated again in this sequence.
uint32_t common_prefix(const Session& s, const Sequence& sequence, std::span<const int32_t> prompt, uint32_t salt) {
  if (sequence.cache_salt != salt || !pruning_knows_sequence(s, sequence)) return 0;
  const uint32_t count = static_cast<uint32_t>(prompt.size());
  // The last token is always evaluated: its logits are needed. In non-causal models every token depends on all others.
  const bool causal = config_of(s).causal;
  if (!causal && sequence.prompt_length != count) return 0;
  const uint32_t limit = std::min(sequence.cache.length, causal ? count - 1 : count);
  uint32_t same = 0;
  while (same < limit && sequence.history[same] == prompt[same]) ++same;
  return causal || same == count ? same : 0;
}

bool used_before(const Sequence& a, const Sequence& b) { return a.last_used < b.last_used; }

void mark_used(Session* s, uint32_t salt, Sequence* sequence) {
  sequence->last_used = ++s->uses;
  sequence->cache_salt = salt;
  sequence->constraint = {};  // of an answer that was aborted, perhaps with a mask for its next token
}

// The least recently used sequence of those that are not held.
Sequence* oldest_sequence(Session* s) {
  const auto is_older = [](const Sequence& a, const Sequence& b) {
    return a.is_held == b.is_held ? used_before(a, b) : b.is_held;
  };
  const std::span<Sequence> all = sequences_of(s);
  Sequence* const oldest = &*std::min_element(all.begin(), all.end(), is_older);
  assert(!oldest->is_held);
  return oldest;
}

}  // namespace

uint32_t held_tokens(const Session& session, const Sequence& sequence) {
  const bool causal = config_of(session).causal;
  return std::min(sequence.cache.length, causal ? sequence.history_length : sequence.prompt_length);
}

const Sequence* latest_sequence(const Session* session) {
  const std::span<const Sequence> all = sequences_of(*session);
  if (all.empty()) return nullptr;
  return &*std::max_element(all.begin(), all.end(), used_before);
}

Sequence* latest_sequence(Session* session) {
  return const_cast<Sequence*>(latest_sequence(static_cast<const Session*>(session)));
}

uint32_t session_cached_tokens(const Session* session) {
  const Sequence* latest = latest_sequence(session);
  return latest == nullptr ? 0 : held_tokens(*session, *latest);
}

uint32_t longest_prefix(const Session& session, std::span<const int32_t> prompt) {
  uint32_t longest = 0;
  for (const Sequence& sequence : sequences_of(session)) {
    longest = std::max(longest, common_prefix(session, sequence, prompt, 0));
  }
  return longest;
}

Sequence* choose_sequence(Session* session, std::span<const int32_t> prompt, uint32_t salt, uint32_t* reused) {
  Sequence* best = latest_sequence(session);
  *reused = common_prefix(*session, *best, prompt, salt);
  for (Sequence& sequence : sequences_of(session)) {
    const uint32_t same = common_prefix(*session, sequence, prompt, salt);
    if (same <= *reused) continue;
    best = &sequence;
    *reused = same;
  }
  // Continuing in the best sequence discards its tokens after the prefix; continuing in a copy discards the oldest
  // sequence. Discard fewer tokens.
  Sequence* const oldest = oldest_sequence(session);
  const bool continues =
      *reused > 0 && !best->is_held && held_tokens(*session, *best) <= *reused + held_tokens(*session, *oldest);
  Sequence* const chosen = continues ? best : oldest;
  if (chosen != best && *reused > 0) cache_copy(config_of(*session), *reused, best->cache, &chosen->cache);
  mark_used(session, salt, chosen);
  return chosen;
}

Sequence* take_oldest_sequence(Session* session) {
  Sequence* const oldest = oldest_sequence(session);
  mark_used(session, 0, oldest);
  return oldest;
}

std::span<const int32_t> kept_chunks(const Session& session) {
  if (session.sequence_count != 1) return session.memory.histories;
  const Sequence& only = session.sequences[0];
  return only.history.first(std::max(only.history_length, only.cache.length));
}

Status check_tokens(const Session& session, std::span<const int32_t> tokens) {
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (session.token_form->is_valid(session, tokens[i])) continue;
    const Status status = make_error(ErrorCode::kBadInput, "Token %zu is not in the vocabulary.", i);
    return with_found(session.token_form->invalid(session, status), "%d", tokens[i]);
  }
  return {};
}

Status does_not_fit(const Session& session, size_t tokens, size_t limit) {
  if (tokens == 0) {
    Status status = make_error(ErrorCode::kBadInput, "The text is empty.");
    status = with_expected(status, "at least one token");
    return with_hint(status, "Give the model some text.");
  }
  Status status = make_error(ErrorCode::kContextOverflow, "The text is longer than the context.");
  status = with_expected(status, "at most %zu tokens", limit);
  status = with_found(status, "%zu tokens", tokens);
  return with_hint(status, "Shorten the text, or load the model with a larger contextLength (at most %u).",
                   config_of(session).context_length);
}

Status begin_text(Session* session, std::span<const int32_t> tokens, Sequence** sequence) {
  CAMELGPT_TRY(check_tokens(*session, tokens));
  const uint32_t context = session->sequences[0].cache.context;
  if (tokens.empty() || tokens.size() > context) return does_not_fit(*session, tokens.size(), context);
  Sequence* const chosen = take_oldest_sequence(session);
  forget_text(chosen);
  std::copy(tokens.begin(), tokens.end(), chosen->history.begin());
  chosen->history_length = static_cast<uint32_t>(tokens.size());
  pruning_restart(session, chosen, chosen->history_length, 0);
  *sequence = chosen;
  return {};
}

void forget_text(Sequence* sequence) {
  sequence->cache.length = sequence->history_length = sequence->prompt_length = 0;
}

}  // namespace camelgpt
