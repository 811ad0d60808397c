#include "model/short_conv.h"

#include <algorithm>

#include "nn/linear.h"

namespace camelgpt {

Status bind_short_conv(WeightBinder* binder, const ModelConfig& config, uint32_t layer, DecoderLayer* out) {
  const uint32_t hidden = config.hidden;
  const LayerTensorName products(layer, "shortconv.in_proj.weight");
  CAMELGPT_TRY(bind_panel_rows(binder, products, {0, hidden}, 3 * hidden, hidden, &out->conv_before.weight));
  CAMELGPT_TRY(bind_panel_rows(binder, products, {hidden, 2 * hidden}, 3 * hidden, hidden, &out->conv_after.weight));
  CAMELGPT_TRY(bind_panel_rows(binder, products, {2 * hidden, 3 * hidden}, 3 * hidden, hidden, &out->conv_in.weight));
  CAMELGPT_TRY(
      bind_table(binder, LayerTensorName(layer, "shortconv.conv.weight"), hidden, config.conv_length, &out->conv));
  return bind_panel(binder, LayerTensorName(layer, "shortconv.out_proj.weight"), hidden, hidden, &out->output.weight);
}

void short_conv(const ModelConfig& config, const DecoderLayer& layer, Range channels, const Activations& input,
                TokenRows rows, Workspace* workspace) {
  const size_t stride = padded_rows(config.hidden);
  const uint32_t length = config.conv_length;
  float* before = workspace->conv_before.data();
  float* in = workspace->conv_in.data();
  float* out = workspace->convolved.data();
  linear_slice(layer.conv_before, channels, input, before, stride);
  linear_slice(layer.conv_in, channels, input, in, stride);
  linear_slice(layer.conv_after, channels, input, out, stride);
  for (const TokenRow& row : rows) {
    float* kept = cache_conv_input(config, layer.conv_index, row.position, row.cache);
    for (uint32_t i = channels.first; i < channels.end; ++i) kept[i] = in[i] * before[i];
    float sums[kPanelRows];
    for (uint32_t first = channels.first; first < channels.end; first += kPanelRows) {
      const uint32_t count = std::min(kPanelRows, channels.end - first);
      std::fill_n(sums, kPanelRows, 0.0f);
      for (uint32_t tap = 0; tap < length; ++tap) {
        const uint32_t ago = length - 1 - tap;
        if (ago > row.position) continue;
        const float* seen = cache_conv_input(config, layer.conv_index, row.position - ago, row.cache) + first;
        for (uint32_t i = 0; i < count; ++i)
          sums[i] += layer.conv[static_cast<size_t>(first + i) * length + tap] * seen[i];
      }
      for (uint32_t i = 0; i < count; ++i) out[first + i] *= sums[i];
    }
    before += stride;
    in += stride;
    out += stride;
  }
}

}  // namespace camelgpt
