#include "model/kv_cache.h"

#include <algorithm>
#include <cassert>

namespace camelgpt {
namespace {

// kIndex: the place of a column of a position in a head.
template <size_t (*kIndex)(uint32_t, uint32_t, uint32_t), class Element>
void scatter(const int16_t* quants, uint32_t width, uint32_t position, Element* head) {
#pragma clang loop vectorize(disable) unroll(disable)  // 10 KB of code that stores scattered numbers no faster
  for (uint32_t i = 0; i < width; ++i) head[kIndex(width, position, i)] = static_cast<Element>(quants[i]);
}

template <size_t (*kIndex)(uint32_t, uint32_t, uint32_t)>
void store(const ModelConfig& config, size_t head, uint32_t position, const float* x, RowLimits limits,
           const KvCache& cache, KvCache::Rows* rows) {
  const size_t first = head * cache.room;
  const uint32_t width = config.head_width;
  int16_t quants[kMaxHeadWidth];
  rows->scales[first + position] = kernels().round_row(x, width, limits, quants);
  if (cache.type == KvType::k16) {
    scatter<kIndex>(quants, width, position, reinterpret_cast<int16_t*>(rows->stored.data()) + first * width);
  } else {
    scatter<kIndex>(quants, width, position, reinterpret_cast<int8_t*>(rows->stored.data()) + first * width);
  }
}

template <class Element>
void gather_key(const Element* head, float scale, uint32_t width, uint32_t position, float* key) {
#pragma clang loop vectorize(disable) unroll(disable)
  for (uint32_t i = 0; i < width; ++i) key[i] = scale * static_cast<float>(head[key_index(width, position, i)]);
}

template <class Element>
void move_value(uint32_t width, uint32_t from, uint32_t to, Element* head) {
#pragma clang loop vectorize(disable) unroll(disable)
  for (uint32_t i = 0; i < width; ++i) head[value_index(width, to, i)] = head[value_index(width, from, i)];
}

// Positions at the end of every page whose inputs are kept: those that a convolution reads before its own position.
uint32_t kept_of_page(const ModelConfig& config) { return config.conv_length - 1; }

}  // namespace

Status cache_reserve(const ModelConfig& config, uint32_t context, KvType type, Arena* arena, KvCache* cache) {
  const uint64_t room = kv_room(context);
  const CheckedSize rows = CheckedSize(config.all_kv_heads) * CheckedSize(room);
  const CheckedSize bytes = rows * config.head_width * kv_element_bytes(type);
  const CheckedSize page_rows = CheckedSize(config.all_kv_heads) * CheckedSize(page_room(context));
  const CheckedSize page_bytes = page_rows * config.head_width * 2;
  const CheckedSize total = (bytes + rows * sizeof(float)) * 2 + page_bytes + page_rows * sizeof(float);
  if (total.overflowed || !bytes.fits_memory()) return out_of_memory("the key/value cache", total.value);
  for (KvCache::Rows* stored : {&cache->keys, &cache->values}) {
    stored->stored = arena->take<uint8_t>(bytes.value);
    stored->scales = arena->take<float>(rows.value);
  }
  cache->pages = arena->take<int8_t>(page_bytes.value);
  cache->page_scales = arena->take<float>(page_rows.value);
  cache->page_room = static_cast<uint32_t>(page_room(context));
  if (config.conv_layers != 0) {
    const CheckedSize inputs = CheckedSize(config.conv_layers) * cache_conv_rows(config, room) * config.hidden;
    if (!(inputs * sizeof(float)).fits_memory()) return out_of_memory("inputs of convolutions", inputs.value);
    cache->conv = arena->take<float>(inputs.value);
    cache->conv_positions = arena->take<uint32_t>(kRecentInputs);
    std::fill(cache->conv_positions.begin(), cache->conv_positions.end(), UINT32_MAX);
  }
  cache->type = type;
  cache->room = static_cast<uint32_t>(room);
  cache->context = context;
  cache->length = 0;
  return {};
}

void cache_sum_up_page(const ModelConfig& config, size_t head, uint32_t page, KvCache* cache) {
  const size_t position = head * cache->room + page * kAttentionTile;
  const uint32_t width = config.head_width;
  const float* scales = cache->keys.scales.data() + position;
  const uint8_t* keys = cache->keys.stored.data() + position * width * kv_element_bytes(cache->type);
  float pairs[2 * kMaxHeadWidth];
  summarize_keys(cache->type, keys, scales, width, pairs);
  int16_t quants[2 * kMaxHeadWidth];
  const size_t first = head * cache->page_room;
  cache->page_scales[first + page] = kernels().round_row(pairs, 2 * width, kPageLimits, quants);
  scatter<key_index>(quants, 2 * width, page, cache->pages.data() + first * 2 * width);
}

void cache_store_key(const ModelConfig& config, size_t head, uint32_t position, const float* key, KvCache* cache) {
  store<key_index>(config, head, position, key, key_limits(cache->type), *cache, &cache->keys);
  if ((position + 1) % kAttentionTile != 0) return;
  cache_sum_up_page(config, head, position / kAttentionTile, cache);
}

void cache_store_value(const ModelConfig& config, size_t head, uint32_t position, const float* value, KvCache* cache) {
  store<value_index>(config, head, position, value, value_limits(cache->type), *cache, &cache->values);
}

void cache_load_key(const ModelConfig& config, size_t head, uint32_t position, const KvCache& cache, float* key) {
  const uint32_t width = config.head_width;
  const size_t first = head * cache.room;
  const float scale = cache.keys.scales[first + position];
  if (cache.type == KvType::k16) {
    gather_key(reinterpret_cast<const int16_t*>(cache.keys.stored.data()) + first * width, scale, width, position, key);
  } else {
    gather_key(reinterpret_cast<const int8_t*>(cache.keys.stored.data()) + first * width, scale, width, position, key);
  }
}

void cache_move_value(const ModelConfig& config, size_t head, uint32_t from, uint32_t to, KvCache* cache) {
  const uint32_t width = config.head_width;
  const size_t first = head * cache->room;
  cache->values.scales[first + to] = cache->values.scales[first + from];
  if (cache->type == KvType::k16) {
    move_value(width, from, to, reinterpret_cast<int16_t*>(cache->values.stored.data()) + first * width);
  } else {
    move_value(width, from, to, reinterpret_cast<int8_t*>(cache->values.stored.data()) + first * width);
  }
}

uint64_t cache_conv_rows(const ModelConfig& config, uint64_t positions) {
  return kRecentInputs + positions / kAttentionTile * kept_of_page(config);
}

bool cache_keeps_input(const ModelConfig& config, uint32_t position) {
  return position % kAttentionTile >= kAttentionTile - kept_of_page(config);
}

float* cache_conv_input(const ModelConfig& config, uint32_t layer, uint32_t position, KvCache* cache) {
  const uint32_t kept = kept_of_page(config);
  const uint32_t row = cache_keeps_input(config, position) ? kRecentInputs + position / kAttentionTile * kept +
                                                                 position % kAttentionTile - (kAttentionTile - kept)
                                                           : position % kRecentInputs;
  return cache->conv.data() + (layer * cache_conv_rows(config, cache->room) + row) * config.hidden;
}

void cache_advance(const ModelConfig& config, uint32_t count, KvCache* cache) {
  for (uint32_t end = cache->length + count; cache->length < end; ++cache->length) {
    if (config.conv_layers != 0) cache->conv_positions[cache->length % kRecentInputs] = cache->length;
  }
}

uint32_t cache_cut(const ModelConfig& config, uint32_t length, KvCache* cache) {
  assert(length <= cache->length);
  cache->length = length;
  if (config.conv_layers == 0) return length;
  for (uint32_t p = length - std::min(length, kept_of_page(config)); p < length; ++p) {
    const bool is_known = cache_keeps_input(config, p) || cache->conv_positions[p % kRecentInputs] == p;
    if (!is_known) cache->length = length / kAttentionTile * kAttentionTile;
  }
  return cache->length;
}

KvCache cache_part(const ModelConfig& config, const KvCache& cache, uint32_t position) {
  assert(position % kAttentionTile == 0 && position < cache.room);
  KvCache part = cache;
  const size_t bytes = size_t{position} * config.head_width * kv_element_bytes(cache.type);
  for (KvCache::Rows* rows : {&part.keys, &part.values}) {
    rows->stored = rows->stored.subspan(bytes);
    rows->scales = rows->scales.subspan(position);
  }
  part.length = 0;
  return part;
}

void cache_heads(const ModelConfig& config, size_t head, const KvCache& cache, AttentionArguments* arguments) {
  const size_t first = head * cache.room;
  const size_t at = first * config.head_width * kv_element_bytes(cache.type);
  arguments->kv_type = cache.type;
  arguments->keys = cache.keys.stored.data() + at;
  arguments->values = cache.values.stored.data() + at;
  arguments->key_scales = cache.keys.scales.data() + first;
  arguments->value_scales = cache.values.scales.data() + first;
  arguments->room = cache.room;
}

}  // namespace camelgpt
