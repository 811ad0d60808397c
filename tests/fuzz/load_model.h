// Loads a model that must load.
#pragma once

#include <algorithm>
#include <cstring>
#include <vector>

#include "camelgpt.h"
#include "require.h"

namespace camelgpt {

inline void load_model(Session* session, const std::vector<uint8_t>& file, const MemoryOptions& options) {
  const std::span<uint8_t> staging = session_staging(session);
  for (size_t at = 0; at < file.size();) {
    const size_t piece = std::min(staging.size(), file.size() - at);
    std::memcpy(staging.data(), file.data() + at, piece);
    at += piece;
    require(session_feed(session, piece).ok(), "the file loads");
    if (session_load_state(session) == LoadState::kPlanned) require(session_allocate(session, options).ok(), "memory");
  }
}

}  // namespace camelgpt
