// The cached text ↔ the bytes of a saved state. Bytes are copied directly between the cache and the staging buffer, so
// that the whole state is never copied.
#include "session/state.h"

#include <algorithm>
#include <cstring>

#include "base/hash.h"
#include "model/kv_state.h"
#include "prune/sidecar.h"
#include "session/session.h"

namespace camelgpt {
namespace {

constexpr uint32_t kVersion = 1;
constexpr size_t kChecked = offsetof(StateHeader, model);

Status damaged(const char* found) {
  Status status = make_error(ErrorCode::kBadFormat, "The saved state is damaged.");
  status = with_expected(status, "the bytes that saveState returned");
  status = with_found(status, "%s", found);
  return with_hint(status, "Evaluate the text again and save it again.");
}

// `format` has one %llx or %llu, and prints both `expected` and `found`.
Status refused(ErrorCode code, const char* what, const char* format, unsigned long long expected,
               unsigned long long found, const char* hint) {
  Status status = make_error(code, "The saved state %s.", what);
  status = with_expected(status, format, expected);
  status = with_found(status, format, found);
  return with_hint(status, "%s", hint);
}

Status wrong_size(ErrorCode code, uint64_t expected, uint64_t found) {
  return refused(code, "does not have the length that its header says", "%llu bytes", expected, found,
                 "It was cut off or changed: save it again.");
}

Status expect_generator(const Session& s) {
  if (s.state != LoadState::kReady) return not_ready();
  if (model_kind(s) != ModelKind::kEncoder) return {};
  const Status status =
      make_error(ErrorCode::kUnsupportedTask, "This model is an encoder: it has no text to continue.");
  return with_hint(status, "Keep the vectors that embed returns.");
}

// Keys depend on the rope factors, which depend on the length of the context.
Status state_fingerprint(const Session& s, uint64_t* fingerprint) {
  CAMELGPT_TRY(model_fingerprint(model_of(s), fingerprint));
  const ModelConfig& c = config_of(s);
  if (c.rope_factor_sets && s.sequences[0].cache.context > c.rope_original_context) *fingerprint = ~*fingerprint;
  return {};
}

std::span<uint8_t> state_section(Session* s, uint32_t section) {
  StateTransfer& t = s->transfer;
  if (section == 0) return {reinterpret_cast<uint8_t*>(&t.header), sizeof t.header};
  if (section == 1) return t.text.span();
  return cache_part(config_of(*s), t.header.length, section - 2, s->activity.sequence->cache);
}

// Calls body on each section after the header.
template <typename Body>
void for_each_section(Session* s, Body body) {
  for (uint32_t section = 1;; ++section) {
    const std::span<const uint8_t> bytes = state_section(s, section);
    if (bytes.empty()) return;
    body(bytes);
  }
}

uint64_t checksum(Session* s) {
  uint64_t hash = hash_bytes(&s->transfer.header.model, sizeof(StateHeader) - kChecked);
  for_each_section(s, [&](std::span<const uint8_t> bytes) { hash = hash_bytes(bytes.data(), bytes.size(), hash); });
  return hash;
}

uint64_t state_bytes(Session* s) {
  uint64_t bytes = sizeof(StateHeader);
  for_each_section(s, [&](std::span<const uint8_t> section) { bytes += section.size(); });
  return bytes;
}

// Copies between `bytes` and the rest of a section, in either direction. Returns the number of bytes copied.
size_t transfer_some(Session* s, std::span<uint8_t> bytes, bool out) {
  StateTransfer& t = s->transfer;
  const std::span<uint8_t> section = state_section(s, t.section).subspan(t.offset);
  const size_t count = std::min(section.size(), bytes.size());
  std::memcpy(out ? bytes.data() : section.data(), out ? section.data() : bytes.data(), count);
  t.remaining -= count;
  t.offset += count;
  if (count == section.size()) {
    t.offset = 0;
    ++t.section;
  }
  return count;
}

// Called when the header has arrived. If the state fits, empties a sequence for it.
Status check_header(Session* s) {
  StateTransfer& t = s->transfer;
  const StateHeader& h = t.header;
  if (std::memcmp(h.magic, "CGST", sizeof h.magic) != 0) return damaged("a file of another kind");
  if (h.version != kVersion) {
    return refused(ErrorCode::kUnsupportedVersion, "has another version", "version %llu", kVersion, h.version,
                   "Save it with the version of this package that is to load it.");
  }
  uint64_t fingerprint;
  CAMELGPT_TRY(state_fingerprint(*s, &fingerprint));
  if (h.model != fingerprint) {
    return refused(
        ErrorCode::kBadInput, "belongs to another model", "fingerprint %016llx", fingerprint, h.model,
        "Load it into the model it was saved from: the same file, and the same options weights and contextLength.");
  }
  const KvCache& cache = s->sequences[0].cache;
  const uint32_t kv_bits = 8 * kv_element_bytes(cache.type);
  if (h.kv_bits != kv_bits) {
    return refused(ErrorCode::kBadInput, "has keys and values of another type", "%llu bits", kv_bits, h.kv_bits,
                   "Load the model with the option kvCache that it had when the state was saved.");
  }
  if (h.length == 0) return damaged("no text");
  if (h.length > cache.context) return does_not_fit(*s, h.length, cache.context);
  if (h.text_bytes < s->token_form->min_state_bytes(h.length) ||
      h.text_bytes > s->token_form->max_state_bytes(h.length)) {
    return damaged("a text of another length");
  }
  if (!t.text.resize(static_cast<size_t>(h.text_bytes))) {
    return out_of_memory("the text of a saved state", h.text_bytes);
  }
  const uint64_t found = t.remaining + sizeof h, total = state_bytes(s);
  if (found != total) return wrong_size(found < total ? ErrorCode::kTruncated : ErrorCode::kBadFormat, total, found);
  Sequence* const q = take_oldest_sequence(s);
  forget_text(q);
  pruning_restart(s, q, 0, 0);
  s->activity.sequence = q;
  return {};
}

// Called when all bytes have arrived.
Status finish_restore(Session* s) {
  StateTransfer& t = s->transfer;
  Sequence* const q = s->activity.sequence;
  const uint32_t length = t.header.length;
  const ModelConfig& config = config_of(*s);
  if (checksum(s) != t.header.checksum) return damaged("another checksum");
  if (!cache_is_sound(config, length, q->cache)) return damaged("impossible keys or values");
  Buffer<int32_t> tokens;
  CAMELGPT_TRY(s->token_form->read(s, t.text.span(), length, &tokens));
  CAMELGPT_TRY(check_tokens(*s, tokens.span()));
  std::copy(tokens.begin(), tokens.end(), q->history.begin());
  cache_fill(config, length, &q->cache);
  q->history_length = length;
  q->prompt_length = config.causal ? 0 : length;
  q->generation = {};
  return {};
}

}  // namespace

Status session_begin(Session* session, const SaveRequest&) {
  Session* s = session;
  end_activities(s);
  CAMELGPT_TRY(expect_generator(*s));
  Sequence* const q = latest_sequence(s);
  const uint32_t length = held_tokens(*s, *q);
  if (length == 0) {
    const Status status = make_error(ErrorCode::kBadState, "There is no text in the cache.");
    return with_hint(status, "Generate something first. A calibration uses the cache for its own text.");
  }
  StateTransfer& t = s->transfer;
  t = {};
  std::memcpy(t.header.magic, "CGST", sizeof t.header.magic);
  t.header.version = kVersion;
  CAMELGPT_TRY(state_fingerprint(*s, &t.header.model));
  t.header.kv_bits = 8 * kv_element_bytes(q->cache.type);
  t.header.length = length;
  CAMELGPT_TRY(s->token_form->write(*s, q->history.first(length), &t.text));
  t.header.text_bytes = t.text.size();
  q->cache.length = length;
  cache_clear_rest(config_of(*s), &q->cache);
  s->activity = {.kind = ActivityKind::kSave, .sequence = q};
  t.header.checksum = checksum(s);
  t.remaining = state_bytes(s);
  return {};
}

Status save_continue(Session* session, uint32_t budget, ActivityProgress* progress) {
  StateTransfer& t = session->transfer;
  const std::span<uint8_t> staging =
      session->staging.span().first(std::clamp<size_t>(budget, 1, session->staging.size()));
  size_t filled = 0;
  while (t.remaining > 0 && filled < staging.size()) {
    filled += transfer_some(session, staging.subspan(filled), true);
  }
  progress->processed = filled;
  progress->state = t.remaining > 0 ? ActivityState::kMore : ActivityState::kDone;
  if (t.remaining == 0) t = {};
  return {};
}

Status session_begin(Session* session, const RestoreRequest& request) {
  Session* s = session;
  end_activities(s);
  CAMELGPT_TRY(expect_generator(*s));
  s->transfer = {};
  if (request.bytes < sizeof(StateHeader)) {
    return wrong_size(ErrorCode::kTruncated, sizeof(StateHeader), request.bytes);
  }
  s->transfer.remaining = request.bytes;
  // Until the header is checked, only the shape of the sequence's cache matters.
  s->activity = {.kind = ActivityKind::kRestore, .sequence = &s->sequences[0]};
  return {};
}

Status restore_continue(Session* session, uint32_t budget, ActivityProgress* progress) {
  Session* s = session;
  StateTransfer& t = s->transfer;
  if (budget > t.remaining || budget > s->staging.size()) {
    return make_error(ErrorCode::kBadState, "More bytes than the saved state was announced to have.");
  }
  for (size_t used = 0; used < budget;) {
    used += transfer_some(s, s->staging.span().subspan(used, budget - used), false);
    if (t.section == 1 && t.offset == 0) CAMELGPT_TRY(check_header(s));
  }
  progress->processed = budget;
  if (t.remaining > 0) {
    progress->state = ActivityState::kMore;
    return {};
  }
  CAMELGPT_TRY(finish_restore(s));
  t = {};
  return {};
}

}  // namespace camelgpt
