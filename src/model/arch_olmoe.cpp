// OLMoE (Muennighoff et al. 2024): experts, and norms over all heads of queries and of keys together.
#include "model/architecture.h"

namespace camelgpt {

const Architecture kOlmoeArchitecture = {
    .name = "olmoe",
    .tensors = {.head_norms = true, .experts = true},
    .defaults = {.norms_all_heads = true, .rope = RopeStyle::kHalves},
};

}  // namespace camelgpt
