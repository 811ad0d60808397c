// Mixture of experts: a feed-forward network of experts, of which a router chooses some for each token (Shazeer et al.
// 2017; Jiang et al. 2024, "Mixtral of Experts"). A shared expert, which every token uses, is optional.
#pragma once

#include "model/model.h"

namespace camelgpt {

// Reads number and widths of experts. Without expert_count nothing is changed.
Status read_experts(const ConfigReader& reader, ModelConfig* config);

// Binds blk.<layer>.ffn_gate_inp, ffn_gate_exps, ffn_up_exps and ffn_down_exps, and the tensors of the shared expert if
// there is one.
Status bind_experts(WeightBinder* binder, const ModelConfig& config, uint32_t layer, DecoderLayer* out);

// workspace->projected [tokens, hidden] = the weighted sum of the experts' outputs for `input`, which also needs its
// floats. Every thread calls it.
void experts_ffn(const Worker& worker, const ModelConfig& config, const DecoderLayer& layer, const Activations& input,
                 Workspace* workspace);

}  // namespace camelgpt
