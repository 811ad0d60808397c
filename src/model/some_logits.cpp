#include "model/some_logits.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "nn/linear.h"

namespace camelgpt {

void forbid_others(std::span<const uint64_t> allowed, Range tokens, float* logits) {
  for (uint32_t token = tokens.first; token < tokens.end; ++token) {
    if ((allowed[token / 64] >> (token % 64) & 1) == 0) logits[token] = -HUGE_VALF;
  }
}

namespace {

// Computes the logits of the allowed rows of a tile.
void some_rows(const Model& model, Range tile, std::span<const uint64_t> allowed, const Activations& input,
               ThreadWorkspace* thread, float* logits) {
  const float cap = model.config.logit_softcap;
  if (model.head.weight.order == PanelOrder::kGroups) {  // the kernel computes whole groups
    const auto is_wanted = [&](uint32_t row) { return (allowed[row / 64] >> (row % 64) & 0xff) != 0; };
    for (uint32_t first = tile.first, end; first < tile.end; first = end) {
      const bool wanted = is_wanted(first);
      for (end = first + kPanelRows; end < tile.end && is_wanted(end) == wanted;) end += kPanelRows;
      if (!wanted) continue;
      linear_rows(model.head, first, end - first, input, logits + first, padded_rows(end - first));
      if (cap != 0) kernels().softcap(logits + first, std::min(end, tile.end) - first, cap);
    }
    return forbid_others(allowed, tile, logits);
  }
  uint32_t* const list = thread->rows.data();
  uint32_t count = 0;
  for (uint32_t row = tile.first; row < tile.end; ++row) {
    if ((allowed[row / 64] >> (row % 64) & 1) != 0) list[count++] = row;
  }
  linear_list(model.head, {list, count}, input, logits + tile.first);
  if (cap != 0) kernels().softcap(logits + tile.first, count, cap);
  // The products move to their places from the last one on: none is overwritten before it is read.
  for (uint32_t row = tile.end; row-- > tile.first;) {
    const bool is_listed = count > 0 && list[count - 1] == row;
    logits[row] = is_listed ? logits[tile.first + --count] : -HUGE_VALF;
  }
}

}  // namespace

void model_some_logits(const Model& model, uint32_t output, std::span<const uint64_t> allowed, Workspace* workspace) {
  const ModelConfig& c = model.config;
  assert(c.causal && model.ends == nullptr && model.head_dense.weight.data == nullptr);
  const size_t stride = padded_rows(c.hidden);
  parallel([&](const Worker& worker) {
    const Activations& input = quantize_input(worker, workspace->x.data() + output * stride, stride, 1, c.hidden,
                                              input_precision(model.head), workspace);
    worker.for_each_slice(c.vocabulary, kHeadTile, [&](Range slice) {
      for (uint32_t first = slice.first; first < slice.end; first += kHeadTile) {
        const Range tile{first, std::min(first + kHeadTile, slice.end)};
        some_rows(model, tile, allowed, input, &workspace->threads[worker.index], workspace->logits.data());
      }
    });
  });
}

}  // namespace camelgpt
