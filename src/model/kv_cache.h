// The key/value cache: keys and values of all evaluated positions, and summaries of complete pages. Layers with a
// convolution keep its inputs instead.
#pragma once

#include <span>

#include "base/arena.h"
#include "base/status.h"
#include "kernels/kernels.h"
#include "model/config.h"

namespace camelgpt {

// Number of recent inputs that a convolution keeps: more than a batch and the positions before it that it reads.
inline constexpr uint32_t kRecentInputs = 128;

struct KvCache {
  // Keys or values, in the layout of kernels/kv_layout.h.
  struct Rows {
    std::span<uint8_t> stored;  // [all_kv_heads][room * head_width] int16 or int8
    std::span<float> scales;    // [all_kv_heads, room]
  };
  KvType type = KvType::k16;
  Rows keys, values;
  // The summary of a page is computed when its last position is stored, so the first length / kAttentionTile summaries
  // match the stored keys.
  std::span<int8_t> pages;       // [all_kv_heads][page_room * 2 * head_width], see kernels/kv_layout.h
  std::span<float> page_scales;  // [all_kv_heads, page_room]
  // Inputs of convolutions: of recent positions, and of the last positions of every page, so that the cache can be cut
  // at the beginning of any page.
  std::span<float> conv;               // [conv_layers][rows, hidden]
  std::span<uint32_t> conv_positions;  // [kRecentInputs] positions of recent inputs
  uint32_t room = 0;                   // positions that fit in memory: whole tiles
  uint32_t page_room = 0;              // summaries that fit in memory: whole key blocks
  uint32_t context = 0;                // positions that may be filled
  uint32_t length = 0;                 // filled positions
};

// Takes memory for `context` positions from the arena, or only adds it up while the arena measures.
Status cache_reserve(const ModelConfig& config, uint32_t context, KvType type, Arena* arena, KvCache* cache);

// `head` is the index of a key/value head among those of all layers.
// Stores one head's key or value [head_width] at a position.
void cache_store_key(const ModelConfig& config, size_t head, uint32_t position, const float* key, KvCache* cache);
void cache_store_value(const ModelConfig& config, size_t head, uint32_t position, const float* value, KvCache* cache);

// key [head_width] = one head's key at a position.
void cache_load_key(const ModelConfig& config, size_t head, uint32_t position, const KvCache& cache, float* key);
// Copies one head's value from one position to another.
void cache_move_value(const ModelConfig& config, size_t head, uint32_t from, uint32_t to, KvCache* cache);

// Computes the summary of a page whose keys are all stored.
void cache_sum_up_page(const ModelConfig& config, size_t head, uint32_t page, KvCache* cache);

// Number of inputs that a layer with a convolution keeps for `positions` positions (whole tiles).
uint64_t cache_conv_rows(const ModelConfig& config, uint64_t positions);
// Whether the input at a position is among those kept for every page.
bool cache_keeps_input(const ModelConfig& config, uint32_t position);
// The input [hidden] of a convolution at a position. `layer` counts the layers with a convolution.
float* cache_conv_input(const ModelConfig& config, uint32_t layer, uint32_t position, KvCache* cache);

// Marks `count` more positions as filled.
void cache_advance(const ModelConfig& config, uint32_t count, KvCache* cache);
// Forgets the positions from `length` on, or from the beginning of its page if the inputs of convolutions before
// `length` were overwritten. Returns how many positions remain.
uint32_t cache_cut(const ModelConfig& config, uint32_t length, KvCache* cache);

// An empty cache in the memory of another one from a position on, the first of a tile. Parts of one cache share its
// summaries of pages and its convolution inputs, so attention must not be limited, and only one of them is in use in
// layers with a convolution.
KvCache cache_part(const ModelConfig& config, const KvCache& cache, uint32_t position);

// Fills in the arguments that describe the keys and values of a layer whose first head is `head`.
void cache_heads(const ModelConfig& config, size_t head, const KvCache& cache, AttentionArguments* arguments);

}  // namespace camelgpt
