// Recomputes the checksum of a changed state.
#pragma once

#include <vector>

#include "base/hash.h"
#include "model/kv_state.h"
#include "session/session.h"

namespace camelgpt {

// The sizes of the sections that follow the header of a state, for the text that the session used last: `text_bytes`,
// then those of the cache.
inline std::vector<size_t> state_sections(const Session& session, size_t text_bytes) {
  const KvCache& cache = latest_sequence(&session)->cache;
  std::vector<size_t> sizes = {text_bytes};
  for (uint32_t section = 0;; ++section) {
    const size_t size = cache_part(config_of(session), cache.length, section, cache).size();
    if (size == 0) return sizes;
    sizes.push_back(size);
  }
}

inline void correct_checksum(std::vector<uint8_t>* state, const std::vector<size_t>& sections) {
  uint64_t hash =
      hash_bytes(state->data() + offsetof(StateHeader, model), sizeof(StateHeader) - offsetof(StateHeader, model));
  size_t at = sizeof(StateHeader);
  for (const size_t size : sections) {
    hash = hash_bytes(state->data() + at, size, hash);
    at += size;
  }
  std::memcpy(state->data() + offsetof(StateHeader, checksum), &hash, sizeof hash);
}

}  // namespace camelgpt
