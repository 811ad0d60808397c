// Qwen2 (Yang et al. 2024): biases on queries, keys and values. Qwen3 (2025): norms on each head of queries and keys
// instead. Both have variants with experts; Qwen2's include a shared expert.
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
