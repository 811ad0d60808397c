#include "model/kv_shift.h"

#include <algorithm>
#include <cassert>

#include "model/decoder.h"

namespace camelgpt {
namespace {

struct Removal {
  const Model& model;
  const Workspace& workspace;  // cosine, sine [2, rotated / 2]: the rotation back by `to - from`, then of local layers
  uint32_t from, to;
  KvCache* cache;
};

void move_heads(const Removal& removal, uint32_t layer, Range heads) {
  const auto& [model, w, from, to, cache] = removal;
  const ModelConfig& c = model.config;
  const size_t at = is_local(c, layer) ? c.rope_rotated / 2 : 0;
  const auto rope = c.rope == RopeStyle::kPairs ? kernels().rope : kernels().rope_halves;
  float key[kMaxHeadWidth];
  for (uint32_t head = heads.first; head < heads.end; ++head) {
    for (uint32_t position = to; position < cache->length; ++position) {
      const uint32_t target = position - (to - from);
      cache_load_key(c, head, position, *cache, key);
      if (has_rope(c, layer)) {
        rope(key, 1, c.head_width, c.rope_rotated, w.cosine.data() + at, w.sine.data() + at);
      }
      cache_store_key(c, head, target, key, cache);
      cache_move_value(c, head, position, target, cache);
    }
  }
}

// Angles that turn a key back by `positions`.
void make_angles(const Model& model, uint32_t positions, Workspace* w) {
  const uint32_t pairs = model.config.rope_rotated / 2;
  for (const bool local : {false, true}) {
    RopeOptions options = rope_options(model, local);
    options.magnitude = 1;  // the key already has it
    const size_t at = local ? pairs : 0;
    rope_angles(options, positions, 1, w->cosine.data() + at, w->sine.data() + at);
    for (uint32_t i = 0; i < pairs; ++i) w->sine[at + i] = -w->sine[at + i];
  }
}

}  // namespace

bool model_can_shift(const Model& model) {
  const ModelConfig& c = model.config;
  return c.causal && c.rope != RopeStyle::kNone && c.conv_layers == 0 && model.bytes == nullptr;
}

void cache_remove(const Model& model, uint32_t from, uint32_t to, Workspace* workspace, KvCache* cache) {
  assert(model_can_shift(model) && from < to && to <= cache->length);
  make_angles(model, to - from, workspace);
  const Removal removal{model, *workspace, from, to, cache};
  parallel([&](const Worker& worker) {
    worker.for_each_slice(model.config.all_kv_heads, 1, [&](Range slice) {
      for (uint32_t layer = 0; layer < model.config.layers; ++layer) {
        const uint32_t first = model.layers[layer].first_kv_head, end = first + model.layers[layer].counts.kv_heads;
        move_heads(removal, layer, {std::max(first, slice.first), std::min(end, slice.end)});
      }
    });
  });
  cache->length -= to - from;
}

}  // namespace camelgpt
