// The contents of a cache as ranges of memory, to be written to a file or read from one.
#pragma once

#include <span>

#include "model/kv_cache.h"

namespace camelgpt {

// Part `part` of what the cache holds of the first `length` positions (at most cache.context); empty after the last
// part. For each head of each layer with attention there are keys, their scales, values, and their scales, in whole
// tiles. In models with convolutions follow the positions of recent inputs and the inputs of each layer. Page summaries
// are not parts: they are computed from the keys.
std::span<uint8_t> cache_part(const ModelConfig& config, uint32_t length, uint32_t part, const KvCache& cache);

// Clears what the parts of the first cache->length positions hold of other positions, so that equal texts give equal
// bytes.
void cache_clear_rest(const ModelConfig& config, KvCache* cache);

// Whether parts from an untrusted source hold only numbers that the kernels accept.
bool cache_is_sound(const ModelConfig& config, uint32_t length, const KvCache& cache);

// Marks the first `length` positions as filled, after their parts were written and checked.
void cache_fill(const ModelConfig& config, uint32_t length, KvCache* cache);

// Copies the first `length` positions of another cache with the same context.
void cache_copy(const ModelConfig& config, uint32_t length, const KvCache& from, KvCache* to);

}  // namespace camelgpt
