// GPT-2 (Radford et al. 2019): layer norms, learned position vectors, a feed-forward network without a gate, biases.
#include "model/architecture.h"

namespace camelgpt {

const Architecture kGpt2Architecture = {
    .name = "gpt2",
    .tensors = {.fused_qkv = true, .qkv_bias = true},
    .defaults = {.gated = false,
                 .activation = GateActivation::kGelu,
                 .norm = NormKind::kLayer,
                 .rope = RopeStyle::kNone},
};

}  // namespace camelgpt
