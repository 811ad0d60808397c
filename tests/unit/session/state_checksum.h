// Makes the checksum of a changed state right again.
#pragma once

#include <vector>

#include "base/hash.h"
#include "model/kv_state.h"
#include "session/session.h"

namespace camelgpt {

// Bytes of what lies behind the header of a state, part by part, for the text that the session holds. `text`: bytes of
// the first one.
inline std::vector<size_t> state_parts(const Session& s, size_t text) {
  std::vector<size_t> sizes = {text};
  for (uint32_t part = 0;; ++part) {
    const size_t size = cache_part(s.model.config, s.cache.length, part, s.cache).size();
    if (size == 0) return sizes;
    sizes.push_back(size);
  }
}

inline void correct_checksum(std::vector<uint8_t>* state, const std::vector<size_t>& parts) {
  uint64_t hash =
      hash_bytes(state->data() + offsetof(StateHeader, model), sizeof(StateHeader) - offsetof(StateHeader, model));
  size_t at = sizeof(StateHeader);
  for (const size_t size : parts) {
    hash = hash_bytes(state->data() + at, size, hash);
    at += size;
  }
  std::memcpy(state->data() + offsetof(StateHeader, checksum), &hash, sizeof hash);
}

}  // namespace camelgpt
