// The other kind of layer that some models have in the place of attention: a causal convolution over the last few
// positions, in which each channel is alone. Its inputs are kept beside keys and values.
#pragma once

#include "model/model.h"

namespace camelgpt {

inline constexpr uint32_t kMaxConvLength = 16;

// Binds a layer's matrices and weights.
Status bind_short_conv(WeightBinder* binder, const ModelConfig& config, uint32_t layer, DecoderLayer* out);

// Some channels (whole groups of eight) of after * convolution(in * before), where the three are products of the input,
// for all of its tokens, which follow what the cache holds. Into workspace->convolved.
void short_conv(const ModelConfig& config, const DecoderLayer& layer, Range channels, const Activations& input,
                KvCache* cache, Workspace* workspace);

}  // namespace camelgpt
