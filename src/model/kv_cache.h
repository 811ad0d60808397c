// Keys and values of every position that was evaluated, and summaries of the pages that are complete. Layers without
// attention keep inputs of their convolution instead.
#pragma once

#include <span>

#include "base/arena.h"
#include "base/status.h"
#include "kernels/kernels.h"
#include "model/config.h"

namespace camelgpt {

// Inputs of convolutions that are kept beside those at the ends of pages: more than a batch and what it reads.
inline constexpr uint32_t kRecentInputs = 128;

struct KvCache {
  // Keys, or values; kernels/kv_layout.h says how they lie.
  struct Rows {
    std::span<uint8_t> stored;  // [layers, kv_heads][room * head_width] int16 or int8
    std::span<float> scales;    // [layers, kv_heads, room]
  };
  KvType type = KvType::k16;
  Rows keys, values;
  // A page's summary is made when its last position is stored, so whatever has happened before, the first
  // length / kAttentionTile of them are those of the keys that are there.
  std::span<int8_t> pages;       // [layers, kv_heads][page_room * 2 * head_width], see kernels/kv_layout.h
  std::span<float> page_scales;  // [layers, kv_heads, page_room]
  // Inputs of convolutions: of recent positions, and for good of the last ones of each page, so that the cache can be
  // cut back to where any page begins.
  std::span<float> conv;               // [conv_layers][rows, hidden]
  std::span<uint32_t> conv_positions;  // [kRecentInputs] whose input it is
  uint32_t room = 0;                   // positions there is memory for: whole tiles
  uint32_t page_room = 0;              // summaries there is memory for: whole key blocks
  uint32_t context = 0;                // positions that may be filled
  uint32_t length = 0;                 // positions that are filled
};

// Takes memory for `context` positions from the arena, or only adds it up while the arena measures.
Status cache_reserve(const ModelConfig& config, uint32_t context, KvType type, Arena* arena, KvCache* cache);

// Stores one head's key or value [head_width] of a layer at a position.
void cache_store_key(const ModelConfig& config, uint32_t layer, uint32_t head, uint32_t position, const float* key,
                     KvCache* cache);
void cache_store_value(const ModelConfig& config, uint32_t layer, uint32_t head, uint32_t position, const float* value,
                       KvCache* cache);

// Makes the summary of a page whose keys are all stored. `head` counts those of all layers.
void cache_sum_up_page(const ModelConfig& config, size_t head, uint32_t page, KvCache* cache);

// Inputs that a layer with a convolution keeps of so many positions, whole tiles: [rows, hidden].
uint64_t cache_conv_rows(const ModelConfig& config, uint64_t positions);
// Whether the input at a position is kept for good, behind the recent ones.
bool cache_keeps_input(const ModelConfig& config, uint32_t position);
// Where the input [hidden] of a convolution at a position is kept. `layer` counts those with a convolution.
float* cache_conv_input(const ModelConfig& config, uint32_t layer, uint32_t position, KvCache* cache);

// After the evaluation of so many positions: they are filled.
void cache_advance(const ModelConfig& config, uint32_t count, KvCache* cache);
// Forgets the positions from `length` on, or from where the last page before begins if what is needed to go on there is
// no longer known. Says how many are left.
uint32_t cache_cut(const ModelConfig& config, uint32_t length, KvCache* cache);

// Points attention at the keys and values of a layer.
void cache_layer(const ModelConfig& config, uint32_t layer, const KvCache& cache, AttentionArguments* arguments);

}  // namespace camelgpt
