// Selects the pages of the key/value cache that attention of a single token reads.
//
// The queries of a group share one selection: the pages whose summaries promise most of their softmax weight, the first
// page, on which attention rests if nothing else matches, and the most recent pages.
#pragma once

#include <span>

#include "base/arena.h"
#include "model/kv_cache.h"

namespace camelgpt {

inline constexpr uint32_t kRecentPages = 2;  // including that of the token

// Scratch of one thread.
struct PageScratch {
  std::span<float> shares;    // [pages]
  std::span<float> order;     // [pages]
  std::span<float> scores;    // of the kernel
  std::span<uint32_t> tiles;  // [pages + 1] the selection
};
PageScratch page_scratch_reserve(uint32_t context, Arena* arena);

// Chooses `kept` of `pages` pages, or the fixed ones if those are more, by the shares of complete pages. Of equal
// shares the earlier pages win. Ascending; valid until the next call with this scratch.
std::span<const uint32_t> choose_pages(std::span<const float> shares, uint32_t pages, uint32_t kept,
                                       const PageScratch& scratch);

// The tiles that attention of the token at cache.length reads in a key/value head (its index among those of all layers)
// if it may read kv_tokens positions. Empty: all tiles. q [group, head_width] are the rotated queries of the head. The
// key of the token must be stored.
std::span<const uint32_t> select_pages(const ModelConfig& config, size_t head, uint32_t group, const float* q,
                                       uint32_t kv_tokens, const KvCache& cache, const PageScratch& scratch);

}  // namespace camelgpt
