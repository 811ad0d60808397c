// Qwen2 (Yang et al. 2024): queries, keys and values have biases. Qwen3 (2025): each head of queries and keys is normed
// instead. Both come with experts too; those of Qwen2 have one that all tokens go through.
#include "model/architecture.h"

namespace camelgpt {

const Architecture kQwen2Architecture = {
    .name = "qwen2",
    .tensors = {.qkv_bias = true},
    .defaults = {.rope = RopeStyle::kHalves},
};

const Architecture kQwen3Architecture = {
    .name = "qwen3",
    .tensors = {.head_norms = true},
    .defaults = {.rope = RopeStyle::kHalves},
};

const Architecture kQwen2MoeArchitecture = {
    .name = "qwen2moe",
    .tensors = {.qkv_bias = true, .experts = true},
    .defaults = {.rope = RopeStyle::kHalves},
};

const Architecture kQwen3MoeArchitecture = {
    .name = "qwen3moe",
    .tensors = {.head_norms = true, .experts = true},
    .defaults = {.experts_renormalised = true, .rope = RopeStyle::kHalves},
};

}  // namespace camelgpt
