// What the cache keeps of its first positions, as pieces of memory: to be written to a file, or read from one.
#pragma once

#include <span>

#include "model/kv_cache.h"

namespace camelgpt {

// A piece of what is kept of the first `length` positions (at most cache.context); empty behind the last one. For each
// head of each layer with attention come keys, their scales, values, their scales, in whole tiles; then, where there
// are convolutions, whose the recent inputs are, and for each layer with one its inputs. Page summaries follow from the
// keys.
std::span<uint8_t> cache_part(const ModelConfig& config, uint32_t length, uint32_t part, const KvCache& cache);

// Makes zeros of what the parts of the first cache->length positions hold beside these, so that the same text gives the
// same bytes.
void cache_clear_rest(const ModelConfig& config, KvCache* cache);

// Whether the parts, written by anyone, hold numbers that the kernels can compute with.
bool cache_is_sound(const ModelConfig& config, uint32_t length, const KvCache& cache);

// The parts are written and sound: the first `length` positions are filled.
void cache_fill(const ModelConfig& config, uint32_t length, KvCache* cache);

// Fills the first `length` positions with what another cache of the same context holds there.
void cache_copy(const ModelConfig& config, uint32_t length, const KvCache& from, KvCache* to);

}  // namespace camelgpt
