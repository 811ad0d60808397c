// The feed-forward network of a model whose gate is a ReLU: what a neuron with a closed gate would add is zero, so only
// the gate is computed in full, and up and down for the neurons that fired. Nothing is lost: the bits are those of the
// dense network. Source: Mirzadeh et al. 2023, "ReLU Strikes Back".
#pragma once

#include "model/model.h"

namespace camelgpt {

// Binds blk.<layer>.ffn_gate, ffn_up and ffn_down with the biases that the file has. The latter two are stored neuron
// by neuron if neurons may be skipped, the gate is a ReLU, their types allow it and tokens come one by one; otherwise
// in groups. Skipping is for layers that do not normalize what the network adds.
Status bind_gated_ffn(WeightBinder* binder, const ModelConfig& config, uint32_t layer, bool may_skip,
                      DecoderLayer* out);

// gate = activation(gate) * up; an up that is null is one, which GELU alone is asked for
void activate_gate(GateActivation activation, float* gate, const float* up, uint32_t count);

// importance [count] += the neurons' parts in each token's network: |gate| / the norm of all. gate [tokens, padded
// count] is what activate_gate has left. Threads share the neurons.
void add_importance(const Worker& worker, const float* gate, uint32_t tokens, uint32_t count, float* importance);

// Whether sparse_ffn is to be called for so many tokens. For more of them the dense products are cheaper.
bool skips_neurons(const DecoderLayer& layer, uint32_t tokens);

// workspace->x += the layer's network on the norm of it, token by token. Every thread calls it.
void sparse_ffn(const Worker& worker, const ModelConfig& config, const DecoderLayer& layer, uint32_t tokens,
                Workspace* workspace);

}  // namespace camelgpt
