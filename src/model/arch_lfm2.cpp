// LFM2 (Liquid AI 2025): most layers have a short convolution instead of attention; norms on the heads of queries and
// keys.
#include "model/architecture.h"

namespace camelgpt {

const Architecture kLfm2Architecture = {
    .name = "lfm2",
    .tensors = {.head_norms = true, .short_convs = true, .output_norm = "token_embd_norm.weight"},
    .defaults = {.rope = RopeStyle::kHalves},
};

}  // namespace camelgpt
