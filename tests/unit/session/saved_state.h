// Saving and restoring as callers do it.
#pragma once

#include "session/loaded_session.h"

namespace camelgpt {

inline std::vector<uint8_t> save(Session* session) {
  uint64_t bytes = 0;
  REQUIRE(session_save_begin(session, &bytes).ok());
  std::vector<uint8_t> state;
  while (const size_t count = session_save_continue(session)) {
    const uint8_t* staged = session_staging(session).data();
    state.insert(state.end(), staged, staged + count);
  }
  REQUIRE(state.size() == bytes);
  return state;
}

// The status of the first call that fails, or of the last one.
inline Status restore(Session* session, const std::vector<uint8_t>& state, size_t piece = 1 << 20) {
  CAMELGPT_TRY(session_restore_begin(session, state.size()));
  for (size_t at = 0; at < state.size(); at += piece) {
    const size_t size = std::min(piece, state.size() - at);
    std::memcpy(session_staging(session).data(), state.data() + at, size);
    CAMELGPT_TRY(session_restore_continue(session, size));
  }
  return {};
}

}  // namespace camelgpt
