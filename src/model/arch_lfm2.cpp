// LFM2 (Liquid AI 2025): most layers have a short convolution in the place of attention; heads of queries and keys are
// normed.
#include "model/architecture.h"

namespace camelgpt {

const Architecture kLfm2Architecture = {
    .name = "lfm2",
    .tensors = {.head_norms = true, .short_convs = true, .output_norm = "token_embd_norm.weight"},
    .defaults = {.rope = RopeStyle::kHalves},
};

}  // namespace camelgpt
