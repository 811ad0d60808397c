// Saving and restoring as callers do it.
#pragma once

#include "session/loaded_session.h"

namespace camelgpt {

inline std::vector<int32_t> operator+(std::vector<int32_t> tokens, const std::vector<int32_t>& more) {
  tokens.insert(tokens.end(), more.begin(), more.end());
  return tokens;
}

inline std::vector<uint8_t> save(Session* session, uint32_t budget = UINT32_MAX) {
  REQUIRE(session_begin(session, SaveRequest{}).ok());
  const uint64_t bytes = session_remaining(session);
  std::vector<uint8_t> state;
  ActivityProgress progress{ActivityState::kMore};
  while (progress.state == ActivityState::kMore) {
    REQUIRE(session_continue(session, budget, &progress).ok());
    const uint8_t* staged = session_staging(session).data();
    state.insert(state.end(), staged, staged + progress.processed);
    REQUIRE(progress.remaining == bytes - state.size());
  }
  return state;
}

// The status of the first call that fails, or of the last one.
inline Status restore(Session* session, const std::vector<uint8_t>& state, size_t piece = 1 << 20) {
  CAMELGPT_TRY(session_begin(session, RestoreRequest{state.size()}));
  ActivityProgress progress;
  for (size_t at = 0; at < state.size(); at += piece) {
    const size_t size = std::min(piece, state.size() - at);
    std::memcpy(session_staging(session).data(), state.data() + at, size);
    CAMELGPT_TRY(session_continue(session, static_cast<uint32_t>(size), &progress));
  }
  REQUIRE(progress.state == ActivityState::kDone);
  return {};
}

}  // namespace camelgpt
