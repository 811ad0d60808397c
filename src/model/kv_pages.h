// Which pages of the key/value cache a single token's attention reads: queries and page summaries → tiles for the
// kernel.
//
// The queries of a group share one selection: the pages in which they expect most of their softmax weight, and always
// the first page, where attention rests when there is nothing to find, and the most recent ones.
#pragma once

#include <span>

#include "base/arena.h"
#include "model/kv_cache.h"

namespace camelgpt {

inline constexpr uint32_t kRecentPages = 2;  // the token's own among them

// Memory that one thread selects in, for a cache of some context.
struct PageScratch {
  std::span<float> shares;    // [pages]
  std::span<float> order;     // [pages]
  std::span<float> scores;    // of the kernel
  std::span<uint32_t> tiles;  // [pages + 1] what was chosen
};
PageScratch page_scratch_reserve(uint32_t context, Arena* arena);

// Chooses `kept` of `pages` pages (at least the fixed ones) by the shares of those that are complete; of equals the
// earlier ones. Ascending; valid until the next call with this scratch.
std::span<const uint32_t> choose_pages(std::span<const float> shares, uint32_t pages, uint32_t kept,
                                       const PageScratch& scratch);

// The tiles that attention of the token at cache.length reads in a key/value head of a layer, where it may read
// kv_tokens positions. Empty: all of them. q [group, head_width] are the head's queries, rotated; the token's key is
// stored.
std::span<const uint32_t> select_pages(const ModelConfig& config, uint32_t layer, uint32_t kv_head, const float* q,
                                       uint32_t kv_tokens, const KvCache& cache, const PageScratch& scratch);

}  // namespace camelgpt
