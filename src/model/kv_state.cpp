#include "model/kv_state.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace camelgpt {
namespace {

constexpr uint32_t kHeadParts = 4;

template <class T>
std::span<uint8_t> bytes_of(std::span<T> values) {
  return {reinterpret_cast<uint8_t*>(values.data()), values.size_bytes()};
}

// Floats of the inputs that a convolution keeps of the first `positions`, whole tiles.
size_t conv_floats(const ModelConfig& config, uint32_t positions) {
  return static_cast<size_t>(cache_conv_rows(config, positions)) * config.hidden;
}

void clear_rows(const ModelConfig& config, size_t (*index)(uint32_t, uint32_t, uint32_t), const KvCache& cache,
                const KvCache::Rows& rows) {
  const uint32_t width = config.head_width, bytes = kv_element_bytes(cache.type);
  const uint32_t end = static_cast<uint32_t>(kv_room(cache.length));
  for (size_t head = 0; head < config.all_kv_heads; ++head) {
    const size_t first = head * cache.room;
    for (uint32_t p = cache.length; p < end; ++p) {
      rows.scales[first + p] = 0;
      for (uint32_t i = 0; i < width; ++i)
        std::memset(&rows.stored[(first * width + index(width, p, i)) * bytes], 0, bytes);
    }
  }
}

// Clears recent inputs that are unknown or kept with their page, and the inputs of later positions.
void clear_conv(const ModelConfig& config, KvCache* cache) {
  const uint32_t hidden = config.hidden, end = static_cast<uint32_t>(kv_room(cache->length));
  for (uint32_t& position : cache->conv_positions) {
    if (position >= cache->length) position = UINT32_MAX;
  }
  for (uint32_t layer = 0; layer < config.conv_layers; ++layer) {
    float* recent = cache->conv.data() + layer * conv_floats(config, cache->room);
    for (uint32_t i = 0; i < kRecentInputs; ++i) {
      const uint32_t p = cache->conv_positions[i];
      if (p == UINT32_MAX || cache_keeps_input(config, p)) std::fill_n(recent + size_t{i} * hidden, hidden, 0.0f);
    }
    for (uint32_t p = cache->length; p < end; ++p) {
      if (cache_keeps_input(config, p)) std::fill_n(cache_conv_input(config, layer, p, cache), hidden, 0.0f);
    }
  }
}

// Whether quants are within the limits. Norms are limited for keys, which lie in blocks where the position changes with
// every pair; the limit of values is beyond reach.
template <class Element>
bool quants_fit(std::span<const uint8_t> bytes, uint32_t width, RowLimits limits) {
  const Element* quants = reinterpret_cast<const Element*>(bytes.data());
  const size_t count = bytes.size() / sizeof(Element), block = size_t{kKeyBlock} * width;
  const double norm = static_cast<double>(limits.norm) + static_cast<double>(kNormRounding);
  for (size_t first = 0; first < count; first += block) {
    int64_t squares[kKeyBlock] = {};
    for (size_t i = 0; i < block; ++i) {
      const int32_t quant = quants[first + i];
      if (std::abs(quant) > static_cast<int32_t>(limits.magnitude)) return false;
      squares[i / 2 % kKeyBlock] += quant * quant;
    }
    if (static_cast<double>(*std::max_element(squares, squares + kKeyBlock)) > norm * norm) return false;
  }
  return true;
}

bool floats_are(std::span<const uint8_t> bytes, bool (*good)(float)) {
  const float* values = reinterpret_cast<const float*>(bytes.data());
  return std::all_of(values, values + bytes.size() / sizeof(float), good);
}

}  // namespace

std::span<uint8_t> cache_part(const ModelConfig& config, uint32_t length, uint32_t part, const KvCache& cache) {
  const uint32_t heads = config.all_kv_heads, positions = static_cast<uint32_t>(kv_room(length));
  if (part < kHeadParts * heads) {
    const size_t first = size_t{part / kHeadParts} * cache.room;
    const KvCache::Rows& rows = part % kHeadParts < 2 ? cache.keys : cache.values;
    if (part % 2 == 1) return bytes_of(rows.scales.subspan(first, positions));
    const size_t each = size_t{config.head_width} * kv_element_bytes(cache.type);
    return rows.stored.subspan(first * each, positions * each);
  }
  part -= kHeadParts * heads;
  if (part > config.conv_layers || config.conv_layers == 0) return {};
  if (part == 0) return bytes_of(cache.conv_positions);
  return bytes_of(cache.conv.subspan((part - 1) * conv_floats(config, cache.room), conv_floats(config, positions)));
}

void cache_clear_rest(const ModelConfig& config, KvCache* cache) {
  clear_rows(config, key_index, *cache, cache->keys);
  clear_rows(config, value_index, *cache, cache->values);
  if (config.conv_layers != 0) clear_conv(config, cache);
}

bool cache_is_sound(const ModelConfig& config, uint32_t length, const KvCache& cache) {
  const auto is_scale = [](float value) { return value >= 0 && std::isfinite(value); };
  const auto is_input = [](float value) { return std::isfinite(value); };
  const uint32_t head_parts = kHeadParts * config.all_kv_heads;
  for (uint32_t part = 0;; ++part) {
    const std::span<const uint8_t> bytes = cache_part(config, length, part, cache);
    if (bytes.empty()) return true;
    if (part == head_parts) continue;  // positions, which are only compared
    const RowLimits limits = part % kHeadParts == 0 ? key_limits(cache.type) : value_limits(cache.type);
    const bool good = part > head_parts           ? floats_are(bytes, is_input)
                      : part % 2 == 1             ? floats_are(bytes, is_scale)
                      : cache.type == KvType::k16 ? quants_fit<int16_t>(bytes, config.head_width, limits)
                                                  : quants_fit<int8_t>(bytes, config.head_width, limits);
    if (!good) return false;
  }
}

void cache_fill(const ModelConfig& config, uint32_t length, KvCache* cache) {
  for (uint32_t head = 0; head < config.all_kv_heads; ++head) {
    for (uint32_t page = 0; page < length / kAttentionTile; ++page) cache_sum_up_page(config, head, page, cache);
  }
  cache->length = length;
}

void cache_copy(const ModelConfig& config, uint32_t length, const KvCache& from, KvCache* to) {
  for (uint32_t part = 0;; ++part) {
    const std::span<const uint8_t> bytes = cache_part(config, length, part, from);
    if (bytes.empty()) break;
    std::memcpy(cache_part(config, length, part, *to).data(), bytes.data(), bytes.size());
  }
  cache_fill(config, length, to);
}

}  // namespace camelgpt
