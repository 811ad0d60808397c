// Phi-3 (Abdin et al. 2024): queries, keys and values in one matrix, gate and up in another. Models for 128k tokens
// have two sets of rope factors (Ding et al. 2024, "LongRoPE"), which their files do not announce.
#include "model/architecture.h"

namespace camelgpt {

const Architecture kPhi3Architecture = {
    .name = "phi3",
    .tensors = {.fused_qkv = true, .fused_gate = true},
    .defaults = {.rope = RopeStyle::kHalves, .rope_factor_sets = true},
};

}  // namespace camelgpt
