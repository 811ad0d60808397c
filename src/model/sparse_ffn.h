// The feed-forward network of a model with ReLU gates. A neuron with a closed gate adds zero, so gates are computed for
// all neurons, up and down only for the neurons that fired. The bits are those of the dense network. Source: Mirzadeh
// et al. 2023, "ReLU Strikes Back".
#pragma once

#include "model/model.h"

namespace camelgpt {

// Binds blk.<layer>.ffn_gate, ffn_up and ffn_down with the biases that the file has. The latter two are stored neuron
// by neuron if neurons may be skipped, the gate is a ReLU, their types allow it and tokens come one by one; otherwise
// in groups. Skipping is for layers that do not normalize what the network adds.
Status bind_gated_ffn(WeightBinder* binder, const ModelConfig& config, uint32_t layer, bool may_skip,
                      DecoderLayer* out);

// gate [count] = activation(gate) * up. A null up is one; only GELU supports it.
void activate_gate(GateActivation activation, float* gate, const float* up, uint32_t count);

// importance [count] += |gate| / norm(gate) of each token, where gate [tokens, padded count] is the result of
// activate_gate(). Every thread calls it and adds for its slice of the neurons.
void add_importance(const Worker& worker, const float* gate, uint32_t tokens, uint32_t count, float* importance);

// Whether sparse_ffn() is used for this number of tokens. For more tokens the dense products are cheaper.
bool skips_neurons(const DecoderLayer& layer, uint32_t tokens);

// `index` is that of the layer. workspace->x [tokens, hidden] += the network of norm(x), token by token. Every thread
// calls it.
void sparse_ffn(const Worker& worker, const ModelConfig& config, const DecoderLayer& layer, uint32_t index,
                uint32_t tokens, Workspace* workspace);

}  // namespace camelgpt
