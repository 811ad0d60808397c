#include "model/kv_pages.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace camelgpt {

PageScratch page_scratch_reserve(uint32_t context, Arena* arena) {
  const uint64_t pages = context / kAttentionTile;
  PageScratch scratch;
  scratch.shares = arena->take<float>(pages);
  scratch.order = arena->take<float>(pages);
  scratch.scores = arena->take<float>(page_scratch_floats(pages));
  scratch.tiles = arena->take<uint32_t>(pages + 1);
  return scratch;
}

std::span<const uint32_t> choose_pages(std::span<const float> shares, uint32_t pages, uint32_t kept,
                                       const PageScratch& scratch) {
  // Page 0 and those from `recent` on are fixed. Pages 1 .. recent - 1 are candidates.
  const uint32_t recent = pages - std::min(pages, kRecentPages);
  const uint32_t candidates = recent > 1 ? recent - 1 : 0;
  const uint32_t fixed = pages - candidates;
  const uint32_t wanted = std::min(kept > fixed ? kept - fixed : 0, candidates);
  const auto share = [&](uint32_t page) { return shares[page] > 0 ? shares[page] : 0.0f; };  // NaN counts as 0
  float threshold = HUGE_VALF;  // the smallest share that is chosen
  uint32_t equals = 0;          // how many pages with exactly this share are chosen
  if (wanted > 0) {
    float* order = scratch.order.data();
    for (uint32_t i = 0; i < candidates; ++i) order[i] = share(1 + i);
    std::nth_element(order, order + (wanted - 1), order + candidates, std::greater<float>());
    threshold = order[wanted - 1];
    equals =
        wanted - static_cast<uint32_t>(std::count_if(order, order + wanted, [&](float s) { return s > threshold; }));
  }
  uint32_t count = 0;
  for (uint32_t page = 0; page < pages; ++page) {
    bool chosen = page == 0 || page >= recent;
    if (!chosen && wanted > 0) {
      chosen = share(page) > threshold;
      if (share(page) == threshold && equals > 0) {
        --equals;
        chosen = true;
      }
    }
    if (chosen) scratch.tiles[count++] = page;
  }
  return scratch.tiles.first(count);
}

std::span<const uint32_t> select_pages(const ModelConfig& config, size_t head, uint32_t group, const float* q,
                                       uint32_t kv_tokens, const KvCache& cache, const PageScratch& scratch) {
  const uint32_t pages = cache.length / kAttentionTile + 1;
  const uint32_t kept = std::max(kv_tokens / kAttentionTile, 1 + kRecentPages);
  if (kept >= pages) return {};
  PageArguments arguments{};
  arguments.q = q;
  arguments.pages = cache.pages.data() + head * cache.page_room * 2 * config.head_width;
  arguments.page_scales = cache.page_scales.data() + head * cache.page_room;
  arguments.page_count = (cache.length + 1) / kAttentionTile;
  arguments.head_width = config.head_width;
  arguments.group = group;
  arguments.scale = score_scale(config);
  arguments.shares = scratch.shares.data();
  arguments.scratch = scratch.scores.data();
  kernels().page_shares(arguments);
  return choose_pages(scratch.shares.first(arguments.page_count), pages, kept, scratch);
}

}  // namespace camelgpt
