// A feed-forward network made of experts, of which a router chooses some for each token: a mixture of experts (Shazeer
// et al. 2017; Jiang et al. 2024, "Mixtral of Experts"). Optionally one more that every token goes through.
#pragma once

#include "model/model.h"

namespace camelgpt {

// Reads how many experts there are and how wide; leaves a configuration without any alone.
Status read_experts(const ConfigReader& reader, ModelConfig* config);

// Binds blk.<layer>.ffn_gate_inp, ffn_gate_exps, ffn_up_exps and ffn_down_exps, and those of the shared expert where
// there is one.
Status bind_experts(WeightBinder* binder, const ModelConfig& config, uint32_t layer, DecoderLayer* out);

// workspace->projected [tokens, hidden] = what the experts make of `input`, whose floats are its x. Every thread calls
// it.
void experts_ffn(const Worker& worker, const ModelConfig& config, const DecoderLayer& layer, const Activations& input,
                 Workspace* workspace);

}  // namespace camelgpt
