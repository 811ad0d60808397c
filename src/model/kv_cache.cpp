#include "model/kv_cache.h"

namespace camelgpt {
namespace {

// kIndex: where a head keeps a column of a position.
template <size_t (*kIndex)(uint32_t, uint32_t, uint32_t), class Element>
void scatter(const int16_t* quants, uint32_t width, uint32_t position, Element* head) {
#pragma clang loop vectorize(disable) unroll(disable)  // of no use where numbers lie apart, and 10 KB
  for (uint32_t i = 0; i < width; ++i) head[kIndex(width, position, i)] = static_cast<Element>(quants[i]);
}

template <size_t (*kIndex)(uint32_t, uint32_t, uint32_t)>
void store(const ModelConfig& config, uint32_t layer, uint32_t head, uint32_t position, const float* x, RowLimits limits,
           const KvCache& cache, KvCache::Rows* rows) {
  const size_t first = (static_cast<size_t>(layer) * config.kv_heads + head) * cache.room;
  const uint32_t width = config.head_width;
  int16_t quants[kMaxHeadWidth];
  rows->scales[first + position] = kernels().round_row(x, width, limits, quants);
  if (cache.type == KvType::k16) {
    scatter<kIndex>(quants, width, position, reinterpret_cast<int16_t*>(rows->stored.data()) + first * width);
  } else {
    scatter<kIndex>(quants, width, position, reinterpret_cast<int8_t*>(rows->stored.data()) + first * width);
  }
}

void sum_up_page(const ModelConfig& config, uint32_t layer, uint32_t head, uint32_t page, KvCache* cache) {
  const size_t index = static_cast<size_t>(layer) * config.kv_heads + head;
  const size_t position = index * cache->room + page * kAttentionTile;
  const uint32_t width = config.head_width;
  const float* scales = cache->keys.scales.data() + position;
  const uint8_t* keys = cache->keys.stored.data() + position * width * kv_element_bytes(cache->type);
  float pairs[2 * kMaxHeadWidth];
  sum_up_keys(cache->type, keys, scales, width, pairs);
  int16_t quants[2 * kMaxHeadWidth];
  const size_t first = index * cache->page_room;
  cache->page_scales[first + page] = kernels().round_row(pairs, 2 * width, kPageLimits, quants);
  scatter<key_index>(quants, 2 * width, page, cache->pages.data() + first * 2 * width);
}

}  // namespace

Status cache_reserve(const ModelConfig& config, uint32_t context, KvType type, Arena* arena, KvCache* cache) {
  const uint64_t room = kv_room(context);
  const CheckedSize rows = CheckedSize(config.layers) * config.kv_heads * CheckedSize(room);
  const CheckedSize bytes = rows * config.head_width * kv_element_bytes(type);
  const CheckedSize page_rows = CheckedSize(config.layers) * config.kv_heads * CheckedSize(page_room(context));
  const CheckedSize page_bytes = page_rows * config.head_width * 2;
  const CheckedSize total = (bytes + rows * sizeof(float)) * 2 + page_bytes + page_rows * sizeof(float);
  if (total.overflowed || !bytes.fits_memory()) return out_of_memory("the key/value cache", total.value);
  for (KvCache::Rows* part : {&cache->keys, &cache->values}) {
    part->stored = arena->take<uint8_t>(bytes.value);
    part->scales = arena->take<float>(rows.value);
  }
  cache->pages = arena->take<int8_t>(page_bytes.value);
  cache->page_scales = arena->take<float>(page_rows.value);
  cache->page_room = static_cast<uint32_t>(page_room(context));
  cache->type = type;
  cache->room = static_cast<uint32_t>(room);
  cache->context = context;
  cache->length = 0;
  return {};
}

void cache_store_key(const ModelConfig& config, uint32_t layer, uint32_t head, uint32_t position, const float* key,
                     KvCache* cache) {
  store<key_index>(config, layer, head, position, key, key_limits(cache->type), *cache, &cache->keys);
  if ((position + 1) % kAttentionTile == 0) sum_up_page(config, layer, head, position / kAttentionTile, cache);
}

void cache_store_value(const ModelConfig& config, uint32_t layer, uint32_t head, uint32_t position, const float* value,
                       KvCache* cache) {
  store<value_index>(config, layer, head, position, value, value_limits(cache->type), *cache, &cache->values);
}

void cache_layer(const ModelConfig& config, uint32_t layer, const KvCache& cache, AttentionArguments* arguments) {
  const size_t first = static_cast<size_t>(layer) * config.kv_heads * cache.room;
  const size_t at = first * config.head_width * kv_element_bytes(cache.type);
  arguments->kv_type = cache.type;
  arguments->keys = cache.keys.stored.data() + at;
  arguments->values = cache.values.stored.data() + at;
  arguments->key_scales = cache.keys.scales.data() + first;
  arguments->value_scales = cache.values.scales.data() + first;
  arguments->room = cache.room;
}

}  // namespace camelgpt
