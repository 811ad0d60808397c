// Removes positions from the middle of a key/value cache.
#pragma once

#include "model/model.h"

namespace camelgpt {

// Whether positions can be removed from the caches of a model: keys encode their position as a rotation, and no layer
// keeps inputs of neighbouring positions.
bool model_can_shift(const Model& model);

// Removes the positions [from, to). Later values move, and later keys are rotated to their new positions. They were
// computed while the removed tokens were visible, so that the result differs from evaluating the remaining tokens.
void cache_remove(const Model& model, uint32_t from, uint32_t to, Workspace* workspace, KvCache* cache);

}  // namespace camelgpt
