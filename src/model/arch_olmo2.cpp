// OLMo 2 (OLMo Team 2024): norms only on the outputs of blocks, and over all heads of queries and of keys together.
#include "model/architecture.h"

namespace camelgpt {

const Architecture kOlmo2Architecture = {
    .name = "olmo2",
    .tensors = {.head_norms = true, .pre_norms = false, .post_norms = true},
    .defaults = {.norms_all_heads = true, .rope = RopeStyle::kHalves},
};

}  // namespace camelgpt
