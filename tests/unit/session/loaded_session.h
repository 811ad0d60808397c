// What tests of sessions have in common.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "camelgpt.h"

namespace camelgpt {

// A session that is destroyed with its test.
struct TestSession {
  Session* session = session_create();
  TestSession() { REQUIRE(session != nullptr); }
  ~TestSession() { session_destroy(session); }
  operator Session*() const { return session; }
};

// Feeds a file in pieces; the status of the first call that fails, or of the end of the file.
inline Status load(Session* session, const std::vector<uint8_t>& file, size_t piece, const MemoryOptions& options) {
  for (size_t at = 0; at < file.size(); at += piece) {
    const size_t size = std::min({piece, file.size() - at, session_staging(session).size()});
    std::memcpy(session_staging(session).data(), file.data() + at, size);
    CAMELGPT_TRY(session_feed(session, size));
    if (session_load_state(session) == LoadState::kPlanned) CAMELGPT_TRY(session_allocate(session, options));
  }
  return session_end_of_file(session);
}
inline Status load(Session* session, const std::vector<uint8_t>& file, size_t piece = 1 << 16, uint32_t context = 0,
                   KvType kv_type = KvType::k16, bool prunes = false, float ffn = 0) {
  const PruneOptions prune{.head_rows = prunes, .kv_tokens = prunes, .ffn = ffn};
  return load(session, file, piece, MemoryOptions{.context_length = context, .kv_cache = kv_type, .prune = prune});
}

// Puts bytes where calls read "the text" from.
inline void put_bytes(Session* session, const std::string& bytes) {
  char* buffer = session_text_buffer(session, bytes.size());
  REQUIRE(buffer != nullptr);
  std::copy(bytes.begin(), bytes.end(), buffer);
}

inline void put_tokens(Session* session, const std::vector<int32_t>& tokens) {
  int32_t* buffer = session_token_buffer(session, tokens.size());
  REQUIRE(buffer != nullptr);
  std::copy(tokens.begin(), tokens.end(), buffer);
}

inline void prefill(Session* session, const std::vector<int32_t>& tokens, uint32_t slice = 64) {
  put_tokens(session, tokens);
  REQUIRE(session_prompt(session, tokens.size()).ok());
  uint32_t left = 1;
  while (left > 0) REQUIRE(session_prefill(session, slice, &left).ok());
}

inline std::vector<float> logits(Session* session) {
  const std::span<const float> values = session_logits(session);
  return {values.begin(), values.end()};
}

inline void configure(Session* session, uint32_t max_tokens = 8, bool ignore_eos = true) {
  GenerationOptions options;
  options.max_tokens = max_tokens;
  options.ignore_eos = ignore_eos;
  REQUIRE(session_configure(session, options).ok());
}

}  // namespace camelgpt
