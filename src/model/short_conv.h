// The other kind of layer that some models have in the place of attention: a causal convolution over the last few
// positions, in which each channel is alone. Its inputs are kept beside keys and values.
#pragma once

#include "model/model.h"

namespace camelgpt {

inline constexpr uint32_t kMaxConvLength = 16;

// Binds a layer's matrices and weights.
Status bind_short_conv(WeightBinder* binder, const ModelConfig& config, uint32_t layer, DecoderLayer* out);

// workspace->convolved [rows, hidden] = after * convolution(in * before), the three being products of the input, in
// some channels (whole groups of eight).
void short_conv(const ModelConfig& config, const DecoderLayer& layer, Range channels, const Activations& input,
                TokenRows rows, Workspace* workspace);

}  // namespace camelgpt
