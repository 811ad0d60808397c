// Mixture of experts: a feed-forward network of experts, of which a router chooses some for each token (Shazeer et al.
// 2017; Jiang et al. 2024, "Mixtral of Experts"). A shared expert, which every token uses, is optional.
#pragma once

#include "model/model.h"

namespace camelgpt {

// Reads the number and the widths of the experts. Does nothing if the key expert_count is missing.
Status read_experts(const ConfigReader& reader, ModelConfig* config);

// Binds blk.<layer>.ffn_gate_inp, ffn_gate_exps, ffn_up_exps and ffn_down_exps, and the tensors of the shared expert if
// there is one.
Status bind_experts(WeightBinder* binder, const ModelConfig& config, uint32_t layer, DecoderLayer* out);

// workspace->projected [tokens, hidden] = the weighted sum of the experts' outputs for `input`, which must have its
// unquantised floats as well. Called by every thread.
void experts_ffn(const Worker& worker, const ModelConfig& config, const DecoderLayer& layer, const Activations& input,
                 Workspace* workspace);

}  // namespace camelgpt
