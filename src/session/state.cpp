// The text that the cache holds ↔ bytes of a file. They pass through the staging buffer to and from where they are
// used, so that there is no other copy of them.
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
  status = with_expected(status, "bytes as saveState gave them");
  status = with_found(status, "%s", found);
  return with_hint(status, "Evaluate the text again and save it anew.");
}

// `format` has one %llx or %llu, for what was expected and for what was found.
Status refused(ErrorCode code, const char* what, const char* format, unsigned long long expected,
               unsigned long long found, const char* hint) {
  Status status = make_error(code, "The saved state %s.", what);
  status = with_expected(status, format, expected);
  status = with_found(status, format, found);
  return with_hint(status, "%s", hint);
}

Status wrong_size(ErrorCode code, uint64_t expected, uint64_t found) {
  return refused(code, "is not as long as it says", "%llu bytes", expected, found,
                 "It was cut off or changed: save it anew.");
}

Status for_generators(const Session& s) {
  if (s.state != LoadState::kReady) return not_ready();
  if (model_kind(s) != ModelKind::kEncoder) return {};
  const Status status =
      make_error(ErrorCode::kUnsupportedTask, "This model is an encoder: it has no text to go on with.");
  return with_hint(status, "Keep the vectors that embed gives.");
}

std::span<uint8_t> state_part(Session* s, uint32_t part) {
  StateTransfer& t = s->transfer;
  if (part == 0) return {reinterpret_cast<uint8_t*>(&t.header), sizeof t.header};
  return part == 1 ? t.text.span() : cache_part(s->model.config, t.header.length, part - 2, s->cache);
}

// Calls body on each part behind the header.
template <typename Body>
void each_part(Session* s, Body body) {
  for (uint32_t part = 1;; ++part) {
    const std::span<const uint8_t> bytes = state_part(s, part);
    if (bytes.empty()) return;
    body(bytes);
  }
}

uint64_t checksum(Session* s) {
  uint64_t hash = hash_bytes(&s->transfer.header.model, sizeof(StateHeader) - kChecked);
  each_part(s, [&](std::span<const uint8_t> bytes) { hash = hash_bytes(bytes.data(), bytes.size(), hash); });
  return hash;
}

uint64_t state_bytes(Session* s) {
  uint64_t bytes = sizeof(StateHeader);
  each_part(s, [&](std::span<const uint8_t> part) { bytes += part.size(); });
  return bytes;
}

// Copies between these bytes and what is left of a part, in one direction or the other. Says how many that were.
size_t move_some(Session* s, std::span<uint8_t> bytes, bool out) {
  StateTransfer& t = s->transfer;
  const std::span<uint8_t> part = state_part(s, t.part).subspan(t.at);
  const size_t count = std::min(part.size(), bytes.size());
  std::memcpy(out ? bytes.data() : part.data(), out ? part.data() : bytes.data(), count);
  t.left -= count;
  t.at += count;
  if (count == part.size()) {
    t.at = 0;
    ++t.part;
  }
  return count;
}

// Ids of a vocabulary, or for chunks their length in a byte and their bytes.
Status put_text(const Session& s, uint32_t length, Buffer<uint8_t>* text) {
  text->clear();
  bool kept = true;
  for (const int32_t token : s.history.first(length)) {
    if (!reads_bytes(s)) {
      kept = kept && text->append(reinterpret_cast<const uint8_t*>(&token), sizeof token);
      continue;
    }
    const std::string_view bytes = chunks_bytes(s.tokenizer.chunks, token);
    kept = kept && text->push_back(static_cast<uint8_t>(bytes.size())) &&
           text->append(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  }
  return kept ? Status{} : out_of_memory("the text of a saved state", text->size());
}

// Chunks → ids in the token buffer. *full: an id was wanted where all are in use.
Status take_chunks(Session* s, bool* full) {
  const Buffer<uint8_t>& text = s->transfer.text;
  s->tokens.clear();
  *full = false;
  size_t at = 0;
  for (uint32_t i = 0; i < s->transfer.header.length && !*full; ++i) {
    const size_t size = at < text.size() ? text[at] : SIZE_MAX;
    if (size > s->tokenizer.chunks.length || size >= text.size() - at) return damaged("chunks that cannot be");
    const std::string_view bytes(reinterpret_cast<const char*>(text.data()) + at + 1, size);
    const int32_t token = bytes.empty() ? kEndChunk : chunks_intern(bytes, &s->tokenizer.chunks);
    *full = token < 0;
    if (!s->tokens.push_back(token)) return out_of_memory("tokens", s->tokens.size());
    at += 1 + size;
  }
  return at == text.size() || *full ? Status{} : damaged("more chunks than tokens");
}

// The text → the history.
Status take_text(Session* s) {
  const uint32_t length = s->transfer.header.length;
  if (reads_bytes(*s)) {
    bool full = false;
    CAMELGPT_TRY(take_chunks(s, &full));
    if (full) {
      chunks_sweep(kept_chunks(*s), &s->tokenizer.chunks);  // which fill half of the table at most
      CAMELGPT_TRY(take_chunks(s, &full));
    }
  } else {
    s->tokens.clear();
    if (!s->tokens.resize(length)) return out_of_memory("tokens", length * sizeof(int32_t));
    std::memcpy(s->tokens.data(), s->transfer.text.data(), length * sizeof(int32_t));
  }
  CAMELGPT_TRY(check_tokens(*s, length));
  std::copy_n(s->tokens.begin(), length, s->history.begin());
  return {};
}

void forget_text(Session* s) {
  s->cache.length = s->history_length = s->prompt_length = 0;
  s->generated = s->pending = 0;
  s->generating = s->scoring = s->predicting = false;
  pruning_restart(0, 0, &s->pruning);
}

// The header has come. Where the state fits, what the cache held is forgotten.
Status check_header(Session* s) {
  StateTransfer& t = s->transfer;
  const StateHeader& h = t.header;
  if (std::memcmp(h.magic, "CGST", sizeof h.magic) != 0) return damaged("a file of another kind");
  if (h.version != kVersion) {
    return refused(ErrorCode::kUnsupportedVersion, "is of another version", "version %llu", kVersion, h.version,
                   "Save it with the version of this package that is to load it.");
  }
  uint64_t fingerprint;
  CAMELGPT_TRY(model_fingerprint(s->model, &fingerprint));
  if (h.model != fingerprint) {
    return refused(ErrorCode::kBadInput, "belongs to another model", "fingerprint %016llx", fingerprint, h.model,
                   "Load it into the model that it was saved from: the same file, and the same option weights.");
  }
  const uint32_t kv_bits = 8 * kv_element_bytes(s->cache.type);
  if (h.kv_bits != kv_bits) {
    return refused(ErrorCode::kBadInput, "has keys and values of another type", "%llu bits", kv_bits, h.kv_bits,
                   "Load the model with the option kvCache that it had when the state was saved.");
  }
  if (h.length == 0) return damaged("no text");
  if (h.length > s->cache.context) return does_not_fit(*s, h.length, s->cache.context);
  const uint64_t least = h.length * (reads_bytes(*s) ? 1 : sizeof(int32_t));
  const uint64_t most = reads_bytes(*s) ? h.length * uint64_t{1 + kMaxChunkLength} : least;
  if (h.text_bytes < least || h.text_bytes > most) return damaged("a text of another length");
  if (!t.text.resize(static_cast<size_t>(h.text_bytes)))
    return out_of_memory("the text of a saved state", h.text_bytes);
  const uint64_t total = state_bytes(s), found = t.left + sizeof h;
  if (found != total) return wrong_size(found < total ? ErrorCode::kTruncated : ErrorCode::kBadFormat, total, found);
  take_oldest_sequence(s);
  forget_text(s);
  return {};
}

// All bytes have come.
Status finish_restore(Session* s) {
  const uint32_t length = s->transfer.header.length;
  const ModelConfig& config = s->model.config;
  if (checksum(s) != s->transfer.header.checksum) return damaged("another checksum");
  if (!cache_is_sound(config, length, s->cache)) return damaged("keys or values that cannot be");
  CAMELGPT_TRY(take_text(s));
  cache_fill(config, length, &s->cache);
  s->history_length = length;
  s->prompt_length = config.causal ? 0 : length;
  return {};
}

Status take_bytes(Session* s, size_t size) {
  StateTransfer& t = s->transfer;
  if (size > t.left || size > s->staging.size())
    return make_error(ErrorCode::kBadState, "A saved state was not announced, or not so long.");
  for (size_t used = 0; used < size;) {
    if (t.part > 0 && s->cache.length + s->history_length > 0) {
      return make_error(ErrorCode::kBadState, "The cache was used while a saved state came in.");
    }
    used += move_some(s, s->staging.span().subspan(used, size - used), false);
    if (t.part == 1 && t.at == 0) CAMELGPT_TRY(check_header(s));
  }
  return t.left == 0 ? finish_restore(s) : Status{};
}

}  // namespace

Status session_save_begin(Session* session, uint64_t* bytes) {
  Session* s = session;
  CAMELGPT_TRY(for_generators(*s));
  const uint32_t length = session_cached_tokens(s);
  if (length == 0) {
    const Status status = make_error(ErrorCode::kBadState, "There is no text in the cache.");
    return with_hint(status, "Generate something first. While a model calibrates, the cache is used for that.");
  }
  StateTransfer& t = s->transfer;
  t = {};
  std::memcpy(t.header.magic, "CGST", sizeof t.header.magic);
  t.header.version = kVersion;
  CAMELGPT_TRY(model_fingerprint(s->model, &t.header.model));
  t.header.kv_bits = 8 * kv_element_bytes(s->cache.type);
  t.header.length = length;
  CAMELGPT_TRY(put_text(*s, length, &t.text));
  t.header.text_bytes = t.text.size();
  s->generating = false;
  s->cache.length = length;
  cache_clear_rest(s->model.config, &s->cache);
  t.header.checksum = checksum(s);
  *bytes = t.left = state_bytes(s);
  return {};
}

size_t session_save_continue(Session* session) {
  size_t filled = 0;
  const std::span<uint8_t> staging = session->staging.span();
  while (session->transfer.left > 0 && filled < staging.size())
    filled += move_some(session, staging.subspan(filled), true);
  if (session->transfer.left == 0) session->transfer = {};
  return filled;
}

Status session_restore_begin(Session* session, uint64_t bytes) {
  CAMELGPT_TRY(for_generators(*session));
  session->transfer = {};
  if (bytes < sizeof(StateHeader)) return wrong_size(ErrorCode::kTruncated, sizeof(StateHeader), bytes);
  session->transfer.left = bytes;
  return {};
}

Status session_restore_continue(Session* session, size_t size) {
  const Status status = take_bytes(session, size);
  if (!status.ok() || session->transfer.left == 0) session->transfer = {};
  return status;
}

}  // namespace camelgpt
