// BERT (Devlin et al. 2018) and sentence encoders made from it, such as MiniLM: every token attends to all tokens, and
// norms follow the residual sums.
#include "model/architecture.h"

namespace camelgpt {

const Architecture kBertArchitecture = {
    .name = "bert",
    .tensors = {.qkv_bias = true, .pre_norms = false, .encoder = true},
    .defaults = {.gated = false,
                 .activation = GateActivation::kGelu,
                 .norm = NormKind::kLayer,
                 .causal = false,
                 .rope = RopeStyle::kNone},
    .read = read_encoder_config,
};

}  // namespace camelgpt
