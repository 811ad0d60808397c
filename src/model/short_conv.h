// Layers with a causal convolution over the last few positions of each channel, instead of attention. The cache keeps
// their inputs.
#pragma once

#include "model/model.h"

namespace camelgpt {

inline constexpr uint32_t kMaxConvLength = 16;

// Binds shortconv.in_proj, shortconv.conv and shortconv.out_proj of blk.<layer>.
Status bind_short_conv(WeightBinder* binder, const ModelConfig& config, uint32_t layer, DecoderLayer* out);

// workspace->convolved [rows, hidden] = after * convolution(in * before), the three being products of the input, in
// some channels (whole groups of eight).
void short_conv(const ModelConfig& config, const DecoderLayer& layer, Range channels, const Activations& input,
                TokenRows rows, Workspace* workspace);

}  // namespace camelgpt
